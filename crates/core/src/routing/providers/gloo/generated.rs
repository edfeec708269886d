//! The RouteTable of an app whose user has none, as Flagger 1.44 makes it (flagger `pkg/router/gloo.go`): one route, of which
//! whatever leads to it says the path.

use super::{GROUP, KIND, VERSION, place};
use crate::api::canary::{CanaryService, Metadata};
use crate::routing::reference::Local;
use crate::routing::{Names, Traffic};
use serde_json::{Value, json};

/// The route, named after the apex, at rest: everything goes to primary. `None` without a port that is one.
pub(super) fn generated(namespace: &str, names: &Names, service: &CanaryService) -> Option<Value> {
    let port = service.port()?;
    let Metadata { labels, annotations } = service.apex.clone().unwrap_or_default();
    let metadata = json!({
        "name": names.apex, "namespace": namespace,
        "labels": labels.unwrap_or_default(), "annotations": annotations.unwrap_or_default(),
    });
    let mut made = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": KIND, "metadata": metadata});
    let local = &Local::of(&made, names);
    let half = |service: &str| place::written(service, &place::ours(port), local);
    // The canary has no weight, which is none.
    let halves = json!([
        {"destination": half(&names.primary), "weight": Traffic::PRIMARY.primary()},
        {"destination": half(&names.canary)},
    ]);
    let route = json!({"inheritablePathMatchers": true, "routeAction": {"multi": {"destinations": halves}}});
    let spec = json!({"routes": [route]});
    made.as_object_mut()?.insert("spec".to_owned(), spec);
    Some(made)
}
