//! A VirtualService of an author's that Flagger has replaced: it writes its own spec over the author's, which it keeps in an
//! annotation where `kubectl apply` does not.

use super::{listed, lists};
use crate::api::labels::ORIGINAL_CONFIGURATION;
use crate::object::annotation;
use crate::routing::Names;
use crate::routing::reference::{with, without};
use serde_json::Value;

/// The author's spec, or why it is not to be put back.
pub(super) fn of(route: &Value, names: &Names, made: Option<&Value>) -> Option<Result<Value, String>> {
    let kept = annotation(route, ORIGINAL_CONFIGURATION)?;
    let is_flaggers = made.is_some_and(|made| says_the_same(route, made, names));
    Some(authored(kept, route, names).and_then(|spec| {
        let edited =
            || String::from("the VirtualService says something else by now than what Flagger made of the Canary");
        is_flaggers.then_some(spec).ok_or_else(edited)
    }))
}

fn authored(kept: &str, route: &Value, names: &Names) -> Result<Value, String> {
    let spec = serde_json::from_str::<Value>(kept).ok().filter(Value::is_object);
    let spec = spec.ok_or_else(|| String::from("it cannot be read"))?;
    if !["http", "tcp", "tls"].iter().any(|list| spec.get(*list).is_some()) {
        return Err(String::from("it leads nowhere"));
    }
    // Flagger keeps its own of before too, when its Canary changes.
    if lists::names_a_half(&with(route, "spec", spec.clone()), names) {
        return Err(format!("it leads to {} and {} itself", names.primary, names.canary));
    }
    Ok(spec)
}

// Whether nobody has written anything but what Flagger makes of the Canary. In a test it has a second rule, with other
// conditions.
fn says_the_same(route: &Value, made: &Value, names: &Names) -> bool {
    let (route, made) = (lists::folded(route, names), lists::folded(made, names));
    let texts = |of: &Value, at: &str| listed(of, at).unwrap_or_default();
    let places = ["/spec/hosts", "/spec/gateways"];
    let rules = ["/spec/http", "/spec/tcp"];
    places.iter().all(|at| texts(&route, at) == texts(&made, at))
        && rules
            .iter()
            .all(|at| unconditional(&route, at) == unconditional(&made, at))
}

fn unconditional(route: &Value, at: &str) -> Vec<Value> {
    let rules = route.pointer(at).and_then(Value::as_array).into_iter().flatten();
    let mut rules: Vec<Value> = rules.map(|rule| without(rule, &["match"])).collect();
    rules.dedup();
    rules
}
