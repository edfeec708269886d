//! Where a route leads beside its own namespace.

use crate::routing::reference;
use serde_json::Value;

/// The Services of other namespaces than its `own` that a route sends to, as namespace and name.
pub fn outward(route: &Value, own: Option<&str>) -> Vec<(String, String)> {
    reference::outward(super::rules(route).flat_map(super::backends), own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_services_of_other_namespaces_are_elsewhere() {
        let refs = json!([
            {"name": "shop", "namespace": "web"}, {"name": "shop", "namespace": "web", "kind": "Service", "group": ""},
            {"name": "here"}, {"name": "here", "namespace": "edge"}, {"name": "here", "namespace": ""},
            {"name": "bucket", "namespace": "web", "group": "storage", "kind": "Bucket"},
        ]);
        let route = json!({"spec": {"rules": [{}, {"backendRefs": refs}]}});
        assert_eq!(outward(&route, Some("edge")), [("web".to_owned(), "shop".to_owned())]);
    }
}
