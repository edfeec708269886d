//! NetworkPolicies of other namespaces that name an app's pods as peers, and not its primary's: which of them have a say.
//!
//! An honest one protects pods that the app calls, or is called by: an app whose primary it would cut off is better left
//! alone. But whoever may write a policy in one namespace can name the pods of every other one by it. So one that protects no
//! pod counts for nothing, nor does any of a namespace that an admin has labelled `coalmine.dev/enabled: "false"`.

use crate::api::labels;
use crate::controller::context::Context;
use crate::plan::{
    Selector,
    enrolment::{
        pairing::Surroundings,
        reach::{self, Outsider},
    },
};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams, core::PartialObjectMeta, runtime::reflector::ObjectRef};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Most policies of one namespace that are looked into; more of them that name one app's pods are no honest ones, and count for
/// nothing.
const MOST: usize = 16;
/// Pods that have not ended.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// What an admin says of a namespace whose policies are to have no say over others.
const SILENCED: &str = "false";

/// Notes in `around` which of them have no say; answers what is to be said of these. The first that has one ends the search.
pub async fn without_a_say(
    context: &Context,
    target: &Value,
    selector: &Selector,
    around: &mut Surroundings,
) -> Option<String> {
    let policies = Arc::clone(&around.policies);
    let outsiders = reach::cut_off_by_others(target, selector, &policies, &around.namespace_labels);
    let mut looked: BTreeMap<String, usize> = BTreeMap::new();
    let mut told = None;
    for policy in outsiders {
        let (namespace, name) = policy.place();
        let looks = looked.entry(namespace.clone()).or_default();
        *looks += 1;
        if *looks <= MOST && has_a_say(context, &namespace, &policy).await {
            return None;
        }
        told.get_or_insert_with(|| format!("{policy}. It protects no pod there and counts for nothing"));
        around.idle.insert((namespace, name));
    }
    told
}

// What cannot be looked at counts: an app that is cut off is worse than one that is left alone.
async fn has_a_say(context: &Context, namespace: &str, policy: &Outsider<'_>) -> bool {
    let known = context.cluster.namespaces.get(&ObjectRef::new(namespace));
    if known.is_some_and(|known| {
        known
            .labels()
            .get(labels::ENABLED)
            .is_some_and(|value| value == SILENCED)
    }) {
        return false;
    }
    let Some(protected) = policy.protected() else {
        return true;
    };
    let pods = Api::<PartialObjectMeta<Pod>>::namespaced(context.effects.client.clone(), namespace);
    let living = ListParams::default().labels(&protected).fields(LIVING).limit(1);
    match pods.list_metadata(&living).await {
        Ok(found) => !found.items.is_empty(),
        Err(error) => {
            tracing::debug!(namespace, %error, "whom a NetworkPolicy protects cannot be looked at");
            true
        }
    }
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
        assert!(look().await.is_some());
        fake::namespace(&context, "team-a", &json!({}));
        server.fail("GET /api/v1/namespaces/team-a/pods", 500, ApiServer::ALWAYS);
        assert_eq!(look().await, None, "what cannot be looked at counts");
    }
}
