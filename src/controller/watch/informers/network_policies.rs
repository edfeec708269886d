//! The NetworkPolicies of all namespaces, as values, which is how they are looked at. They are made of what the watch keeps
//! when somebody asks, once for all who ask until one changes.

use crate::plan::enrolment::reach::{MOST_SELECTORS, TOO_LARGE};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicySpec};
use kube::{
    ResourceExt,
    runtime::reflector::{Store, store::WriterDropped},
};
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;

/// The NetworkPolicies of all namespaces.
pub struct NetworkPolicies {
    store: Store<NetworkPolicy>,
    made: Mutex<Option<Arc<Vec<Value>>>>,
}

impl NetworkPolicies {
    /// Those that a watch keeps.
    pub fn new(store: Store<NetworkPolicy>) -> Self {
        Self {
            store,
            made: Mutex::default(),
        }
    }

    /// All of them.
    pub fn all(&self) -> Arc<Vec<Value>> {
        let mut made = self.made.lock();
        let all = made.get_or_insert_with(|| {
            let policies = self.store.state().into_iter();
            let values = policies.filter_map(|policy| serde_json::to_value(policy.as_ref()).ok());
            Arc::new(values.collect())
        });
        all.clone()
    }

    /// One of them has changed, come or gone.
    pub fn changed(&self) {
        *self.made.lock() = None;
    }

    /// Waits until they have been listed.
    ///
    /// # Errors
    /// The watch has ended.
    pub async fn wait_until_ready(&self) -> Result<(), WriterDropped> {
        self.store.wait_until_ready().await
    }
}

/// Leaves of a policy what is looked at: whom it protects, and which pods and namespaces it names as peers. Of one that says
/// too much of that a mark is left, and no pair is made beside it.
pub fn slim(policy: &mut NetworkPolicy) {
    let Some(spec) = policy.spec.as_mut() else { return };
    for rule in spec.ingress.iter_mut().flatten() {
        rule.ports = None;
        named(&mut rule.from);
    }
    for rule in spec.egress.iter_mut().flatten() {
        rule.ports = None;
        named(&mut rule.to);
    }
    let bytes = serde_json::to_string(spec).map_or(0, |text| text.len());
    if bytes > MOST_SELECTORS {
        policy.spec = None;
        policy.annotations_mut().insert(TOO_LARGE.to_owned(), bytes.to_string());
        let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
        tracing::warn!(
            namespace,
            name,
            bytes,
            "the selectors of this NetworkPolicy have more than {MOST_SELECTORS} bytes, so it is not looked at: whether it \
             cuts primaries off is not known, and no app of its namespace is paired newly; split it"
        );
    }
}

// Addresses are no pods.
fn named(peers: &mut Option<Vec<NetworkPolicyPeer>>) {
    let Some(peers) = peers else { return };
    peers.retain(|peer| peer.pod_selector.is_some() || peer.namespace_selector.is_some());
    peers.shrink_to_fit();
}

/// The namespace whose pods a policy is about; `None` when it may name pods of any as peers.
pub fn reach(policy: &NetworkPolicy) -> Option<String> {
    let abroad = policy.spec.as_ref().is_some_and(leads_abroad);
    policy.metadata.namespace.clone().filter(|_| !abroad)
}

fn leads_abroad(spec: &NetworkPolicySpec) -> bool {
    let ingress = spec.ingress.iter().flatten();
    let from = ingress.flat_map(|rule| rule.from.iter().flatten());
    let egress = spec.egress.iter().flatten();
    let to = egress.flat_map(|rule| rule.to.iter().flatten());
    let names_namespaces = |peer: &NetworkPolicyPeer| peer.namespace_selector.is_some();
    from.chain(to).any(names_namespaces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::{reflector::store::Writer, watcher::Event};
    use serde_json::json;

    fn policy(name: &str, spec: &Value) -> NetworkPolicy {
        let policy = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        serde_json::from_value(policy).unwrap()
    }

    #[test]
    fn all_are_made_once_and_anew_after_a_change() {
        let mut writer = Writer::default();
        let policies = NetworkPolicies::new(writer.as_reader());
        let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}});
        writer.apply_watcher_event(&Event::Apply(policy("a", &spec)));
        let all = policies.all();
        assert_eq!(all[0]["spec"], spec);
        assert!(
            Arc::ptr_eq(&all, &policies.all()),
            "for the next one there is nothing to do"
        );
        writer.apply_watcher_event(&Event::Apply(policy("b", &spec)));
        policies.changed();
        assert_eq!(policies.all().len(), 2);
    }

    #[test]
    fn of_a_policy_is_kept_whom_it_names_and_of_one_that_names_too_many_nothing() {
        let web = json!({"podSelector": {"matchLabels": {"app": "web"}}});
        let peers = json!([web, {"ipBlock": {"cidr": "10.0.0.0/8"}}, {"namespaceSelector": {}}]);
        let ports = json!([{"port": 80}]);
        let mut kept = policy(
            "a",
            &json!({
                "podSelector": {"matchLabels": {"app": "db"}},
                "ingress": [{"from": peers, "ports": ports}], "egress": [{"to": peers, "ports": ports}, {"ports": ports}],
            }),
        );
        slim(&mut kept);
        let peers = json!([web, {"namespaceSelector": {}}]);
        assert_eq!(
            serde_json::to_value(&kept.spec).unwrap(),
            json!({
                "podSelector": {"matchLabels": {"app": "db"}},
                "ingress": [{"from": peers}], "egress": [{"to": peers}, {}],
            })
        );
        let many: Vec<Value> = vec![web; 2000];
        let mut large = policy("b", &json!({"podSelector": {}, "ingress": [{"from": many}]}));
        slim(&mut large);
        assert_eq!(large.spec, None);
        assert!(large.annotations().contains_key(TOO_LARGE));
        assert_eq!(large.metadata.name.as_deref(), Some("b"), "that it is there is known");
        assert!(!kept.annotations().contains_key(TOO_LARGE));
    }

    #[test]
    fn a_policy_is_about_its_own_namespace_unless_a_peer_names_others() {
        let peers = |peer: Value| json!([{"podSelector": {}}, peer]);
        let own = json!({"podSelector": {"matchLabels": {"app": "web"}}});
        let block = json!({"ipBlock": {"cidr": "10.0.0.0/8"}});
        let abroad = json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}});
        for (spec, expected) in [
            (json!({"podSelector": {}}), Some("shop")),
            (
                json!({"podSelector": {}, "ingress": [{"from": peers(own)}]}),
                Some("shop"),
            ),
            (
                json!({"podSelector": {}, "egress": [{"to": peers(block)}]}),
                Some("shop"),
            ),
            (
                json!({"podSelector": {}, "ingress": [{}, {"from": peers(abroad.clone())}]}),
                None,
            ),
            (json!({"podSelector": {}, "egress": [{"to": peers(abroad)}]}), None),
        ] {
            assert_eq!(reach(&policy("a", &spec)).as_deref(), expected, "{spec}");
        }
    }
}
