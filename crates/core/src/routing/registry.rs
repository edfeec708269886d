//! What is asked of all providers that are built, and of the kinds they write.

pub use super::providers::ROUTERS;

use super::{Capabilities, Need, Resource, RouteKind, Router, TargetKind, WrittenKind};
use crate::api::canary::CanarySpec;
use crate::object::text;
use serde_json::Value;
use std::collections::BTreeSet;

/// The kinds that carry traffic for any provider, each once.
pub fn kinds() -> impl Iterator<Item = &'static dyn RouteKind> {
    let mut seen = BTreeSet::new();
    routes().filter(move |kind| seen.insert(kind.resource()))
}

/// Every kind that is written for any provider, each once: those that carry traffic, and what stands beside them.
pub fn written() -> impl Iterator<Item = &'static dyn WrittenKind> {
    let mut seen = BTreeSet::new();
    all().filter(move |kind| seen.insert(kind.resource()))
}

/// Those of the kinds that carry traffic whose objects are targets themselves.
pub fn targets() -> impl Iterator<Item = &'static dyn TargetKind> {
    routes().filter_map(|kind| kind.as_target())
}

fn routes() -> impl Iterator<Item = &'static dyn RouteKind> {
    ROUTERS.iter().flat_map(|router| router.kinds().iter().copied())
}

fn all() -> impl Iterator<Item = &'static dyn WrittenKind> {
    let carrying = routes().map(|kind| -> &'static dyn WrittenKind { kind });
    carrying.chain(routes().flat_map(|kind| kind.beside().iter().copied()))
}

/// What gives back the objects that are edited for any provider where no program is left to do it: a line of shell for each
/// kind.
pub fn rescue() -> String {
    let mut seen = BTreeSet::new();
    let lines = routes().filter_map(|kind| kind.rescue());
    lines.filter(|line| seen.insert(*line)).collect()
}

/// The kind of a route, by its `apiVersion` and `kind`; `None` when it carries traffic for no provider. Any version is the
/// same object, but where several are written each is a kind of its own. Of a kind that several providers write this is the
/// first one's: all of them say alike what an object is, and how it carries a share is asked of the provider
/// ([`Provider::kind_of`](super::Provider::kind_of)). What only stands beside routes in its version carries no traffic,
/// whatever the kind does in another.
pub fn kind_of(route: &Value) -> Option<&'static dyn RouteKind> {
    let same_version = routes().find(|known| is_exactly(route, known.resource()));
    same_version.or_else(|| {
        let is_beside = all().any(|known| is_exactly(route, known.resource()));
        routes().find(|known| !is_beside && is_of(route, known.resource()))
    })
}

/// The same of what is written for any provider: a route, or what stands beside one.
pub fn written_of(object: &Value) -> Option<&'static dyn WrittenKind> {
    let same_version = all().find(|known| is_exactly(object, known.resource()));
    same_version.or_else(|| all().find(|known| is_of(object, known.resource())))
}

fn is_exactly(object: &Value, resource: Resource) -> bool {
    is_of(object, resource) && text(object, "/apiVersion").rsplit('/').next() == Some(resource.version)
}

fn is_of(object: &Value, resource: Resource) -> bool {
    let text = |member: &str| object.get(member).and_then(Value::as_str);
    let group = text("apiVersion").and_then(|version| version.split_once('/'));
    text("kind") == Some(resource.kind) && group.is_some_and(|(group, _)| group == resource.group)
}

/// The kind that the API server calls so.
pub fn of_resource(resource: Resource) -> Option<&'static dyn WrittenKind> {
    all().find(|known| known.resource() == resource)
}

/// What may stand in `spec.provider`, in order.
pub fn names() -> Vec<&'static str> {
    let built = ROUTERS.iter().map(|router| router.name());
    let others = ROUTERS.iter().flat_map(|router| router.aliases().iter().copied());
    let mut all: Vec<&str> = built.chain(others).collect();
    all.sort_unstable();
    all
}

/// The provider of that name.
pub fn router(name: &str) -> Option<&'static dyn Router> {
    let mut all = ROUTERS.iter().copied();
    all.find(|router| router.name() == name || router.aliases().contains(&name))
}

/// The first kind whose objects carry the weights of provider `name`, as `group/version/Kind`; `None` where none do.
pub fn object_of(name: &str) -> Option<String> {
    let of = |resource: Resource| format!("{}/{}", resource.api_version(), resource.kind);
    router(name)?.kinds().first().map(|kind| of(kind.resource()))
}

/// The kind of `route` among those whose objects carry the traffic of `router`.
pub fn own_kind_of(router: &dyn Router, route: &Value) -> Option<&'static dyn RouteKind> {
    let resource = kind_of(route)?.resource();
    router.kinds().iter().copied().find(|own| own.resource() == resource)
}

/// Whether `route` is of a kind whose objects carry the traffic of `router`.
pub fn reads(router: &dyn Router, route: &Value) -> bool {
    own_kind_of(router, route).is_some()
}

/// Whether a Canary of provider `name` would have its traffic carried by `route`, as far as that is known.
pub fn carries_by(name: &str, route: &Value) -> bool {
    router(name).is_some_and(|router| reads(router, route)) && !super::is_companion(route)
}

/// What provider `name` can do. One that nobody knows is refused elsewhere, and nothing more is said of it.
pub fn can(name: &str) -> Capabilities {
    let unknown = || Capabilities {
        weights: true,
        matches: true,
        tcp: true,
        grpc: true,
        several_ports: true,
        ..Capabilities::NONE
    };
    router(name).map_or_else(unknown, |router| router.can())
}

/// Whether the makers of provider `name` have given it up.
pub fn is_retired(name: &str) -> bool {
    router(name).is_some_and(|router| router.is_retired())
}

/// What a Canary of provider `name` lacks without which nothing can be routed.
pub fn lacks(name: &str, spec: &CanarySpec) -> Option<Need> {
    router(name)?.lacks(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Names, Provider, add_each_once};
    use serde_json::json;

    #[test]
    fn an_app_that_speaks_no_http_is_carried_by_whoever_moves_connections() {
        let spec = |protocol: &str| -> CanarySpec {
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"});
            let service =
                json!({"port": 5432, "appProtocol": protocol, "hosts": ["a.test"], "gatewayRefs": [{"name": "g"}]});
            serde_json::from_value(json!({"targetRef": target, "service": service})).unwrap()
        };
        for router in ROUTERS {
            let (name, provider) = (router.name(), Provider::parse(router.name()).unwrap());
            let rejected = provider.rejects(&spec("TCP"));
            assert_eq!(rejected.is_empty(), router.can().tcp, "{name}");
            assert!(rejected.len() <= 1, "{name}: {rejected:?}");
            if let [(field, why)] = rejected.as_slice() {
                assert_eq!(field, "spec.service.appProtocol");
                assert!(
                    why.starts_with(&format!("provider {name} ")) && why.contains("provider kubernetes"),
                    "{why}"
                );
            }
            let made = |protocol| provider.published("shop", &Names::new("db"), &spec(protocol));
            let asked = |protocol| router.published("shop", &Names::new("db"), &spec(protocol));
            assert_eq!(made("tcp"), asked("tcp").filter(|_| router.can().tcp), "{name}");
            assert_eq!(made("http"), asked("http"), "{name}");
            let can = provider.can_for(spec("tcp").service.as_ref());
            assert!(!can.matches && !can.mirror && !can.affinity, "{name}");
            assert_eq!(can.weights, router.can().weights, "{name}");
            assert_eq!(provider.can_for(spec("http").service.as_ref()), router.can(), "{name}");
        }
        let split = ROUTERS.iter().filter(|router| router.can().tcp);
        let split: Vec<&str> = split.map(|router| router.name()).collect();
        assert!(
            ["istio", "kubernetes"].iter().all(|name| split.contains(name)),
            "{split:?}"
        );
    }

    #[test]
    fn every_name_is_said_once_and_leads_to_whoever_says_it() {
        let all = names();
        let once: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(once.len(), all.len(), "{all:?}");
        for built in ROUTERS {
            let mut said = built.aliases().to_vec();
            said.push(built.name());
            for name in said {
                assert_eq!(router(name).map(|router| router.name()), Some(built.name()), "{name}");
            }
        }
    }

    #[test]
    fn what_is_edited_is_known_as_ours_by_the_policy_and_given_back_without_the_program() {
        for kind in kinds() {
            let (resource, fields) = (kind.resource(), kind.fields());
            if let Some(expression) = kind.leads_to_a_half() {
                assert_eq!(expression, expression.trim(), "{resource:?}");
                assert!(!fields.is_empty(), "{resource:?}");
                for field in fields {
                    let looked_at = format!("has(o{})", field.replace('/', "."));
                    assert!(expression.contains(&looked_at), "{resource:?}: {looked_at}");
                }
            }
            if let Some(line) = kind.rescue() {
                assert_eq!(line.lines().count(), 1, "{resource:?}");
                assert!(line.ends_with(" | xargs -rL1 kubectl\n"), "{resource:?}");
                let named = [String::new(), format!(".{}", resource.group)]
                    .map(|group| format!("kubectl get {}{group} -A ", resource.plural));
                assert!(named.iter().any(|start| line.starts_with(start)), "{resource:?}");
            }
            if fields.is_empty() {
                continue;
            }
            assert!(kind.rescue().is_some(), "{resource:?}");
            let is_known = kind.leads_to_a_half().is_some() || !kind.notes().is_empty();
            assert!(is_known, "{resource:?}");
        }
    }

    #[test]
    fn an_object_that_is_served_in_several_versions_is_read_in_the_providers() {
        let shown = |version: &str, name: &str| {
            let version = format!("split.smi-spec.io/{version}");
            json!({"apiVersion": version, "kind": "TrafficSplit", "metadata": {"name": name, "namespace": "shop"}})
        };
        let route =
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"}});
        let all = vec![
            shown("v1alpha1", "web"),
            route.clone(),
            shown("v1alpha2", "web"),
            shown("v1alpha2", "old"),
            shown("v1alpha1", "old"),
            shown("v1alpha3", "web"),
        ];
        let of = |name: &str| {
            let mut found = Vec::new();
            add_each_once(&mut found, all.clone(), Provider::parse(name).unwrap());
            found
        };
        let (web, old) = (|version| shown(version, "web"), |version| shown(version, "old"));
        assert_eq!(of("smi:v1alpha1"), [web("v1alpha1"), route.clone(), old("v1alpha1")]);
        for name in ["smi:v1alpha2", "osm"] {
            assert_eq!(of(name), [web("v1alpha2"), route.clone(), old("v1alpha2")]);
        }
        // What another provider left behind is looked at once as well.
        assert_eq!(of("linkerd"), [web("v1alpha1"), route.clone(), old("v1alpha2")]);
        for (version, read) in [
            ("v1alpha1", "smi:v1alpha1"),
            ("v1alpha3", "smi:v1alpha3"),
            ("v1alpha2", "osm"),
        ] {
            assert!(carries_by(read, &web(version)), "{read}");
            assert!(!carries_by("gatewayapi:v1", &web(version)));
        }
        assert!(!carries_by("osm", &web("v1alpha1")));
        // One that is written for nobody is an object of the kind all the same.
        assert!(kind_of(&web("v1alpha4")).is_some());
    }

    #[test]
    fn a_provider_of_several_kinds_is_spoken_for_by_the_first_and_reads_all_of_them() {
        for router in ROUTERS {
            let kinds = router.kinds();
            let objects = kinds.iter().map(|kind| kind.resource());
            let objects: Vec<Resource> = objects.collect();
            let once: BTreeSet<Resource> = objects.iter().copied().collect();
            assert_eq!(once.len(), objects.len(), "{}", router.name());
            for of in &objects {
                let route = json!({"apiVersion": of.api_version(), "kind": of.kind, "metadata": {"name": "web"}});
                assert!(reads(*router, &route), "{}", router.name());
                assert_eq!(own_kind_of(*router, &route).map(|kind| kind.resource()), Some(*of));
            }
            let first = objects.first().map(|of| format!("{}/{}", of.api_version(), of.kind));
            assert_eq!(object_of(router.name()), first);
        }
        assert!(ROUTERS.iter().any(|router| router.kinds().len() > 1));
    }

    #[test]
    fn a_kind_that_carries_traffic_in_one_version_alone_is_known_by_it() {
        let of = |version: &str| json!({"apiVersion": format!("appmesh.k8s.aws/{version}"), "kind": "VirtualService"});
        let version = |found: Option<Resource>| found.map(|resource| resource.version);
        for (asked, carries, written) in [
            ("v1beta1", Some("v1beta1"), Some("v1beta1")),
            ("v1beta2", None, Some("v1beta2")),
            ("v1beta3", Some("v1beta1"), Some("v1beta1")),
        ] {
            let found = kind_of(&of(asked)).map(|kind| kind.resource());
            assert_eq!(version(found), carries, "{asked}");
            let found = written_of(&of(asked)).map(|kind| kind.resource());
            assert_eq!(version(found), written, "{asked}");
        }
        assert!(carries_by("appmesh", &of("v1beta1")) && !carries_by("appmesh:v1beta2", &of("v1beta2")));
        for kind in written() {
            let found = of_resource(kind.resource()).map(|found| found.resource());
            assert_eq!(found, Some(kind.resource()));
        }
    }

    #[test]
    fn a_project_that_has_ended_is_known() {
        let ended: Vec<&str> = names().into_iter().filter(|name| is_retired(name)).collect();
        let smi = ["osm", "smi:v1alpha1", "smi:v1alpha2", "smi:v1alpha3"];
        assert_eq!(ended, [&["appmesh", "appmesh:v1beta2"][..], &smi].concat());
    }

    #[test]
    fn every_version_of_the_gateway_api_is_the_one_provider() {
        for name in ["gatewayapi", "gatewayapi:v1", "gatewayapi:v1beta1"] {
            assert_eq!(router(name).map(|router| router.name()), Some("gatewayapi:v1"));
            assert_eq!(
                object_of(name).as_deref(),
                Some("gateway.networking.k8s.io/v1/HTTPRoute")
            );
            assert!(can(name).affinity);
        }
        assert!(router("gatewayapi:v2").is_none());
    }
}
