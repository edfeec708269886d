//! Conditions on requests in Contour's words: lists of MatchCondition, all of which have to be met.

use crate::api::canary::{AnalysisMatch, HttpMatch, StringMatch};
use crate::object::text;
use crate::routing::weighted::expressions;
use serde_json::{Value, json};

/// What a condition may be about besides the path.
const PARTS: [&str; 2] = ["header", "queryParameter"];
/// What it compares the path by.
const PATHS: [&str; 3] = ["prefix", "exact", "regex"];

/// The entries of `analysis.match` that say something.
pub(super) fn of_analysis(matches: &[AnalysisMatch]) -> Vec<Value> {
    matches.iter().filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<Value> {
    if of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty()) {
        return None;
    }
    let mut all: Vec<Value> = Vec::new();
    for (part, from) in PARTS.into_iter().zip([&of.headers, &of.query_params]) {
        for (name, value) in from.iter().flatten() {
            // A condition without a form cannot be said, nor can two on one header whose names differ in case.
            let condition = compared(part, name, value)?;
            if all.iter().any(|known| about_one(known, &condition).is_some()) {
                return None;
            }
            all.push(condition);
        }
    }
    (!all.is_empty()).then_some(Value::Array(all))
}

/// An entry of `spec.service.match`, the path last: by its last condition Contour knows how to compare it.
pub(super) fn of_service(of: &HttpMatch) -> Value {
    let said = |part: &str, name: &str, value: &StringMatch| {
        compared(part, name, value).unwrap_or_else(|| present(part, name))
    };
    let method = of.method.iter().map(|value| said("header", ":method", value));
    let headers = of.headers.iter().flatten();
    let headers = headers.map(|(name, value)| said("header", name, value));
    let parameters = of.query_params.iter().flatten();
    let parameters = parameters.map(|(name, value)| said("queryParameter", name, value));
    let path = path_of(of.uri.as_ref());
    method.chain(headers).chain(parameters).chain([path]).collect()
}

/// The path of every request.
pub(super) fn everywhere() -> Value {
    json!({"prefix": "/"})
}

fn path_of(uri: Option<&StringMatch>) -> Value {
    match uri.and_then(StringMatch::form) {
        Some(("regex", text)) => json!({"regex": anchored(text)}),
        Some(("suffix", text)) => json!({"regex": format!("/{}", expressions::ending(text))}),
        Some((form, text)) if !text.is_empty() => json!({form: text}),
        _ => everywhere(),
    }
}

/// An expression for a path as Contour takes it, which compares it with the whole and wants it to begin with a slash.
pub(super) fn anchored(expression: &str) -> &str {
    expression.strip_prefix('^').unwrap_or(expression)
}

// Contour takes an empty text for no condition, which everybody would meet.
fn compared(part: &str, name: &str, of: &StringMatch) -> Option<Value> {
    let (form, text) = match of.form()? {
        ("prefix", text) => ("regex", expressions::beginning(text)),
        ("suffix", text) => ("regex", expressions::ending(text)),
        (_, "") => ("regex", String::from("^$")),
        (form, text) => (form, text.to_owned()),
    };
    Some(json!({ part: {"name": lowered(part, name), form: text} }))
}

fn present(part: &str, name: &str) -> Value {
    json!({ part: {"name": lowered(part, name), "present": true} })
}

fn lowered(part: &str, name: &str) -> String {
    match part {
        "header" => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    }
}

/// How the path is compared by `conditions`, and with what.
pub(super) fn path(conditions: &[Value]) -> (&'static str, &str) {
    let said = |condition| {
        PATHS
            .into_iter()
            .find_map(|form| Some((form, text_of(condition, form)?)))
    };
    conditions.iter().find_map(said).unwrap_or(("prefix", "/"))
}

fn text_of<'a>(condition: &'a Value, form: &str) -> Option<&'a str> {
    condition.get(form)?.as_str().filter(|text| !text.is_empty())
}

/// How many headers and how many query parameters `conditions` compare.
pub(super) fn size(conditions: &[Value]) -> (usize, usize) {
    let about = |part: &str| conditions.iter().filter(|one| one.get(part).is_some()).count();
    (about("header"), about("queryParameter"))
}

/// What meets two lists. Two that compare one header or parameter with different things cannot be said as one: Contour gives
/// up an HTTPProxy that does.
pub(super) fn both(own: &Value, wanted: &Value) -> Option<Value> {
    let (own, wanted) = (own.as_array()?, wanted.as_array()?);
    let excluded = |wanted| own.iter().any(|own| exclude(own, wanted));
    if wanted.iter().any(excluded) {
        return None;
    }
    let is_new = |wanted: &&Value| !own.iter().any(|own| says(own, wanted));
    let mut all: Vec<Value> = wanted.iter().filter(is_new).cloned().collect();
    if all.is_empty() {
        // Of two routes with the same conditions Contour knows one, the later.
        all.extend(wanted.first().and_then(is_there));
    }
    // The last one tells how the path is compared.
    Some(all.iter().chain(own).cloned().collect())
}

fn is_there(condition: &Value) -> Option<Value> {
    PARTS
        .into_iter()
        .find_map(|part| Some(present(part, text(condition.get(part)?, "/name"))))
}

// What both compare of one header or parameter.
fn about_one<'a>(own: &'a Value, wanted: &'a Value) -> Option<(&'a Value, &'a Value)> {
    let of = |part: &str| own.get(part).zip(wanted.get(part));
    let same_name = |(own, wanted): &(&Value, &Value)| text(own, "/name").eq_ignore_ascii_case(text(wanted, "/name"));
    PARTS.into_iter().filter_map(of).find(same_name)
}

fn exclude(own: &Value, wanted: &Value) -> bool {
    about_one(own, wanted).is_some_and(|(own, wanted)| {
        let loosely = own.get("ignoreCase").and_then(Value::as_bool) == Some(true);
        wanted.get("exact").is_some_and(|exact| {
            own.get("notexact") == Some(exact) || own.get("exact").is_some_and(|own| loosely || own != exact)
        })
    })
}

fn says(own: &Value, wanted: &Value) -> bool {
    let same = |own: &Value, wanted: &Value, form| wanted.get(form).is_some() && own.get(form) == wanted.get(form);
    about_one(own, wanted)
        .is_some_and(|(own, wanted)| ["exact", "regex"].into_iter().any(|form| same(own, wanted, form)))
}
