//! Which pods are those of the revision under test: by their names, which is also what metrics of pods are asked for.
//!
//! A pod is called after its ReplicaSet or DaemonSet, with five characters of the API server's, which first cuts what is
//! longer than 58. Caches hold no pods, so where that name does not tell whose they are, those that are endpoints are
//! listed.

use super::live_workload::LiveWorkload;
use crate::controller::watch::pair::live::{CUT, Live, base};
use crate::object::{label, text};
use crate::plan::{Blueprint, Selector, Workload, workload::revisions};
use crate::requests::pages::{self, METADATA};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, api::ListParams, core::PartialObjectMeta};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The five characters that the API server adds to a name.
const RANDOM: &str = "[0-9a-z]{5}";
/// Most names in one expression; a sample of the revision's pods is of the revision, too.
const MOST: usize = 100;

/// A regular expression (RE2, for the whole name) of the pods of `revision`; `None` while none is known.
pub fn pattern(live: &Live, blueprint: &Blueprint, revision: Option<&str>) -> Option<String> {
    let target = live.target.as_ref()?;
    let workload = blueprint.workload;
    if let Some(own) = workload.own_route() {
        return Some(own.pods(&quoted(revisions::name(revision?))));
    }
    // Somebody else's, of whose owners nothing is known.
    if !workload.rolls() {
        return listed(live, blueprint);
    }
    // A DaemonSet replaces its pods one for one, so by the time a revision is tried they are all its own.
    if workload == Workload::DaemonSet {
        let (own, primary) = (base(&blueprint.target), base(&blueprint.primary_name()));
        if own == primary {
            return listed(live, blueprint);
        }
        return Some(made_of(&blueprint.target));
    }
    let half = LiveWorkload {
        workload,
        object: target,
        live,
    };
    let set = half.set_of(revision)?;
    let listed = is_cut(set).then(|| listed(live, blueprint)).flatten();
    listed.or_else(|| Some(made_of(set)))
}

fn made_of(owner: &str) -> String {
    format!("{}{RANDOM}", quoted(&base(owner)))
}

// Whether the owner's name is so long that the names of its pods have its beginning alone.
fn is_cut(owner: &str) -> bool {
    owner.len() >= CUT
}

/// The owners of the pods behind a pair's Services, where their names do not tell: of the revisions of an app with a long
/// name, all pods may begin alike. Pods that are not among those `known` are looked for.
///
/// # Errors
/// Why they cannot be listed.
pub async fn owners(
    client: &Client,
    namespace: &str,
    (live, selector): (&Live, &Selector),
    known: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, kube::Error> {
    if !live.revisions.iter().any(|set| is_cut(text(set, "/metadata/name"))) {
        return Ok(BTreeMap::new());
    }
    let pods: BTreeSet<&str> = live.endpoint_pods().collect();
    if pods.iter().all(|pod| known.contains_key(*pod)) {
        return Ok(known);
    }
    // Whoever is gone again is nobody's.
    let mut owners: BTreeMap<String, String> = pods.iter().map(|pod| ((*pod).to_owned(), String::new())).collect();
    let mut found = |pod: PartialObjectMeta<Pod>| {
        let mut all = pod.owner_references().iter();
        let owner = all.find(|owner| owner.controller == Some(true));
        let owner = owner.map(|owner| owner.name.clone()).unwrap_or_default();
        owners.insert(pod.name_any(), owner);
        ControlFlow::Continue(())
    };
    for labels in [selector.target_labels(), selector.primary_labels()] {
        let api = Api::<PartialObjectMeta<Pod>>::namespaced(client.clone(), namespace);
        let half = ListParams::default().limit(METADATA).labels(&expression(&labels));
        pages::each(&api, half, &mut found).await?;
    }
    Ok(owners)
}

fn expression(labels: &Map<String, Value>) -> String {
    let all = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    all.collect::<Vec<String>>().join(",")
}

// Of all that names may have, only the dot means something in an expression; a class needs no backslash, which a quoted
// text of PromQL would want twice.
fn quoted(name: &str) -> String {
    name.replace('.', "[.]")
}

// The pods that are endpoints of `-canary`, ready or not: one that answers with errors may have been taken out.
fn listed(live: &Live, blueprint: &Blueprint) -> Option<String> {
    let service = blueprint.names.as_ref()?.canary.as_str();
    let slices = live.slices.iter();
    let own = slices.filter(|slice| label(slice, "kubernetes.io/service-name") == Some(service));
    let endpoints = own.flat_map(|s| s.get("endpoints").and_then(Value::as_array).into_iter().flatten());
    let pods: BTreeSet<&str> = endpoints
        .map(|endpoint| text(endpoint, "/targetRef/name"))
        .filter(|pod| !pod.is_empty())
        .collect();
    let names: Vec<String> = pods.into_iter().take(MOST).map(quoted).collect();
    (!names.is_empty()).then(|| names.join("|"))
}

#[cfg(test)]
mod tests;
