//! The Upstreams of the two halves: what they lead to is the half's Service, and everything else is as another Upstream says
//! it, be it the one that `spec.upstreamRef` names or the one whose place they take.

use super::dialect::TableRoutes;
use super::{Upstream, lifted, mirror, place};
use crate::object::text;
use crate::routing::reference::{Local, Side};
use crate::routing::{Exposure, Model, Names, WrittenKind, weighted};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Kind of these objects.
pub(super) const KIND: &str = "Upstream";
/// What of another Upstream is about that one alone: what it leads to, and how it was discovered.
const OWN: [&str; 11] = [
    "ai",
    "aws",
    "awsEc2",
    "azure",
    "consul",
    "discoveryMetadata",
    "gcp",
    "kube",
    "namespacedStatuses",
    "pipe",
    "static",
];

// By what `route` leads to the pair.
fn led(route: &Value, names: &Local<'_>) -> Vec<(Side, Value)> {
    let all = weighted::rules::<TableRoutes>(route).flat_map(lifted::destinations);
    let whole = all.filter(|one| lifted::is_whole(one));
    whole.filter_map(|one| place::read(one, names)).collect()
}

// The half that gets copies of what goes by it.
fn copied(route: &Value, names: &Local<'_>) -> Vec<(Side, Value)> {
    let all = weighted::rules::<TableRoutes>(route).filter_map(mirror::copied_to);
    all.filter_map(|one| place::read(&one, names)).collect()
}

/// Names of those that `route` may need.
pub(super) fn names_of(route: &Value, names: &Names) -> Vec<String> {
    let local = &Local::of(route, names);
    let mut all = Vec::new();
    for (_, by) in led(route, local) {
        // Who is led to the Service itself needs one for copies alone.
        let primary = (!place::is_service(&by)).then(|| name(&names.primary, &by, local));
        all.extend(primary);
        all.push(name(&names.canary, &by, local));
    }
    all.extend(
        copied(route, local)
            .iter()
            .map(|(_, by)| name(&names.canary, by, local)),
    );
    all.sort_unstable();
    all.dedup();
    all
}

fn name(service: &str, by: &Value, names: &Local<'_>) -> String {
    let upstream = place::of_half(service, by, names);
    text(&upstream, "/name").to_owned()
}

/// The Upstreams whose settings those of `route` take over.
pub(super) fn models(route: &Value, names: &Names, exposure: &Exposure) -> Vec<Model> {
    let local = &Local::of(route, names);
    let named = led(route, local).into_iter().chain(copied(route, local));
    let mut all: Vec<Model> = named.filter_map(|(_, by)| model(&by, local, exposure)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn model(by: &Value, names: &Local<'_>, exposure: &Exposure) -> Option<Model> {
    let asked = || exposure.model.clone().filter(|_| !place::is_service(by));
    let (namespace, name) = place::authors_own(by, names).or_else(asked)?;
    Some(Model {
        resource: Upstream.resource(),
        namespace,
        name,
    })
}

/// Those of the halves that `route` names. One whose settings are not known is left as it is.
pub(super) fn beside(route: &Value, names: &Names, exposure: &Exposure) -> Vec<Value> {
    let local = &Local::of(route, names);
    let named = led(route, local).into_iter().chain(copied(route, local));
    let made = named.filter_map(|(side, by)| {
        let service = match side {
            Side::Apex => return None,
            Side::Primary => &names.primary,
            Side::Canary => &names.canary,
        };
        if place::is_service(&by) {
            return None;
        }
        let settings = match model(&by, local, exposure) {
            Some(model) => settings(exposure.models.get(&model)?),
            None => Map::new(),
        };
        Some((name(service, &by, local), upstream(service, &by, settings, local)))
    });
    let made: BTreeMap<String, Value> = made.collect();
    made.into_values().collect()
}

fn upstream(service: &str, by: &Value, settings: Map<String, Value>, names: &Local<'_>) -> Value {
    let mut spec = settings;
    let to = json!({"serviceName": service, "serviceNamespace": names.namespace(), "servicePort": place::number(by)});
    spec.insert("kube".to_owned(), to);
    json!({
        "apiVersion": Upstream.resource().api_version(),
        "kind": KIND,
        "metadata": {"name": name(service, by, names), "namespace": names.namespace()},
        "spec": spec,
    })
}

fn settings(of: &Value) -> Map<String, Value> {
    let mut all = of.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    all.retain(|key, _| !OWN.contains(&key.as_str()));
    all
}

/// The Service that an Upstream leads to.
pub(super) fn service(upstream: &Value) -> Option<&str> {
    let to = upstream.pointer("/spec/kube")?;
    let at = to.get("serviceNamespace").and_then(Value::as_str);
    let own = upstream.pointer("/metadata/namespace").and_then(Value::as_str);
    to.get("serviceName")?.as_str().filter(|_| at == own)
}
