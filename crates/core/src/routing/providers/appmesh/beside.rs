//! What stands beside a router: the VirtualNodes of the halves, and of one that we made what else Flagger makes with it.
//!
//! A pod belongs to one VirtualNode at most: App Mesh lets none start that two of them select. So beside a router of the user's own,
//! whose app is a member already, the halves' VirtualNodes select no pods.

use super::conditions::name as entry_name;
use super::entries::{is_own, request, split};
use super::generated::GATEWAY;
use super::members::{self, NODE};
use super::order::meant;
use super::version::Version;
use crate::object::text;
use crate::routing::reference::{Local, with, without};
use crate::routing::{Exposure, Names, Weights, is_made};
use serde_json::{Map, Value, json};

/// What an ARN begins with, by which the newer version knows a VirtualService of elsewhere.
const ARN: &str = "arn:aws";

/// All that stands beside a router that names the halves.
pub(super) fn objects(version: Version, route: &Value, names: &Names, exposure: &Exposure) -> Vec<Value> {
    let beside = Beside {
        version,
        route,
        names,
        exposure,
        is_whole: is_made(route) && super::problem::is_called_so(version, route, names),
    };
    let pods = exposure.member.pods.as_ref().filter(|_| beside.is_whole);
    let mut objects = vec![
        beside.node(&names.primary, pods.map(|pods| &pods.primary)),
        beside.node(&names.canary, pods.map(|pods| &pods.canary)),
    ];
    if beside.is_whole {
        objects.push(beside.node(&names.apex, None));
        objects.push(beside.router_of_canary());
        if version == Version::V1beta2 {
            objects.extend([&names.apex, &names.canary].map(|name| beside.front(name)));
        }
    }
    objects
}

struct Beside<'a> {
    version: Version,
    route: &'a Value,
    names: &'a Names,
    exposure: &'a Exposure,
    // Whether the router is one that we made for the app.
    is_whole: bool,
}

impl Beside<'_> {
    fn object(&self, kind: &str, name: &str, spec: Map<String, Value>) -> Value {
        json!({
            "apiVersion": self.version.api_version(),
            "kind": kind,
            "metadata": {"name": name, "namespace": self.route.pointer("/metadata/namespace")},
            "spec": spec,
        })
    }

    // What all objects of the older version begin with.
    fn spec(&self) -> Map<String, Value> {
        let mesh = self.route.pointer("/spec/meshName");
        mesh.map(|mesh| ("meshName".to_owned(), mesh.clone()))
            .into_iter()
            .collect()
    }

    fn node(&self, name: &str, pods: Option<&Map<String, Value>>) -> Value {
        let member = &self.exposure.member;
        let mut spec = self.spec();
        let listeners = self.listeners();
        spec.extend((!listeners.is_empty()).then(|| ("listeners".to_owned(), Value::Array(listeners))));
        spec.insert("serviceDiscovery".to_owned(), self.discovery(name));
        let pods = pods.filter(|labels| self.version == Version::V1beta2 && !labels.is_empty());
        spec.extend(pods.map(|labels| ("podSelector".to_owned(), json!({"matchLabels": labels}))));
        let backends = self.backends();
        spec.extend((!backends.is_empty()).then(|| ("backends".to_owned(), Value::Array(backends))));
        let log = json!({"accessLog": {"file": {"path": "/dev/stdout"}}});
        spec.extend(member.logs.then(|| ("logging".to_owned(), log)));
        self.object(NODE, name, spec)
    }

    fn discovery(&self, name: &str) -> Value {
        let namespace = text(self.route, "/metadata/namespace");
        match self.version {
            Version::V1beta1 => json!({"dns": {"hostName": format!("{name}.{namespace}")}}),
            Version::V1beta2 => json!({"dns": {"hostname": format!("{name}.{namespace}.svc.cluster.local.")}}),
        }
    }

    // Those of the router. What gives a request up there gives it up at the pods as well, and they would do so after 15 s
    // otherwise.
    fn listeners(&self) -> Vec<Value> {
        let found = self.route.pointer(self.version.listeners()).and_then(Value::as_array);
        let timeout = self.timeout();
        let listener = |router: &Value| {
            let listener = json!({"portMapping": router.get("portMapping")});
            match (&timeout, text(router, "/portMapping/protocol")) {
                (Some(timeout), protocol) if !["", "tcp"].contains(&protocol) => {
                    with(&listener, "timeout", json!({ protocol: timeout }))
                }
                _ => listener,
            }
        };
        found.into_iter().flatten().map(listener).collect()
    }

    fn timeout(&self) -> Option<Value> {
        let (_, request) = request(self.version, self.own().next()?)?;
        request.get("timeout").cloned()
    }

    // The entries that lead to the app alone.
    fn own(&self) -> impl Iterator<Item = &Value> {
        let local = Local::of(self.route, self.names);
        let meant = meant(self.version, self.route, &local).into_iter();
        meant.filter(move |entry| is_own(self.version, entry, &local))
    }

    fn backends(&self) -> Vec<Value> {
        let mut seen: Vec<&str> = Vec::new();
        for backend in &self.exposure.member.backends {
            // Of one that is named twice App Mesh takes none.
            if !seen.contains(&backend.as_str()) {
                seen.push(backend);
            }
        }
        let of = |backend: &str| match self.version {
            Version::V1beta1 => json!({"virtualServiceName": backend}),
            Version::V1beta2 if backend.starts_with(ARN) => json!({"virtualServiceARN": backend}),
            Version::V1beta2 => json!({"virtualServiceRef": {"name": backend}}),
        };
        seen.into_iter()
            .map(|backend| json!({"virtualService": of(backend)}))
            .collect()
    }

    // The same routes, with everybody on the canary and nobody told apart.
    fn router_of_canary(&self) -> Value {
        let local = Local::of(self.route, self.names);
        let entry = |entry: &Value| {
            let entry = without(&split(self.version, entry, &local, Weights::CANARY), &["priority"]);
            if entry_name(&entry) == self.names.apex {
                with(&entry, "name", json!(self.names.canary))
            } else {
                entry
            }
        };
        let entries: Vec<Value> = self.own().map(entry).collect();
        let listeners = self
            .route
            .pointer(self.version.listeners())
            .cloned()
            .unwrap_or_default();
        let mut spec = self.spec();
        match self.version {
            Version::V1beta1 => {
                let router = json!({"name": self.names.canary, "listeners": listeners});
                spec.insert("virtualRouter".to_owned(), router);
            }
            Version::V1beta2 => {
                spec.insert("listeners".to_owned(), listeners);
            }
        }
        spec.insert("routes".to_owned(), Value::Array(entries));
        let called = self
            .version
            .called(&self.names.canary, text(self.route, "/metadata/namespace"));
        self.object(self.version.of_routes().kind, &called, spec)
    }

    // What callers name, and the router of that name behind it.
    fn front(&self, name: &str) -> Value {
        let mut spec = self.spec();
        let router = json!({"virtualRouter": {"virtualRouterRef": {"name": name}}});
        spec.insert("provider".to_owned(), router);
        let object = self.object(members::front().kind, name, spec);
        let said = self.route.pointer("/metadata/annotations").and_then(Value::as_object);
        let said = said
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(GATEWAY) && name == self.names.apex);
        let said: Map<String, Value> = said.map(|(key, value)| (key.clone(), value.clone())).collect();
        if said.is_empty() {
            return object;
        }
        let metadata = object.get("metadata").cloned().unwrap_or_default();
        with(&object, "metadata", with(&metadata, "annotations", Value::Object(said)))
    }
}
