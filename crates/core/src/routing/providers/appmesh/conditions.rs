//! Conditions on requests in App Mesh's words: lists of headers, or of metadata for gRPC, all of which have to be met.

use super::entries::request;
use super::version::Version;
use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::object::text;
use crate::routing::reference::{with, without};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// As many as an entry may have.
pub(super) const MOST: usize = 10;
/// As long as the name of one may be.
const LONGEST_NAME: usize = 50;
/// As long as a text that one is compared with may be.
const LONGEST_TEXT: usize = 255;

/// The entries of `analysis.match` that can be said exactly. One that cannot is left out: a route never sends more users to the
/// canary than were named.
pub(super) fn of_analysis(matches: &[AnalysisMatch]) -> Vec<Vec<Value>> {
    matches.iter().filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<Vec<Value>> {
    let callers = of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty());
    let parameters = of.query_params.as_ref().is_some_and(|all| !all.is_empty());
    let headers = of.headers.as_ref().filter(|_| !callers && !parameters)?;
    let all: Option<Vec<Value>> = headers.iter().map(|(name, value)| compared(name, value)).collect();
    all.filter(|all| !all.is_empty() && all.len() <= MOST)
}

/// The headers of an entry of `spec.service.match`. One without a form has to be there.
pub(super) fn of_service(headers: Option<&BTreeMap<String, StringMatch>>) -> Vec<Value> {
    let all = headers.into_iter().flatten();
    let said =
        all.map(|(name, value)| compared(name, value).unwrap_or_else(|| json!({"name": name.to_ascii_lowercase()})));
    said.collect()
}

/// A header and what it is compared with; `None` where that cannot be said.
pub(super) fn compared(name: &str, of: &StringMatch) -> Option<Value> {
    let (form, text) = of.form()?;
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && (1..=LONGEST_TEXT).contains(&text.len());
    fits.then(|| json!({"name": name.to_ascii_lowercase(), "match": {form: text}}))
}

fn list_of(member: &str) -> &'static str {
    if member == "grpcRoute" { "metadata" } else { "headers" }
}

fn headers(version: Version, entry: &Value) -> &[Value] {
    let found = request(version, entry).and_then(|(member, request)| request.get("match")?.get(list_of(member)));
    found.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The entry for those requests only that meet `test` besides; `None` where it would have more conditions than it may.
pub(super) fn besides(version: Version, entry: &Value, test: &[Value]) -> Option<Value> {
    let (member, request) = request(version, entry)?;
    let own = headers(version, entry);
    let new = test.iter().filter(|one| !own.contains(one));
    let all: Vec<Value> = own.iter().chain(new).cloned().collect();
    if all.len() > MOST {
        return None;
    }
    let matching = request.get("match").cloned().unwrap_or_else(|| json!({}));
    let matching = with(&matching, list_of(member), Value::Array(all));
    Some(with(entry, member, with(request, "match", matching)))
}

/// Whether no request meets `entry` and `test`: one header is to be two texts.
pub(super) fn exclude(version: Version, entry: &Value, test: &[Value]) -> bool {
    let differ = |own: &Value, wanted: &Value| {
        let said = |one: &Value| one.pointer("/match/exact").and_then(Value::as_str).map(str::to_owned);
        let inverted = own.get("invert").and_then(Value::as_bool) == Some(true);
        let both = said(own).zip(said(wanted)).filter(|_| !inverted);
        text(own, "/name").eq_ignore_ascii_case(text(wanted, "/name"))
            && both.is_some_and(|(own, wanted)| own != wanted)
    };
    let own = headers(version, entry);
    test.iter().any(|wanted| own.iter().any(|own| differ(own, wanted)))
}

/// Whether `entry` takes requests of `base` that meet more conditions, and differs in nothing else but what it is called and whom
/// it sends to.
pub(super) fn is_narrower(version: Version, entry: &Value, base: &Value) -> bool {
    let parts = |of| request(version, of).map(|(member, request)| (member, rest(member, request)));
    let own = headers(version, base);
    parts(entry) == parts(base) && headers(version, entry).starts_with(own)
}

fn rest(member: &str, request: &Value) -> Value {
    let matching = without(request.get("match").unwrap_or(&Value::Null), &[list_of(member)]);
    with(&without(request, &["action"]), "match", matching)
}

/// What an entry is called.
pub(super) fn name(entry: &Value) -> &str {
    text(entry, "/name")
}
