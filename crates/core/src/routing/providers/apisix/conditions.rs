//! Conditions on requests in APISIX's words: lists of expressions, all of which have to be met.

use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::routing::reference::with;
use crate::routing::weighted::expressions;
use serde_json::{Value, json};

/// The entries of `analysis.match` that say something. One that cannot be said exactly is left out: a route never sends more
/// users to the canary than were named.
pub(super) fn of_analysis(matches: &[AnalysisMatch]) -> Vec<Value> {
    matches.iter().filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<Value> {
    if of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty()) {
        return None;
    }
    let parts = [("Header", &of.headers), ("Query", &of.query_params)];
    let said = parts.into_iter().flat_map(|(scope, from)| {
        let named = from.iter().flatten();
        named.map(move |(name, value)| compared(scope, name, value))
    });
    let all: Option<Vec<Value>> = said.collect();
    all.filter(|all| !all.is_empty()).map(Value::Array)
}

// APISIX searches for an expression; like other data planes it is to cover the whole text.
fn compared(scope: &str, name: &str, of: &StringMatch) -> Option<Value> {
    let (op, value) = match of.form()? {
        ("exact", text) => ("Equal", text.to_owned()),
        ("prefix", text) => ("RegexMatch", expressions::beginning(text)),
        ("suffix", text) => ("RegexMatch", expressions::ending(text)),
        (_, text) => ("RegexMatch", format!("^(?:{text})$")),
    };
    let name = match scope {
        "Header" => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    };
    (!name.is_empty()).then(|| json!({"subject": {"scope": scope, "name": name}, "op": op, "value": value}))
}

/// The entry for those requests only that meet `test` besides.
pub(super) fn besides(entry: &Value, test: &Value) -> Value {
    let own = entry.pointer("/match/exprs").and_then(Value::as_array);
    let both = own.into_iter().chain(test.as_array()).flatten();
    let exprs: Vec<Value> = both.cloned().collect();
    let conditions = entry.get("match").cloned().unwrap_or_else(|| json!({}));
    with(entry, "match", with(&conditions, "exprs", Value::Array(exprs)))
}
