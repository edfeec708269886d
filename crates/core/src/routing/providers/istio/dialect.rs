//! How a VirtualService writes its `http` and its `tcp` rules. Those for `tls` are the user's alone.

use super::{conditions, cookies, hosts, mirror};
use crate::api::canary::AnalysisMatch;
use crate::routing::reference::{self, Local, Side, without};
use crate::routing::weighted::{Dialect, expressions};
use serde_json::{Value, json};

/// How a VirtualService writes its rules for HTTP.
#[derive(Debug)]
pub(super) struct Http;

/// A weight is an i32; of routes that were stored without Istio's schema nothing greater is believed.
const MAX_WEIGHT: u64 = 2_147_483_647;

impl Dialect for Http {
    const RULES: &'static str = "/spec/http";
    const REFS: &'static str = "route";
    const MATCHES: &'static str = "match";
    // Envoy adds all of a rule up in a u32.
    const FINE: u64 = 1_000_000;

    // Of the halves there are no subsets: who is sent to one is left to its author.
    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        let destination = reference.get("destination")?;
        let whole = !is_subset(destination);
        whole.then(|| hosts::side_of(destination, names)).flatten()
    }

    fn named(reference: &Value, service: &str) -> Value {
        let mut reference = reference.clone();
        if let Some(host) = reference.pointer_mut("/destination/host") {
            *host = json!(hosts::renamed(host.as_str().unwrap_or_default(), service));
        }
        reference
    }

    // One without a weight gets nothing, unless there is no other.
    fn weight(reference: &Value, alone: bool) -> u64 {
        let weight = reference::weight(reference).map_or(0, |weight| weight.min(MAX_WEIGHT));
        if alone { 1 } else { weight }
    }

    fn alone(apex: &Value) -> Value {
        without(apex, &["weight"])
    }

    fn everything() -> Value {
        json!({})
    }

    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value> {
        conditions::of_analysis(matches)
    }

    fn with_cookie(cookie: &str) -> Value {
        json!({"headers": {"cookie": {"regex": expressions::with_cookie(cookie)}}})
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
        let refs = rule.get(Self::REFS).and_then(Value::as_array).into_iter().flatten();
        let mut canary = refs.filter(|one| Self::side(one, names) == Some(Side::Canary));
        let destination = canary.next().and_then(|one| one.get("destination"));
        match destination {
            Some(destination) => mirror::with_ours(rule, destination, percent),
            None => rule.clone(),
        }
    }

    fn without_mirror(rule: &Value, names: &Local<'_>) -> Value {
        mirror::without_ours(rule, names)
    }
}

/// Istio's words for connections of which nothing is known. They are shared out, and that is all: there is nothing by which
/// users could be told apart, no answer for a cookie and nothing to copy.
#[derive(Debug)]
pub(super) struct Tcp;

impl Dialect for Tcp {
    const RULES: &'static str = "/spec/tcp";
    const REFS: &'static str = Http::REFS;
    const MATCHES: &'static str = Http::MATCHES;
    const FINE: u64 = Http::FINE;

    fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
        Http::side(reference, names)
    }

    fn named(reference: &Value, service: &str) -> Value {
        Http::named(reference, service)
    }

    fn weight(reference: &Value, alone: bool) -> u64 {
        Http::weight(reference, alone)
    }

    fn alone(apex: &Value) -> Value {
        Http::alone(apex)
    }

    fn everything() -> Value {
        Http::everything()
    }

    fn conditions(_matches: &[AnalysisMatch]) -> Vec<Value> {
        Vec::new()
    }

    fn with_cookie(_cookie: &str) -> Value {
        Value::Null
    }

    // Nothing can be asked of a connection besides what its author asks.
    fn both(_one: &Value, _other: &Value) -> Option<Value> {
        None
    }

    fn mirrored(_rule: &Value, _names: &Local<'_>) -> u8 {
        0
    }

    fn mirroring(rule: &Value, _names: &Local<'_>, _percent: u8) -> Value {
        rule.clone()
    }

    fn without_mirror(rule: &Value, _names: &Local<'_>) -> Value {
        rule.clone()
    }
}

/// Whether a destination is a part of a Service's pods only, as a DestinationRule names it.
pub(super) fn is_subset(destination: &Value) -> bool {
    let subset = destination.get("subset").and_then(Value::as_str);
    subset.is_some_and(|subset| !subset.is_empty())
}
