//! How an HTTPProxy writes its routes. Those conditions of one have to be met all, so what any of several suffices for are
//! several routes.

use super::{conditions, generated, mirror, services};
use crate::api::canary::AnalysisMatch;
use crate::object::text;
use crate::routing::reference::{self, Local, Side, with};
use crate::routing::weighted::{Dialect, expressions};
use serde_json::{Value, json};

/// How an HTTPProxy writes its routes.
#[derive(Debug)]
pub(super) struct ProxyRoutes;

/// Of routes that were stored by hand nothing greater is believed.
const MAX_WEIGHT: u64 = 2_147_483_647;

impl Dialect for ProxyRoutes {
    const RULES: &'static str = "/spec/routes";
    const REFS: &'static str = services::AT;
    const MATCHES: &'static str = "conditions";
    // Envoy adds all of a route up in a u32.
    const FINE: u64 = 1_000_000;

    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        services::side(reference, names)
    }

    fn named(reference: &Value, service: &str) -> Value {
        let before = text(reference, "/name");
        let mut named = with(reference, "name", json!(service));
        let headers = named.pointer_mut("/requestHeadersPolicy/set");
        for header in headers.and_then(Value::as_array_mut).into_iter().flatten() {
            *header = generated::overriding(header, before, service);
        }
        named
    }

    // One without a weight gets nothing where another has one. Where none has, `weights::said` has given all the same.
    fn weight(reference: &Value, alone: bool) -> u64 {
        if services::is_mirror(reference) {
            return 0;
        }
        let weight = reference::weight(reference).map_or(0, |weight| weight.min(MAX_WEIGHT));
        if alone { 1 } else { weight }
    }

    fn alone(apex: &Value) -> Value {
        services::alone(apex)
    }

    fn everything() -> Value {
        json!([])
    }

    fn matches(rule: &Value) -> Vec<Value> {
        rule.get(Self::MATCHES).cloned().into_iter().collect()
    }

    fn matching(rule: &Value, matches: Vec<Value>) -> Vec<Value> {
        let of = |conditions| with(rule, Self::MATCHES, conditions);
        matches.into_iter().map(of).collect()
    }

    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value> {
        conditions::of_analysis(matches)
    }

    fn with_cookie(cookie: &str) -> Value {
        json!([{"header": {"name": "cookie", "regex": expressions::with_cookie(cookie)}}])
    }

    fn both(one: &Value, other: &Value) -> Option<Value> {
        conditions::both(one, other)
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
