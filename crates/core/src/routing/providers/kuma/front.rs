//! What keeps callers from going by a MeshHTTPRoute, although it says where: a Mesh without MeshServices.

use super::dialect::Rules;
use super::generated::{DEFAULT_MESH, MESH};
use super::{GROUP, KIND, VERSION, references, rules};
use crate::object::text;
use crate::routing::{Front, Names, Resource, weighted};
use serde_json::Value;

/// Meshes, which are of the whole cluster, and which whoever runs Kuma writes.
pub(super) const MESHES: Front = Front {
    resource: Resource {
        group: GROUP,
        version: VERSION,
        kind: "Mesh",
        plural: "meshes",
        built_in: false,
    },
    namespaced: false,
    decides: true,
    past,
};

// Where nothing is said of them, Kuma makes none before its version 3, and which version it is nobody says.
fn past(mesh: &Value, names: &Names, routes: &[&Value]) -> Option<String> {
    let name = text(mesh, "/metadata/name");
    let has = match text(mesh, "/spec/meshServices/mode") {
        "Disabled" => "has no MeshServices, so",
        "" => "does not say spec.meshServices.mode, for which Kuma 2 takes Disabled (Kuma 3 does not): then",
        _ => return None,
    };
    let is_theirs = |route: &&&Value| mesh_of(route) == name && by_services(route);
    let route = routes.iter().find(is_theirs)?;
    Some(format!(
        "Mesh {name} {has} {KIND} {} leads nobody to the canary of Service {}: set its spec.meshServices.mode to Exclusive or \
         Everywhere, or write a {KIND} of your own in tags",
        text(route, "/metadata/name"),
        names.apex
    ))
}

fn mesh_of(route: &Value) -> &str {
    let labels = route.pointer("/metadata/labels");
    let said = labels.and_then(|labels| labels.get(MESH)?.as_str());
    said.unwrap_or(DEFAULT_MESH)
}

// Whether it names MeshServices as backends, and not tags, by which Kuma knows Services without them.
fn by_services(route: &Value) -> bool {
    let listed = rules::listed(route);
    weighted::all_refs::<Rules>(&listed).any(references::is_by_service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mesh(services: Value) -> Value {
        json!({"metadata": {"name": "default"}, "spec": {"meshServices": services}})
    }

    fn route(of: &str, backend: Value) -> Value {
        let rule = json!({"default": {"backendRefs": [backend]}});
        json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"kuma.io/mesh": of}},
            "spec": {"to": [{"targetRef": {"kind": "MeshService", "name": "web"}, "rules": [rule]}]},
        })
    }

    fn told(mesh: &Value, route: &Value) -> Option<String> {
        past(mesh, &Names::new("web"), &[route])
    }

    #[test]
    fn a_mesh_without_mesh_services_is_told_to_whose_route_names_them() {
        let ours = route("default", json!({"kind": "MeshService", "name": "web", "port": 80}));
        let why = told(&mesh(json!({"mode": "Disabled"})), &ours).unwrap();
        assert!(
            why.starts_with(
                "Mesh default has no MeshServices, so MeshHTTPRoute web leads nobody to the canary of Service web: set"
            ),
            "{why}"
        );
        for unsaid in [Value::Null, json!({})] {
            let why = told(&mesh(unsaid.clone()), &ours).unwrap();
            let begins = "Mesh default does not say spec.meshServices.mode, for which Kuma 2 takes Disabled (Kuma 3 does not): then MeshHTTPRoute web leads nobody";
            assert!(why.starts_with(begins), "{why}");
        }
        for mode in ["Everywhere", "Exclusive", "ReachableBackends"] {
            assert_eq!(told(&mesh(json!({ "mode": mode })), &ours), None, "{mode}");
        }
        let without = mesh(json!({"mode": "Disabled"}));
        let elsewhere = route("other", json!({"kind": "MeshService", "name": "web", "port": 80}));
        assert_eq!(told(&without, &elsewhere), None);
        let tags = route("default", json!({"kind": "MeshService", "name": "web_shop_svc_80"}));
        assert_eq!(told(&without, &tags), None);
        assert_eq!(past(&without, &Names::new("web"), &[]), None);
    }
}
