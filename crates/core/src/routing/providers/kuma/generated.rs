//! The MeshHTTPRoute of an app whose user has none. It is about requests to the app's Service in whichever namespace of the
//! mesh they begin ("producer policy"): Kuma sees that by a Service of the route's own namespace that is named by its name.

use super::references::KIND as MESH_SERVICE;
use super::{GROUP, KIND, VERSION};
use crate::api::canary::{CanaryService, HttpMatch, Metadata, StringMatch};
use crate::routing::providers::gateway_api::route::conditions;
use crate::routing::reference::with;
use crate::routing::{Names, Traffic};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The mesh of a route, and of what else is Kuma's: a label; Flagger reads it from an annotation of the Canary.
pub(super) const MESH: &str = "kuma.io/mesh";
/// The one of who says none.
pub(super) const DEFAULT_MESH: &str = "default";

/// The route, named after the apex, at rest: everything goes to primary. `None` without a port that is one.
pub(super) fn generated(namespace: &str, names: &Names, service: &CanaryService) -> Option<Value> {
    let port = service.port()?;
    let named = |name: &str| json!({"kind": MESH_SERVICE, "name": name, "namespace": namespace});
    let half = |name: &str, weight: u8| with(&with(&named(name), "port", json!(port)), "weight", json!(weight));
    let mut matches: Vec<Value> = service.matches.iter().flatten().map(matcher).collect();
    if matches.is_empty() {
        matches.push(conditions::everything());
    }
    let halves = [
        half(&names.primary, Traffic::PRIMARY.primary()),
        half(&names.canary, Traffic::PRIMARY.canary()),
    ];
    let rule = json!({"matches": matches, "default": {"backendRefs": halves}});
    let entry = |section: String| {
        let target = with(&named(&names.apex), "sectionName", json!(section));
        json!({"targetRef": target, "rules": [rule]})
    };
    let to: Vec<Value> = sections(service, port).into_iter().map(entry).collect();
    let Metadata { labels, annotations } = service.apex.clone().unwrap_or_default();
    Some(json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {
            "name": names.apex, "namespace": namespace,
            "labels": labels.unwrap_or_default(), "annotations": annotations.unwrap_or_default(),
        },
        "spec": {"to": to},
    }))
}

// A section is called like the port, or by its number where that has no name: which of the two the port of a Service is that
// has no name in the Canary is not known here. A section that there is not is about nothing.
fn sections(service: &CanaryService, port: u16) -> Vec<String> {
    let name = service.port_name().to_owned();
    let is_said = service.port_name.as_deref() == Some(name.as_str());
    let number = (!is_said).then(|| port.to_string());
    [name].into_iter().chain(number).collect()
}

fn matcher(of: &HttpMatch) -> Value {
    let mut out = Map::new();
    out.insert(
        "path".to_owned(),
        of.uri.as_ref().and_then(path).unwrap_or_else(anywhere),
    );
    let method = of.method.as_ref().and_then(StringMatch::form);
    out.extend(method.map(|(_, method)| ("method".to_owned(), json!(method))));
    for (key, from) in [("headers", &of.headers), ("queryParams", &of.query_params)] {
        let items = conditions::listed(key, from.as_ref());
        out.extend((!items.is_empty()).then(|| (key.to_owned(), Value::Array(items))));
    }
    Value::Object(out)
}

fn anywhere() -> Value {
    conditions::everything().get("path").cloned().unwrap_or_default()
}

// A prefix is one of whole segments, and Kuma refuses a slash that says so.
fn path(of: &StringMatch) -> Option<Value> {
    let (kind, value) = match of.form()? {
        ("exact", text) => ("Exact", text),
        ("prefix", text) => ("PathPrefix", text.trim_end_matches('/')),
        (_, text) => ("RegularExpression", text),
    };
    (!value.is_empty()).then(|| json!({"type": kind, "value": value}))
}

/// `route` in the mesh that it says itself, or else that the Canary's `annotations` do.
pub(super) fn in_mesh(mut route: Value, annotations: &BTreeMap<String, String>) -> Value {
    let mesh = annotations.get(MESH).map_or(DEFAULT_MESH, String::as_str);
    if let Some(labels) = route.pointer_mut("/metadata/labels")
        && labels.get(MESH).is_none()
    {
        *labels = with(labels, MESH, json!(mesh));
    }
    route
}

/// What the port of a Canary speaks, as it says, or as it told Flagger's Kuma by an annotation of the Service.
pub(super) fn spoken(service: &CanaryService) -> Option<String> {
    let said = service.app_protocol.clone().filter(|said| !said.is_empty());
    said.or_else(|| {
        let annotations = service.apex.as_ref()?.annotations.as_ref()?;
        let key = format!("{}.service.kuma.io/protocol", service.port()?);
        annotations.get(&key).cloned()
    })
}
