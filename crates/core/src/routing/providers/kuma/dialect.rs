//! How a MeshHTTPRoute writes its rules, once they are one list. Their conditions are the Gateway API's.

use super::rules::{self, BACKENDS};
use super::{mirror, references};
use crate::api::canary::AnalysisMatch;
use crate::routing::providers::gateway_api::route::conditions;
use crate::routing::reference::{self, Local, Side, with};
use crate::routing::weighted::Dialect;
use serde_json::{Value, json};

/// How a MeshHTTPRoute writes its rules.
#[derive(Debug)]
pub(super) struct Rules;

/// Envoy adds all of a rule up in a u32; of routes that were stored by hand nothing greater is believed.
const MAX_WEIGHT: u64 = 2_147_483_647;

impl Dialect for Rules {
    const RULES: &'static str = rules::ALL;
    const REFS: &'static str = BACKENDS;
    const MATCHES: &'static str = "matches";
    const FINE: u64 = 1_000_000;

    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        references::side_of_backend(reference, names)
    }

    fn named(reference: &Value, service: &str) -> Value {
        references::renamed(reference, service)
    }

    // The definition's default: a reference without a weight has weight 1.
    fn weight(reference: &Value, _alone: bool) -> u64 {
        reference::weight(reference).map_or(1, |weight| weight.min(MAX_WEIGHT))
    }

    fn alone(apex: &Value) -> Value {
        with(apex, "weight", json!(1))
    }

    fn everything() -> Value {
        conditions::everything()
    }

    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value> {
        conditions::of_analysis(matches, &["headers", "queryParams"])
    }

    fn with_cookie(cookie: &str) -> Value {
        conditions::with_cookie(cookie)
    }

    fn both(one: &Value, other: &Value) -> Option<Value> {
        conditions::merged(one, other)
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
