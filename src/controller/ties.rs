//! By which words an object is found besides its own name, so that a step looks at its pair and not at its namespace.

use super::{cache::Kind, live::label};
use crate::{api::labels, plan::configs::references};
use serde_json::Value;

/// The word of Services and routes that we did not generate. No object has such a name.
pub const USERS: &str = "*users";

/// The words of an object: uids of the owners of a ReplicaSet, the Service of an EndpointSlice, the Services a route
/// sends to (and its own name, for the route we would generate under it), the configs of a Deployment's pods, whom an
/// autoscaler belongs to and whom it scales; [`USERS`].
/// Others are found by name alone.
pub fn ties(kind: Kind, object: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut words: Vec<String> = match kind {
        Kind::ReplicaSet | Kind::ControllerRevision => items(object, "/metadata/ownerReferences")
            .filter_map(|owner| text(owner.get("uid")))
            .collect(),
        Kind::EndpointSlice => text(object.pointer("/metadata/labels/kubernetes.io~1service-name"))
            .into_iter()
            .collect(),
        Kind::HttpRoute => items(object, "/spec/rules")
            .flat_map(|rule| items(rule, "/backendRefs"))
            .filter_map(|backend| text(backend.get("name")))
            .chain(text(object.pointer("/metadata/name")))
            .collect(),
        // Those that its pods read, and the copies of those that a primary would read.
        Kind::Deployment | Kind::DaemonSet => object
            .pointer("/spec/template")
            .map(references)
            .unwrap_or_default()
            .into_keys()
            .flat_map(|config| [config.copy().key(), config.key()])
            .collect(),
        // Whose it is, whom it scales, and its name.
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => items(object, "/metadata/ownerReferences")
            .filter_map(|owner| text(owner.get("uid")))
            .chain(text(object.pointer("/spec/scaleTargetRef/name")))
            .chain(text(object.pointer("/metadata/name")))
            .collect(),
        Kind::Service | Kind::ConfigMap | Kind::Secret => Vec::new(),
    };
    if matches!(kind, Kind::Service | Kind::HttpRoute) && label(object, labels::GENERATED).is_none() {
        words.push(USERS.to_owned());
    }
    words.sort_unstable();
    words.dedup();
    words
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_route_is_found_by_its_name_and_by_every_service_it_sends_to() {
        let route = json!({
        "metadata": {"name": "shop", "labels": {labels::GENERATED: "true"}},
        "spec": {"rules": [
            {"backendRefs": [{"name": "shop-primary"}, {"name": "shop-canary"}]},
            {"backendRefs": [{"name": "shop-primary"}]},
            {},
        ]}});
        assert_eq!(ties(Kind::HttpRoute, &route), ["shop", "shop-canary", "shop-primary"]);
    }

    #[test]
    fn sets_are_found_by_owner_and_slices_by_service() {
        let set = json!({"metadata": {"ownerReferences": [{"uid": "u-1"}]}});
        assert_eq!(ties(Kind::ReplicaSet, &set), ["u-1"]);
        let slice = json!({"metadata": {"labels": {"kubernetes.io/service-name": "shop-primary"}}});
        assert_eq!(ties(Kind::EndpointSlice, &slice), ["shop-primary"]);
        assert!(ties(Kind::Deployment, &json!({})).is_empty());
    }

    #[test]
    fn what_we_generated_is_not_among_the_users_own() {
        let generated = json!({"metadata": {"labels": {labels::GENERATED: "true"}}});
        for kind in [Kind::Service, Kind::HttpRoute] {
            assert_eq!(ties(kind, &json!({})), [USERS]);
            assert!(ties(kind, &generated).is_empty());
        }
    }
}
