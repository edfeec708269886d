//! Why traffic cannot be moved, in words for people.

use super::{KIND, entries};
use crate::object::text;
use crate::routing::Names;
use serde_json::Value;

/// The plugin by which the ingress controller says weights, in the place of one of the user's.
const SPLIT: &str = "traffic-split";

/// Why the traffic of the pair cannot be moved beside `route`.
pub(super) fn of_route(route: &Value, names: &Names) -> Option<String> {
    let (name, apex) = (text(route, "/metadata/name"), &names.apex);
    if !entries::services(route).any(|service| service == names.apex) {
        return Some(format!(
            "no entry of {KIND} {name} sends to Service {apex}: name it in spec.http[].backends, or give the {KIND} another \
             name"
        ));
    }
    let mut mine = entries::http(route)
        .filter(|entry| entries::leads(entry, names))
        .peekable();
    if mine.peek().is_none() {
        return Some(format!(
            "{KIND} {name} leads to Service {apex} only by spec.stream, by subsets or without a weight, none of which can be \
             split: name the Service in spec.http[].backends, without a subset, or release it with provider kubernetes"
        ));
    }
    let entry = mine.find(|entry| splits(entry))?;
    Some(format!(
        "entry {} of {KIND} {name} has a plugin {SPLIT} of its own, whose place the weights of a release would take: name what \
         it leads to in spec.http[].backends, with weights",
        text(entry, "/name")
    ))
}

fn splits(entry: &Value) -> bool {
    let plugins = entry.get("plugins").and_then(Value::as_array);
    let is_off = |plugin: &Value| plugin.get("enable").and_then(Value::as_bool) == Some(false);
    let mut plugins = plugins.into_iter().flatten();
    plugins.any(|plugin| text(plugin, "/name") == SPLIT && !is_off(plugin))
}
