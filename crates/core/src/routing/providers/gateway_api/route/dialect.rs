//! How the routes write their rules.

use super::{Words, conditions, cookies, prefix};
use crate::api::canary::AnalysisMatch;
use crate::routing::reference::{self, Local, Side, side, with, without};
use crate::routing::weighted::Dialect;
use serde_json::{Value, json};
use std::marker::PhantomData;

/// The Gateway API's words, and those of one kind.
#[derive(Debug)]
pub(super) struct Rules<W>(PhantomData<W>);

/// The Gateway API's greatest weight; of routes that were stored without its schema nothing greater is believed.
const MAX_WEIGHT: u64 = 1_000_000;

impl<W: Words> Dialect for Rules<W> {
    const RULES: &'static str = "/spec/rules";
    const REFS: &'static str = "backendRefs";
    const MATCHES: &'static str = "matches";
    const FINE: u64 = 10_000;

    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        side(reference, names)
    }

    fn named(reference: &Value, service: &str) -> Value {
        with(reference, "name", json!(service))
    }

    // The Gateway API's default: a reference without a weight has weight 1.
    fn weight(reference: &Value, _alone: bool) -> u64 {
        reference::weight(reference).map_or(1, |weight| weight.min(MAX_WEIGHT))
    }

    fn alone(apex: &Value) -> Value {
        with(apex, "weight", json!(1))
    }

    // Names of rules are unique in a route.
    fn copied(rule: Value) -> Value {
        without(&rule, &["name"])
    }

    fn everything() -> Value {
        W::everything()
    }

    fn matching(rule: &Value, matches: Vec<Value>) -> Vec<Value> {
        prefix::rules(&Self::copied(rule.clone()), matches)
    }

    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value> {
        conditions::of_analysis(matches, W::NAMED)
    }

    fn with_cookie(cookie: &str) -> Value {
        conditions::with_cookie(cookie)
    }

    fn both(one: &Value, other: &Value) -> Option<Value> {
        conditions::merged(one, other)
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
        let filters = rule.get("filters").and_then(Value::as_array).into_iter().flatten();
        let mut ours = filters.filter(|filter| is_our_mirror(filter, names)).map(|filter| {
            let percent = filter.pointer("/requestMirror/percent").and_then(Value::as_u64);
            u8::try_from(percent.unwrap_or(100)).unwrap_or(100)
        });
        ours.next_back().unwrap_or(0)
    }

    fn mirroring(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
        let mut backends = rule.get(Self::REFS).and_then(Value::as_array).into_iter().flatten();
        let canary = backends.find(|b| side(b, names) == Some(Side::Canary));
        let mut to = json!({"group": "", "kind": "Service", "name": names.canary});
        for key in ["namespace", "port"] {
            if let Some(value) = canary.and_then(|b| b.get(key)) {
                to = with(&to, key, value.clone());
            }
        }
        let mut mirror = json!({"backendRef": to});
        if percent < 100 {
            mirror = with(&mirror, "percent", json!(percent));
        }
        let filters = rule.get("filters").and_then(Value::as_array);
        let mut filters = filters.cloned().unwrap_or_default();
        filters.push(json!({"type": "RequestMirror", "requestMirror": mirror}));
        with(rule, "filters", Value::Array(filters))
    }

    fn without_mirror(rule: &Value, names: &Local<'_>) -> Value {
        let mut rule = rule.clone();
        let Some(members) = rule.as_object_mut() else {
            return rule;
        };
        if let Some(filters) = members.get_mut("filters").and_then(Value::as_array_mut) {
            let before = filters.len();
            filters.retain(|filter| !is_our_mirror(filter, names));
            if filters.is_empty() && before > 0 {
                members.remove("filters");
            }
        }
        rule
    }
}

fn is_our_mirror(filter: &Value, names: &Local<'_>) -> bool {
    let to = filter.pointer("/requestMirror/backendRef");
    to.and_then(|to| side(to, names)) == Some(Side::Canary)
}
