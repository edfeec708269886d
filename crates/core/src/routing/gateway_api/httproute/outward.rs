//! Where a route leads beside its own namespace.

use serde_json::Value;

/// The Services of other namespaces than its `own` that a route sends to, as namespace and name.
pub fn outward(route: &Value, own: Option<&str>) -> Vec<(String, String)> {
    let refs = super::rules(route).flat_map(super::backends);
    let mut found: Vec<(String, String)> = refs
        .filter_map(service_of)
        .filter(|(at, _)| Some(at.as_str()) != own)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

// A backend of another namespace always names it.
fn service_of(backend: &Value) -> Option<(String, String)> {
    let text = |key| backend.get(key).and_then(Value::as_str);
    if !matches!(text("group"), None | Some("")) || !matches!(text("kind"), None | Some("Service")) {
        return None;
    }
    let namespace = text("namespace").filter(|namespace| !namespace.is_empty())?;
    Some((namespace.to_owned(), text("name")?.to_owned()))
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
