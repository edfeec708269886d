//! A namespace with the route of one Canary and what stands beside it, in an API server that fills in what the definition of an object
//! says where nothing is said.

use super::super::*;
use crate::{api::canary::CanarySpec, routing::Traffic};
use std::collections::BTreeMap;

/// What a Canary of each provider may say of its route.
pub(super) fn services() -> Vec<(&'static str, Value)> {
    let hosts = json!(["a.example.org", "b.example.org"]);
    let matches = json!([{"headers": {"x-user": {"exact": "a"}}}, {"uri": {"prefix": "/a"}}]);
    let apex = json!({"labels": {"team": "a"}, "annotations": {"note": "b"}});
    let headers = json!({"request": {"add": {"x": "y"}}, "response": {"remove": ["z"]}});
    let retries = json!({"attempts": 3, "perTryTimeout": "2s", "retryOn": "gateway-error"});
    let edge = json!([{"name": "edge"}]);
    let mirror = json!([{"backendRef": {"name": "copy", "port": 80}}]);
    let cors = json!({"allowOrigin": ["https://a.example.org"], "allowMethods": ["GET"]});
    let plain = json!({"port": 80, "apex": apex});
    let hosted = json!({"port": 80, "hosts": hosts, "apex": apex});
    let in_mesh = json!({
        "port": 80, "meshName": "global", "hosts": hosts, "match": matches, "timeout": "10s", "retries": retries, "apex": apex,
    });
    let of_grpc = json!([{"headers": {"x-user": {"exact": "a"}}}, {"uri": {"prefix": "/web.Shop"}}]);
    vec![
        (
            "gatewayapi:v1",
            json!({
                "port": 80, "gatewayRefs": edge, "hosts": hosts, "match": matches, "rewrite": {"uri": "/b"},
                "headers": headers, "timeout": "10s", "backendTimeout": "5s", "corsPolicy": cors, "mirror": mirror,
                "apex": apex,
            }),
        ),
        (
            "gatewayapi:v1",
            json!({
                "port": 80, "appProtocol": "grpc", "gatewayRefs": edge, "hosts": hosts, "match": of_grpc,
                "headers": headers, "mirror": mirror, "apex": apex,
            }),
        ),
        (
            "linkerd",
            json!({"port": 80, "match": matches, "timeout": "10s", "backendTimeout": "5s", "apex": apex}),
        ),
        (
            "istio",
            json!({
                "port": 80, "hosts": hosts, "gateways": ["mesh", "edge"], "match": matches, "rewrite": {"uri": "/b"},
                "headers": headers, "timeout": "10s", "retries": retries, "corsPolicy": cors, "apex": apex,
            }),
        ),
        (
            "contour",
            json!({"port": 80, "match": matches, "timeout": "10s", "retries": retries, "apex": apex}),
        ),
        (
            "kuma",
            json!({"port": 80, "appProtocol": "http", "match": matches, "apex": apex}),
        ),
        ("appmesh", in_mesh.clone()),
        ("appmesh:v1beta2", in_mesh),
        ("traefik", plain.clone()),
        ("gloo", plain),
        ("smi:v1alpha1", hosted.clone()),
        ("osm", hosted),
    ]
}

/// The same, each time without one of the things that a Canary need not say, or with fewer of them.
pub(super) fn lesser(service: &Value) -> Vec<(String, Value)> {
    const KEPT: [&str; 4] = ["port", "gatewayRefs", "meshName", "appProtocol"];
    let mut all = Vec::new();
    for (key, value) in service.as_object().unwrap() {
        if KEPT.contains(&key.as_str()) {
            continue;
        }
        let mut without = service.clone();
        without.as_object_mut().unwrap().remove(key);
        all.push((format!("no {key}"), without));
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if let [first, _] = list {
            let mut fewer = service.clone();
            fewer[key] = json!([first]);
            all.push((format!("less of {key}"), fewer));
        }
    }
    all
}

/// A pair of `provider` whose Canary says that.
pub(super) fn of(provider: &str, service: &Value) -> Blueprint {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec: CanarySpec = serde_json::from_value(json!({"targetRef": target, "service": service})).unwrap();
    let mut blueprint = blueprint();
    blueprint.provider = Provider::parse(provider).unwrap();
    blueprint.route = blueprint.provider.published("shop", &Names::new("web"), &spec);
    assert!(blueprint.route.is_some(), "{provider}: {service}");
    blueprint
}

/// The objects of the namespace.
#[derive(Default, Clone)]
pub(super) struct House {
    pub(super) routes: Vec<Value>,
    version: u64,
}

impl House {
    /// One in which everything is as `blueprint` has it.
    pub(super) fn at_rest(blueprint: &Blueprint) -> Self {
        let mut house = Self::default();
        house.rests(blueprint);
        house
    }

    /// What one step writes.
    pub(super) fn writes(&self, blueprint: &Blueprint) -> Vec<Write> {
        let desired = DesiredState {
            primary: Some(PrimaryTemplate::Keep),
            traffic: Some(Traffic::PRIMARY),
            ..DesiredState::untouched()
        };
        let (writes, conflicts) = routed(&desired, &paired(self.routes.clone()), blueprint, &seen_split());
        assert_eq!(conflicts, []);
        writes
    }

    /// Takes steps until nothing is written any more; answers how much was.
    pub(super) fn rests(&mut self, blueprint: &Blueprint) -> usize {
        let mut done = 0;
        for _ in 0..5 {
            let writes = self.writes(blueprint);
            if writes.is_empty() {
                return done;
            }
            done += writes.len();
            for write in writes {
                self.take(write);
            }
        }
        panic!("it never rests: {:#?}", self.writes(blueprint));
    }

    fn take(&mut self, write: Write) {
        let (kind, _, name) = write.subject();
        let is_it = |one: &Value| Kind::of_route(one) == Some(kind) && text(one, "/metadata/name") == name;
        let at = self.routes.iter().position(is_it);
        match &write {
            Write::Create { object, .. } | Write::Apply { object, .. } => {
                assert_eq!(at, None, "an apply takes nothing out of {object}");
                let stored = self.stored(object.clone());
                self.routes.push(stored);
            }
            Write::Patch { operations, .. } => {
                let at = at.unwrap();
                let after = patches::applied(&self.routes[at], operations).unwrap();
                self.routes[at] = self.stored(after);
            }
            Write::Delete { .. } => drop(self.routes.remove(at.unwrap())),
            other => panic!("{other:?}"),
        }
    }

    fn stored(&mut self, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(format!("uid of {}", text(metadata, "/name")));
        metadata["generation"] = json!(self.version);
        metadata["resourceVersion"] = json!(self.version.to_string());
        if object["kind"] == "Upstream" {
            object["status"] = json!({"statuses": {"gloo-system": {"state": "Accepted", "reportedBy": "gloo"}}});
        }
        if text(&object, "/apiVersion").starts_with("gateway.networking.k8s.io/") {
            let is_http = object["kind"] == "HTTPRoute";
            for (at, default) in defaults(is_http) {
                let place: Vec<&str> = at.split('/').collect();
                fill(&mut object["spec"], &place, &default);
            }
        }
        object
    }

    /// The route itself.
    pub(super) fn route(&mut self, blueprint: &Blueprint) -> &mut Value {
        let wanted = blueprint.route.as_ref().unwrap();
        let is_it = |one: &&mut Value| {
            let same = |at| text(one, at) == text(wanted, at);
            same("/apiVersion") && same("/kind") && same("/metadata/name")
        };
        self.routes.iter_mut().find(is_it).unwrap()
    }

    /// What its objects say.
    pub(super) fn said(&self) -> BTreeMap<String, Value> {
        let of = |one: &Value| {
            let metadata = &one["metadata"];
            let name = format!("{} {}", text(one, "/kind"), text(metadata, "/name"));
            let owners = &metadata["ownerReferences"];
            let said = json!([one["spec"], metadata["labels"], metadata["annotations"], owners]);
            (name, said)
        };
        self.routes.iter().map(of).collect()
    }
}

// As the schemas have them, from the outside in.
fn defaults(is_http: bool) -> Vec<(&'static str, Value)> {
    let of_http = [
        ("rules/*/matches", json!([{}])),
        ("rules/*/matches/*/path", json!({})),
        ("rules/*/matches/*/path/type", json!("PathPrefix")),
        ("rules/*/matches/*/path/value", json!("/")),
        ("rules/*/matches/*/queryParams/*/type", json!("Exact")),
        ("rules/*/filters/*/cors/maxAge", json!(5)),
    ];
    let of_both = [
        ("parentRefs/*/group", json!("gateway.networking.k8s.io")),
        ("parentRefs/*/kind", json!("Gateway")),
        ("rules/*/matches/*/headers/*/type", json!("Exact")),
        ("rules/*/matches/*/method/type", json!("Exact")),
        ("rules/*/filters/*/requestMirror/backendRef/group", json!("")),
        ("rules/*/filters/*/requestMirror/backendRef/kind", json!("Service")),
        ("rules/*/backendRefs/*/weight", json!(1)),
    ];
    of_http.into_iter().filter(|_| is_http).chain(of_both).collect()
}

fn fill(value: &mut Value, place: &[&str], default: &Value) {
    match place {
        [] => {}
        ["*", rest @ ..] => {
            for item in value.as_array_mut().into_iter().flatten() {
                fill(item, rest, default);
            }
        }
        [key] => {
            if let Some(members) = value.as_object_mut() {
                members.entry(*key).or_insert_with(|| default.clone());
            }
        }
        [key, rest @ ..] => {
            if let Some(member) = value.get_mut(*key) {
                fill(member, rest, default);
            }
        }
    }
}
