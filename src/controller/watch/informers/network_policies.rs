//! The NetworkPolicies of all namespaces, as values, which is how they are looked at. They are made of what the watch keeps
//! when somebody asks, once for all who ask until one changes.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicySpec};
use kube::runtime::reflector::{Store, store::WriterDropped};
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
