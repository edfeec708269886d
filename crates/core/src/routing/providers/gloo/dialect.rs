//! How the routes of a RouteTable are cut, in the form in which [`lifted`](super::lifted) has them.

use super::{conditions, cookies, mirror, place};
use crate::api::canary::AnalysisMatch;
use crate::routing::reference::{self, Local, Side, with, without};
use crate::routing::weighted::{Dialect, expressions};
use serde_json::{Value, json};

/// How a RouteTable writes its routes.
#[derive(Debug)]
pub(super) struct TableRoutes;

/// Of routes that were stored by hand nothing greater is believed.
const MAX_WEIGHT: u64 = 2_147_483_647;

impl Dialect for TableRoutes {
    const RULES: &'static str = "/spec/routes";
    const REFS: &'static str = place::DESTINATIONS;
    const MATCHES: &'static str = "matchers";
    // Envoy adds all of a route up in a u32.
    const FINE: u64 = 1_000_000;

    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        place::side(reference, names)
    }

    fn named(reference: &Value, service: &str) -> Value {
        with(reference, "name", json!(service))
    }

    // One without a weight gets nothing, unless there is no other.
    fn weight(reference: &Value, alone: bool) -> u64 {
        let weight = reference::weight(reference).map_or(0, |weight| weight.min(MAX_WEIGHT));
        if alone { 1 } else { weight }
    }

    fn alone(apex: &Value) -> Value {
        without(apex, &["weight"])
    }

    // Of a route that has its path from the one that leads to its RouteTable, that one counts.
    fn everything() -> Value {
        json!({"prefix": "/"})
    }

    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value> {
        conditions::of_analysis(matches)
    }

    fn with_cookie(cookie: &str) -> Value {
        json!({"headers": [{"name": "cookie", "regex": true, "value": expressions::with_cookie(cookie)}]})
    }

    fn both(one: &Value, other: &Value) -> Option<Value> {
        conditions::both(one, other)
    }

    fn cookies(reference: &Value) -> Vec<String> {
        cookies::set(reference)
    }

    fn setting(reference: &Value, cookie: &str) -> Value {
        cookies::setting(reference, cookie)
    }

    fn without_cookies(reference: &Value, users: &dyn Fn(&str) -> bool) -> Value {
        cookies::without(reference, users)
    }

    fn mirrored(rule: &Value, names: &Local<'_>) -> u8 {
        mirror::percent(rule, names)
    }

    fn mirroring(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
        mirror::with_ours(rule, names, percent)
    }

    fn without_mirror(rule: &Value, names: &Local<'_>) -> Value {
        mirror::without_ours(rule, names)
    }
}
