//! The keys by which the caches index an object besides its own name, so that a step looks at its pair and not at its
//! namespace.

use super::kind::Kind;
use crate::object::{annotation, label};
use crate::routing::registry;
use crate::{
    api::labels,
    plan::{
        configs::references,
        services::pointing::{self, Labels},
    },
};
use serde_json::Value;

/// The key of Services and routes that we did not generate. No object has such a name.
pub const USERS: &str = "*users";

/// The keys of an object: uids of the owners of a ReplicaSet, the Service of an EndpointSlice, the Services a route
/// sends to (and its own name, for the route we would generate under it), the configs and the labels of a workload's pods, the
/// policy that a workload names, a label that a Service selects by, whom an autoscaler belongs to and whom it scales, the
/// labels a disruption budget names; [`USERS`].
/// Others are found by name alone.
pub fn index_keys(kind: Kind, object: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mut keys: Vec<String> = match kind {
        Kind::ReplicaSet | Kind::ControllerRevision => owners(object).collect(),
        Kind::EndpointSlice => text(object.pointer("/metadata/labels/kubernetes.io~1service-name"))
            .into_iter()
            .collect(),
        Kind::Route(route) => registry::of_resource(route)
            .map(|kind| kind.services(object))
            .into_iter()
            .flatten()
            .chain(text(object.pointer("/metadata/name")))
            .collect(),
        // Those that its pods read, and the copies of those that a primary would read.
        Kind::Deployment | Kind::DaemonSet => object
            .pointer("/spec/template")
            .map(references)
            .unwrap_or_default()
            .into_keys()
            .flat_map(|config| [config.copy().key(), config.key()])
            .chain(of_pods(object))
            .chain(annotation(object, labels::POLICY).map(of_policy))
            .collect(),
        Kind::StatefulSet => of_pods(object).collect(),
        Kind::Service => of_service(object),
        // Whose it is, whom it scales, and its name.
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => owners(object)
            .chain(text(object.pointer("/spec/scaleTargetRef/name")))
            .chain(text(object.pointer("/metadata/name")))
            .collect(),
        // Whose it is, and the labels it names.
        Kind::PodDisruptionBudget => owners(object).chain(selected(object)).collect(),
        Kind::ConfigMap | Kind::Secret => Vec::new(),
    };
    if matches!(kind, Kind::Service | Kind::Route(_)) && label(object, labels::GENERATED).is_none() {
        keys.push(USERS.to_owned());
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The key of the workloads that name a policy. Neither an object nor a label is called so.
pub fn of_policy(policy: &str) -> String {
    format!("*policy {policy}")
}

/// The key of a label of pods. No object has such a name.
fn of_label(key: &str, value: &Value) -> String {
    format!("{key}={}", value.as_str().unwrap_or_default())
}

/// The keys of labels of pods: each Service that selects them has one of these.
pub fn of_labels(labels: &Labels) -> impl Iterator<Item = String> + '_ {
    labels.iter().map(|(key, value)| of_label(key, value))
}

/// The keys of a Service's pods: every workload whose pods it selects has the first, those of the side that it was moved
/// to have the last.
pub fn of_selectors(service: &Value) -> Vec<String> {
    let live = service.pointer("/spec/selector").and_then(Value::as_object);
    let all = [pointing::meant(service), live.cloned()];
    all.iter().flatten().filter_map(telling).collect()
}

// One label is enough to find it by. Those that tell apps apart find the fewest others.
fn telling(selector: &Labels) -> Option<String> {
    let known = TELLING.into_iter().find_map(|key| selector.get_key_value(key));
    known
        .or_else(|| selector.iter().next())
        .map(|(key, value)| of_label(key, value))
}

/// Labels that differ from app to app.
const TELLING: [&str; 4] = ["app.kubernetes.io/name", "app", "name", "k8s-app"];

fn of_pods(workload: &Value) -> impl Iterator<Item = String> + '_ {
    pointing::pods(workload).into_iter().flat_map(of_labels)
}

// Those that we made are found by whose they are.
fn of_service(service: &Value) -> Vec<String> {
    if pointing::is_users(service) || pointing::recorded(service).is_some() {
        return of_selectors(service);
    }
    owners(service).collect()
}

// The uids of an object's owners.
fn owners(object: &Value) -> impl Iterator<Item = String> + '_ {
    let uid = |owner: &Value| owner.get("uid")?.as_str().map(str::to_owned);
    items(object, "/metadata/ownerReferences").filter_map(uid)
}

// The labels that a budget's selector names.
fn selected(object: &Value) -> Vec<String> {
    let equal = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let equal = equal.into_iter().flatten().map(|(key, value)| of_label(key, value));
    let listed = items(object, "/spec/selector/matchExpressions").flat_map(|said| {
        let key = said.get("key").and_then(Value::as_str).unwrap_or_default();
        items(said, "/values").map(move |value| of_label(key, value))
    });
    equal.chain(listed).collect()
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn http_route() -> Kind {
        Kind::routes().next().unwrap()
    }

    #[test]
    fn a_route_is_found_by_its_name_and_by_every_service_it_sends_to() {
        let route = json!({
        "metadata": {"name": "shop", "labels": {labels::GENERATED: "true"}},
        "spec": {"rules": [
            {"backendRefs": [{"name": "shop-primary"}, {"name": "shop-canary"}]},
            {"backendRefs": [{"name": "shop-primary"}]},
            {},
        ]}});
        assert_eq!(
            index_keys(http_route(), &route),
            ["shop", "shop-canary", "shop-primary"]
        );
    }

    #[test]
    fn sets_are_found_by_owner_and_slices_by_service() {
        let set = json!({"metadata": {"ownerReferences": [{"uid": "u-1"}]}});
        assert_eq!(index_keys(Kind::ReplicaSet, &set), ["u-1"]);
        let slice = json!({"metadata": {"labels": {"kubernetes.io/service-name": "shop-primary"}}});
        assert_eq!(index_keys(Kind::EndpointSlice, &slice), ["shop-primary"]);
        assert!(index_keys(Kind::Deployment, &json!({})).is_empty());
    }

    #[test]
    fn a_service_and_the_workloads_behind_it_share_a_word() {
        let service = |selector: Value, recorded: Value| {
            let mut service = json!({"spec": {"selector": selector}});
            if !recorded.is_null() {
                service["metadata"]["annotations"] = json!({pointing::ORIGINAL_SELECTOR: recorded.to_string()});
            }
            index_keys(Kind::Service, &service)
        };
        let chart = json!({"app.kubernetes.io/instance": "prod", "app.kubernetes.io/name": "web"});
        assert_eq!(
            service(chart.clone(), Value::Null),
            [USERS, "app.kubernetes.io/name=web"]
        );
        assert_eq!(service(json!({"tier": "front"}), Value::Null), [USERS, "tier=front"]);
        let moved = service(json!({"app": "web-primary"}), json!({"app": "web"}));
        assert_eq!(moved, [USERS, "app=web", "app=web-primary"]);
        let workload = json!({"spec": {"template": {"metadata": {"labels": chart}}}});
        for kind in [Kind::Deployment, Kind::DaemonSet, Kind::StatefulSet] {
            let keys = index_keys(kind, &workload);
            assert_eq!(keys, ["app.kubernetes.io/instance=prod", "app.kubernetes.io/name=web"]);
        }
    }

    #[test]
    fn a_workload_is_found_by_the_policy_it_names() {
        let workload = json!({"metadata": {"annotations": {labels::POLICY: "gold"}}});
        for kind in [Kind::Deployment, Kind::DaemonSet] {
            assert_eq!(index_keys(kind, &workload), [of_policy("gold")]);
        }
        assert_eq!(index_keys(Kind::Service, &workload), [USERS]);
    }

    #[test]
    fn what_we_generated_is_not_among_the_users_own() {
        let generated = json!({"metadata": {"labels": {labels::GENERATED: "true"}}});
        for kind in [Kind::Service, http_route()] {
            assert_eq!(index_keys(kind, &json!({})), [USERS]);
            assert!(index_keys(kind, &generated).is_empty());
        }
    }
}
