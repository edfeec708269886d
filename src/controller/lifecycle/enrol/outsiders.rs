//! NetworkPolicies of other namespaces that name an app's pods as peers, and not its primary's: which of them have a say.
//!
//! An honest one protects pods that the app calls, or is called by: an app whose primary it would cut off is better left
//! alone. But whoever may write a policy in one namespace can name the pods of every other one by it. So one is ignored
//! that protects no pod and would protect none of a workload, as are all of a namespace that an admin has labelled
//! `coalmine.dev/network-policies: ignored`.

use super::workloads::labels_of_pods;
use crate::api::labels;
use crate::controller::context::Context;
use crate::plan::{
    Selector,
    enrolment::{
        pairing::Surroundings,
        reach::{self, Outsider},
    },
    services::pointing::Labels,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams, core::PartialObjectMeta, runtime::reflector::ObjectRef};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Most policies of one namespace that are looked into; more of them that name one app's pods are no honest ones, and count for
/// nothing.
const MOST: usize = 16;
/// Pods that have not ended.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Why a policy is ignored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silent {
    /// Nobody is protected by it.
    Idle,
    /// An admin has said so.
    Ignored,
    /// There are too many of them.
    TooMany,
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str(
                "It is ignored: it protects no pod of its own namespace, and would protect none of any workload there",
            ),
            Self::Ignored => write!(
                f,
                "It is ignored: its namespace has the label {}: {}",
                labels::NETWORK_POLICIES,
                labels::IGNORED
            ),
            Self::TooMany => write!(
                f,
                "It is ignored: more than {MOST} policies of its namespace name the app's pods"
            ),
        }
    }
}

/// What was found in a namespace while its policies were looked into.
#[derive(Default)]
struct Seen {
    policies: usize,
    /// The labels of the pods of its workloads, once that was looked for.
    workloads: Option<Vec<Labels>>,
}

/// Notes in `around` which of them have no say; answers what is to be said of these. The first that has one ends the search.
pub async fn without_a_say(
    context: &Context,
    target: &Value,
    selector: &Selector,
    around: &mut Surroundings,
) -> Option<String> {
    let policies = Arc::clone(&around.policies);
    let outsiders = reach::cut_off_by_others(target, selector, &policies, &around.namespace_labels);
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut told: Vec<(Silent, String)> = Vec::new();
    for policy in outsiders {
        let (namespace, name) = policy.place();
        let why = silent(context, &policy, seen.entry(namespace.clone()).or_default()).await?;
        // One for each reason.
        if told.iter().all(|(known, _)| *known != why) {
            told.push((why, format!("{policy}. {why}")));
        }
        around.idle.insert((namespace, name));
    }
    let lines: Vec<String> = told.into_iter().map(|(_, line)| line).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

// Why it is ignored; `None` where it counts. What cannot be looked at counts: an app that is cut off is worse than one
// that is left alone.
async fn silent(context: &Context, policy: &Outsider<'_>, seen: &mut Seen) -> Option<Silent> {
    let (namespace, _) = policy.place();
    if is_ignored(context, &namespace) {
        return Some(Silent::Ignored);
    }
    seen.policies += 1;
    if seen.policies > MOST {
        return Some(Silent::TooMany);
    }
    match protects(context, &namespace, policy, seen).await {
        Ok(protects) => (!protects).then_some(Silent::Idle),
        Err(error) => {
            tracing::debug!(namespace, error, "whom a NetworkPolicy protects cannot be looked at");
            None
        }
    }
}

fn is_ignored(context: &Context, namespace: &str) -> bool {
    let known = context.cluster.namespaces.get(&ObjectRef::new(namespace));
    known.is_some_and(|known| {
        let said = known.labels().get(labels::NETWORK_POLICIES);
        said.is_some_and(|said| said == labels::IGNORED)
    })
}

// Whether it protects a pod, or would protect one of a workload that has none just now.
async fn protects(context: &Context, namespace: &str, policy: &Outsider<'_>, seen: &mut Seen) -> Result<bool, String> {
    let Some(protected) = policy.protected() else {
        return Ok(true);
    };
    let client = &context.effects.client;
    let pods = Api::<PartialObjectMeta<Pod>>::namespaced(client.clone(), namespace);
    let living = ListParams::default().labels(&protected).fields(LIVING).limit(1);
    let found = pods.list_metadata(&living).await.map_err(|error| error.to_string())?;
    if !found.items.is_empty() {
        return Ok(true);
    }
    let workloads = match seen.workloads.take() {
        Some(known) => known,
        None => labels_of_pods(client, namespace).await?,
    };
    let workloads = seen.workloads.insert(workloads);
    Ok(workloads.iter().any(|labels| policy.protects(labels)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{controller::context::fake, testing::ApiServer};
    use serde_json::json;

    fn surroundings() -> Surroundings {
        let peers = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}]);
        let policy = json!({
            "metadata": {"name": "bait", "namespace": "team-a"},
            "spec": {"podSelector": {}, "ingress": [{"from": peers}]},
        });
        Surroundings {
            policies: vec![policy].into(),
            ..Surroundings::default()
        }
    }

    fn target() -> Value {
        json!({
            "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}},
        })
    }

    #[tokio::test]
    async fn a_policy_that_protects_nobody_counts_for_nothing_and_one_that_does_counts_unless_an_admin_says_no() {
        let server = ApiServer::default();
        let (context, _told) = fake::with(server.client());
        let target = target();
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let look = async || {
            let mut around = surroundings();
            let told = without_a_say(&context, &target, &selector, &mut around).await;
            assert_eq!(told.is_some(), !around.idle.is_empty());
            told
        };
        let told = look().await.unwrap();
        assert!(
            told.starts_with("in namespace team-a, NetworkPolicy \"bait\"") && told.contains("protects no pod"),
            "{told}"
        );
        let pod = |phase: &str| json!({"metadata": {"name": "db", "namespace": "team-a"}, "status": {"phase": phase}});
        server.put("/api/v1/namespaces/team-a/pods/db", pod("Failed"));
        assert!(look().await.is_some(), "it has ended");
        server.put("/api/v1/namespaces/team-a/pods/db", pod("Running"));
        assert_eq!(look().await, None);
        fake::namespace(&context, "team-a", &json!({labels::ENABLED: "false"}));
        assert_eq!(look().await, None, "that is about the apps of that namespace");
        fake::namespace(&context, "team-a", &json!({labels::NETWORK_POLICIES: labels::IGNORED}));
        let told = look().await.unwrap();
        assert!(told.contains("has the label coalmine.dev/network-policies"), "{told}");
        fake::namespace(&context, "team-a", &json!({}));
        server.fail("GET /api/v1/namespaces/team-a/pods", 500, ApiServer::ALWAYS);
        assert_eq!(look().await, None, "what cannot be looked at counts");
    }

    #[tokio::test]
    async fn whoever_has_no_pod_just_now_is_protected_as_well() {
        let pods = json!({"metadata": {"labels": {"app": "db"}}});
        for (path, spec) in [
            (
                "/apis/apps/v1/namespaces/team-a/deployments/db",
                json!({"replicas": 0, "template": pods}),
            ),
            (
                "/apis/apps/v1/namespaces/team-a/statefulsets/db",
                json!({"template": pods}),
            ),
            (
                "/apis/batch/v1/namespaces/team-a/cronjobs/db",
                json!({"jobTemplate": {"spec": {"template": pods}}}),
            ),
        ] {
            let server = ApiServer::default();
            let (context, _told) = fake::with(server.client());
            let target = target();
            let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
            let look = async || without_a_say(&context, &target, &selector, &mut surroundings()).await;
            assert!(look().await.is_some());
            server.put(
                path,
                json!({"metadata": {"name": "db", "namespace": "team-a"}, "spec": spec}),
            );
            assert_eq!(look().await, None, "{path}");
            server.take(path);
            server.fail(
                "GET /apis/apps/v1/namespaces/team-a/statefulsets",
                500,
                ApiServer::ALWAYS,
            );
            assert_eq!(look().await, None, "what cannot be looked at counts");
        }
    }

    #[tokio::test]
    async fn of_very_many_of_one_namespace_only_some_are_looked_into() {
        let server = ApiServer::default();
        let (context, _told) = fake::with(server.client());
        let target = target();
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let mut around = surroundings();
        let one = around.policies[0].clone();
        let named = |number: usize| {
            let mut policy = one.clone();
            policy["metadata"]["name"] = json!(format!("bait-{number}"));
            policy
        };
        around.policies = (0..=MOST).map(named).collect::<Vec<Value>>().into();
        let told = without_a_say(&context, &target, &selector, &mut around).await.unwrap();
        assert_eq!(around.idle.len(), MOST + 1);
        assert!(
            told.contains("protects no pod") && told.contains("more than 16"),
            "{told}"
        );
        let log = server.log.lock();
        let asked = log.iter().filter(|line| line.contains("/deployments")).count();
        assert_eq!(asked, 1, "the workloads of a namespace are looked for once");
    }
}
