//! A VirtualService of an author's that Flagger has replaced: it writes its own spec over the author's, which it keeps in an
//! annotation where `kubectl apply` does not.

use super::{hosts, listed, lists};
use crate::api::labels::{LAST_APPLIED, ORIGINAL_CONFIGURATION};
use crate::object::annotation;
use crate::routing::Names;
use crate::routing::reference::{Local, Side, with, without};
use serde_json::Value;

/// What of a spec is compared in a way of its own.
const COMPARED: &[&str] = &["hosts", "gateways", "http", "tcp"];

/// The author's spec, or why it is not to be put back.
pub(super) fn of(route: &Value, names: &Names, made: Option<&Value>) -> Option<Result<Value, String>> {
    let kept = annotation(route, ORIGINAL_CONFIGURATION)?;
    // Where kubectl keeps something, Flagger has not kept what came after.
    if annotation(route, LAST_APPLIED).is_some() {
        return Some(Err(String::from("it is older than what was applied with kubectl")));
    }
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
    let meant = with(route, "spec", spec.clone());
    let sides = sides(&meant, names);
    // Flagger keeps its own of before too, when its Canary changes.
    if sides.iter().any(|side| *side != Side::Apex) {
        return Err(format!("it leads to {} and {} itself", names.primary, names.canary));
    }
    if sides.is_empty() {
        return Err(format!("it does not lead to Service {}", names.apex));
    }
    Ok(spec)
}

// The Services of the pair that `route` leads to, by requests, by connections and by encrypted ones that are passed on.
fn sides(route: &Value, names: &Names) -> Vec<Side> {
    let lists = ["/spec/http", "/spec/tcp", "/spec/tls"];
    let rules = lists.into_iter().flat_map(move |at| all(route.pointer(at)));
    let led = rules.flat_map(|rule| all(rule.get("route")));
    let local = Local::of(route, names);
    led.filter_map(|one| hosts::side_of(one.get("destination")?, &local))
        .collect()
}

// Whether nobody has written anything but what Flagger makes of the Canary. In a test it has a rule before the other, with other
// conditions.
fn says_the_same(route: &Value, made: &Value, names: &Names) -> bool {
    let (route, made) = (lists::folded(route, names), lists::folded(made, names));
    let texts = |of: &Value, at: &str| listed(of, at).unwrap_or_default();
    let places = ["/spec/hosts", "/spec/gateways"];
    let rules = ["/spec/http", "/spec/tcp"];
    let more = |of: &Value| of.get("spec").map(|spec| without(spec, COMPARED));
    let last = |of: &Value, at: &str| all(of.pointer(at)).last().cloned();
    more(&route) == more(&made)
        && places.iter().all(|at| texts(&route, at) == texts(&made, at))
        && rules
            .iter()
            .all(|at| last(&route, at) == last(&made, at) && unconditional(&route, at) == unconditional(&made, at))
}

fn unconditional(route: &Value, at: &str) -> Vec<Value> {
    let mut rules: Vec<Value> = all(route.pointer(at)).map(|rule| without(rule, &["match"])).collect();
    rules.dedup();
    rules
}

fn all(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}
