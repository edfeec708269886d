//! Conditions on requests in Gloo's words: a Matcher, all of whose headers and query parameters have to be met.

use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::object::text;
use crate::routing::weighted::expressions;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const HEADERS: &str = "headers";
const PARAMETERS: &str = "queryParameters";
/// The header by which hosts are asked for, and what Gloo calls it.
const HOST: (&str, &str) = ("host", ":authority");

/// The entries of `analysis.match` that say something.
pub(super) fn of_analysis(matches: &[AnalysisMatch]) -> Vec<Value> {
    matches.iter().filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<Value> {
    // A gateway does not see the labels of who calls.
    if of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty()) {
        return None;
    }
    let mut out = Map::new();
    for (key, from) in [(HEADERS, &of.headers), (PARAMETERS, &of.query_params)] {
        let all = compared(key, from.as_ref())?;
        if !all.is_empty() {
            out.insert(key.to_owned(), Value::Array(all));
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

// A condition without a form cannot be said.
fn compared(key: &str, from: Option<&BTreeMap<String, StringMatch>>) -> Option<Vec<Value>> {
    let one = |(name, value): (&String, &StringMatch)| condition(&named(key, name), value);
    from.into_iter().flatten().map(one).collect()
}

fn named(key: &str, name: &str) -> String {
    let lowered = name.to_ascii_lowercase();
    match key {
        HEADERS if lowered == HOST.0 => HOST.1.to_owned(),
        HEADERS => lowered,
        _ => name.to_owned(),
    }
}

// Gloo takes an empty text for none, which everybody would meet who has the header at all.
fn condition(name: &str, of: &StringMatch) -> Option<Value> {
    let expression = |text: &str| json!({"name": name, "value": text, "regex": true});
    Some(match of.form()? {
        ("prefix", text) => expression(&expressions::beginning(text)),
        ("suffix", text) => expression(&expressions::ending(text)),
        (_, "") => expression("^$"),
        ("regex", text) => expression(text),
        (_, text) => json!({"name": name, "value": text}),
    })
}

/// What meets two Matchers: the path and methods of `own`, and what either says of headers and query parameters. No request
/// meets two that want one of these to be different texts.
pub(super) fn both(own: &Value, wanted: &Value) -> Option<Value> {
    let mut out = own.as_object()?.clone();
    for key in [HEADERS, PARAMETERS] {
        let known = list(own, key);
        let excluded = |one| known.iter().any(|own| exclude(key, own, one));
        if list(wanted, key).iter().any(excluded) {
            return None;
        }
        let more: Vec<&Value> = list(wanted, key).iter().filter(|one| !known.contains(one)).collect();
        if !more.is_empty() {
            let all: Vec<&Value> = known.iter().chain(more).collect();
            out.insert(key.to_owned(), json!(all));
        }
    }
    Some(Value::Object(out))
}

fn exclude(key: &str, own: &Value, wanted: &Value) -> bool {
    let same_name = named(key, text(own, "/name")) == named(key, text(wanted, "/name"));
    let plain = |one: &Value| {
        let is_set = |member: &str| one.get(member).and_then(Value::as_bool) == Some(true);
        !is_set("regex") && !is_set("invertMatch") && !text(one, "/value").is_empty()
    };
    same_name && plain(own) && plain(wanted) && text(own, "/value") != text(wanted, "/value")
}

fn list<'a>(matcher: &'a Value, key: &str) -> &'a [Value] {
    let all = matcher.get(key).and_then(Value::as_array);
    all.map(Vec::as_slice).unwrap_or_default()
}
