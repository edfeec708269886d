//! Conditions on requests in Istio's words: HTTPMatchRequest and StringMatch.

use crate::api::canary::{AnalysisMatch, HttpMatch, StringMatch};
use crate::routing::weighted::{self, expressions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What both an HTTPMatchRequest and an L4MatchAttributes have.
const CONNECTIONS: [&str; 4] = ["port", "sourceLabels", "sourceNamespace", "gateways"];

/// The entries of `analysis.match` that say something.
pub(super) fn of_analysis(matches: &[AnalysisMatch]) -> Vec<Value> {
    matches.iter().filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<Value> {
    let mut out = Map::new();
    let said = [("headers", &of.headers), ("queryParams", &of.query_params)];
    for (key, from) in said.into_iter().filter_map(|(key, from)| Some((key, from.as_ref()?))) {
        let items = compared(key, from);
        // A condition without a form cannot be said.
        if items.len() != from.len() {
            return None;
        }
        out.insert(key.to_owned(), Value::Object(items));
    }
    if let Some(labels) = &of.source_labels {
        out.insert("sourceLabels".to_owned(), json!(labels));
    }
    out.retain(|_, value| value.as_object().is_some_and(|members| !members.is_empty()));
    (!out.is_empty()).then_some(Value::Object(out))
}

/// `spec.service.match`, with what Istio has no word for said by an expression.
pub(super) fn of_service(of: &HttpMatch) -> Value {
    let mut out = json!(of);
    let Some(members) = out.as_object_mut() else {
        return out;
    };
    for (key, value) in [
        ("uri", &of.uri),
        ("scheme", &of.scheme),
        ("method", &of.method),
        ("authority", &of.authority),
    ] {
        members.extend(value.as_ref().and_then(|value| Some((key.to_owned(), form(value)?))));
    }
    for (key, from) in [
        ("headers", &of.headers),
        ("withoutHeaders", &of.without_headers),
        ("queryParams", &of.query_params),
    ] {
        members.extend(from.as_ref().map(|from| (key.to_owned(), compared(key, from).into())));
    }
    out
}

/// The same of connections, as an L4MatchAttributes.
pub(super) fn of_connections(of: &HttpMatch) -> Value {
    let mut out = json!(of);
    if let Some(members) = out.as_object_mut() {
        members.retain(|key, _| CONNECTIONS.contains(&key.as_str()));
    }
    out
}

fn compared(key: &str, from: &BTreeMap<String, StringMatch>) -> Map<String, Value> {
    let named = |(name, value): (&String, &StringMatch)| match key {
        // Older versions know no prefix here.
        "queryParams" => match value.form()? {
            ("prefix", text) => Some((name.clone(), json!({"regex": expressions::beginning(text)}))),
            _ => Some((name.clone(), form(value)?)),
        },
        // Istio compares with lower-case names.
        _ => Some((name.to_ascii_lowercase(), form(value)?)),
    };
    from.iter().filter_map(named).collect()
}

/// A StringMatch. Istio knows no suffix; its expressions cover the whole text.
pub(super) fn form(of: &StringMatch) -> Option<Value> {
    let (form, text) = of.form()?;
    Some(match form {
        "suffix" => json!({"regex": expressions::ending(text)}),
        form => json!({form: text}),
    })
}

/// What meets two HTTPMatchRequests. Of two that compare one header or parameter with different things the one is said that wants
/// a text which meets the other; any others cannot be said as one, nor can two that want different labels.
pub(super) fn both(one: &Value, other: &Value) -> Option<Value> {
    let mut out = one.as_object()?.clone();
    // Where a match names gateways, Istio does not look at the labels of who calls: everybody would meet the canary.
    if other.get("sourceLabels").is_some()
        && let Some(named) = out
            .get("gateways")
            .and_then(Value::as_array)
            .filter(|all| !all.is_empty())
    {
        if !named.iter().any(|one| one == "mesh") {
            return None;
        }
        out.remove("gateways");
    }
    for key in ["headers", "queryParams", "sourceLabels"] {
        for (name, wanted) in other.get(key).and_then(Value::as_object).into_iter().flatten() {
            let known = out.entry(key).or_insert_with(|| json!({})).as_object_mut()?;
            let same_name = |own: &str| own == name || key == "headers" && own.eq_ignore_ascii_case(name);
            match known.iter_mut().find(|(own, _)| same_name(own)) {
                Some((_, own)) => *own = narrower(own, wanted)?.clone(),
                None => {
                    known.insert(name.clone(), wanted.clone());
                }
            }
        }
    }
    Some(Value::Object(out))
}

fn narrower<'a>(own: &'a Value, wanted: &'a Value) -> Option<&'a Value> {
    let is_met = |one: &Value, other: &Value| {
        let exact = one.get("exact").and_then(Value::as_str);
        exact.is_some_and(|text| meets(other, text))
    };
    weighted::narrower(own, wanted, |own, wanted| own == wanted, is_met)
}

// Whether a header or parameter of that text meets a StringMatch. One that says nothing wants the header to be there.
fn meets(condition: &Value, text: &str) -> bool {
    let said = |form: &str| condition.get(form).and_then(Value::as_str);
    match (said("exact"), said("prefix"), said("regex")) {
        (Some(exact), ..) => exact == text,
        (None, Some(prefix), _) => text.starts_with(prefix),
        (None, None, Some(expression)) => expressions::covers(expression, text),
        (None, None, None) => condition.as_object().is_some_and(Map::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_and_what_it_meets_the_text_is_asked_for() {
        let both = |own: &Value, wanted: &Value| {
            let both = both(
                &json!({"headers": {"X-User": own}}),
                &json!({"headers": {"x-user": wanted}}),
            )?;
            Some(both["headers"]["X-User"].clone())
        };
        let insider = json!({"exact": "insider"});
        for wider in [json!({"regex": ".+"}), json!({"prefix": "in"}), json!({})] {
            assert_eq!(both(&wider, &insider), Some(insider.clone()), "{wider}");
            assert_eq!(both(&insider, &wider), Some(insider.clone()), "{wider}");
        }
        for other in [
            json!({"exact": "other"}),
            json!({"regex": "side"}),
            json!({"prefix": "out"}),
        ] {
            assert_eq!(both(&other, &insider), None, "{other}");
        }
        assert_eq!(both(&json!({"regex": "a.*"}), &json!({"regex": ".*b"})), None);
        let labels = |app: &str| json!({"sourceLabels": {"app": app}});
        assert_eq!(super::both(&labels("a"), &labels("b")), None);
        assert_eq!(super::both(&labels("a"), &labels("a")), Some(labels("a")));
    }

    #[test]
    fn callers_are_told_apart_inside_the_mesh_only() {
        let beta = json!({"sourceLabels": {"app": "beta"}});
        let uri = json!({"prefix": "/"});
        let both = |gateways: Value| both(&json!({"gateways": gateways, "uri": uri}), &beta);
        let meant = json!({"uri": uri, "sourceLabels": {"app": "beta"}});
        assert_eq!(both(json!(["mesh"])), Some(meant.clone()));
        assert_eq!(both(json!(["public", "mesh"])), Some(meant));
        assert_eq!(both(json!(["public"])), None);
    }
}
