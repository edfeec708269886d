//! Which pods are those of the revision under test, by their names: what metrics of pods are asked for. Pure.
//!
//! A pod is called after its ReplicaSet or DaemonSet, with five characters of the API server's, which first cuts what is
//! longer than 58. Caches hold no pods, so where that name does not tell the revision's pods from primary's, those that
//! are endpoints are listed.

use super::{
    half::Half,
    live::{Live, label, text},
};
use crate::plan::{Blueprint, Workload};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the API server leaves of a name before it adds characters of its own.
const CUT: usize = 58;
/// Those characters.
const RANDOM: &str = "[0-9a-z]{5}";
/// Most names in one expression; a sample of the revision's pods is of the revision, too.
const MOST: usize = 100;

/// A regular expression (RE2, for the whole name) of the pods of `revision`; `None` while none is known.
pub fn pattern(live: &Live, blueprint: &Blueprint, revision: Option<&str>) -> Option<String> {
    let target = live.target.as_ref()?;
    let half = Half {
        workload: blueprint.workload,
        object: target,
        live,
    };
    match blueprint.workload {
        Workload::Deployment => half.set_of(revision).map(made_of),
        // A DaemonSet replaces its pods one for one, so by the time a revision is tried they are all its own.
        Workload::DaemonSet => {
            let (own, primary) = (base(&blueprint.target), base(&blueprint.primary_name()));
            if own == primary {
                return listed(live, blueprint);
            }
            Some(made_of(&blueprint.target))
        }
        Workload::Service => listed(live, blueprint),
    }
}

fn made_of(owner: &str) -> String {
    format!("{}{RANDOM}", quoted(&base(owner)))
}

fn base(owner: &str) -> String {
    format!("{owner}-").chars().take(CUT).collect()
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
