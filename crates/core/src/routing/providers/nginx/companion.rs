//! The annotations of the second Ingress: the share that it takes, or the conditions of those whom it takes.

use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::routing::ingress::companion::{self, annotation};
use crate::routing::ingress::{marks, paths};
use crate::routing::{Exposure, Names, Traffic};
use serde_json::{Map, Value, json};

/// The one that carries `traffic` beside a user's Ingress. A share of nothing needs none.
pub(super) fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Option<Value> {
    if traffic.canary() == 0 && !traffic.matched {
        return None;
    }
    companion::made(
        route,
        names,
        &name(route, names),
        &annotations(route, traffic, exposure),
    )
}

// Those that say whose requests it takes, and what nginx does with them.
fn annotations(route: &Value, traffic: Traffic, exposure: &Exposure) -> Map<String, Value> {
    let prefix = marks::prefix(exposure);
    let prefix = prefix.as_str();
    let is_read = |key: &str| key.strip_prefix(prefix).is_some_and(|name| !name.starts_with("canary"));
    let mut annotations = companion::kept(route, is_read);
    let mut note = |name: &str, value: String| {
        annotations.insert(format!("{prefix}{name}"), Value::String(value));
    };
    note("canary", "true".to_owned());
    note("canary-weight", traffic.canary().to_string());
    if traffic.matched {
        for (name, value) in conditions(&exposure.matches) {
            note(name, value);
        }
    }
    annotations
}

/// Flagger's name for it, where the Ingress leads to one app alone: each app behind it has a second one of its own.
pub(super) fn name(route: &Value, names: &Names) -> String {
    let name = paths::name(route);
    if paths::lead_only_to(route, &names.apex) {
        format!("{name}-canary")
    } else {
        format!("{name}-{}", names.canary)
    }
}

/// What the companions of a user's Ingress do with the pair's traffic.
pub(super) fn read(route: &Value, live: &[&Value], names: &Names, exposure: &Exposure) -> Option<Traffic> {
    let live = match live {
        [] => return Some(Traffic::PRIMARY),
        [live] => *live,
        // One of a name that was right before is on its way out.
        _ => return None,
    };
    let prefix = marks::prefix(exposure);
    let prefix = prefix.as_str();
    // One that gives the canary nothing is as good as none.
    if shares(live, prefix) == json!({"canary": "true", "canary-weight": "0"}) {
        return Some(Traffic::PRIMARY);
    }
    let weight = annotation(live, &format!("{prefix}canary-weight")).and_then(|weight| weight.parse().ok());
    let share = Traffic::share(weight.unwrap_or(0));
    let matched = Traffic { matched: true, ..share };
    let does = |candidate: &Traffic| {
        beside(route, names, *candidate, exposure).is_some_and(|wanted| {
            shares(&wanted, prefix) == shares(live, prefix)
                && wanted.pointer("/spec/rules") == live.pointer("/spec/rules")
        })
    };
    [share, matched].into_iter().find(does)
}

// The annotations that say whose requests it takes.
fn shares(ingress: &Value, prefix: &str) -> Value {
    let all = ingress.pointer("/metadata/annotations").and_then(Value::as_object);
    let ours = all.into_iter().flatten().filter_map(|(key, value)| {
        let name = key.strip_prefix(prefix).filter(|name| name.starts_with("canary"))?;
        Some((name.to_owned(), value.clone()))
    });
    Value::Object(ours.collect())
}

// The annotations for the conditions of an A/B test: one header and one cookie.
fn conditions(matches: &[AnalysisMatch]) -> Vec<(&'static str, String)> {
    let headers = || matches.iter().flat_map(|one| one.headers.iter().flatten());
    let header = headers().rfind(|(name, _)| !is_cookie(name));
    let cookie = headers().rfind(|(name, _)| is_cookie(name));
    let mut all = Vec::new();
    if let Some((name, value)) = header {
        all.push(("canary-by-header", name.clone()));
        all.extend(compared(value));
    }
    if let Some((_, text)) = cookie.and_then(|(_, value)| value.form()) {
        all.push(("canary-by-cookie", text.to_owned()));
    }
    all
}

/// Whether a header carries cookies.
pub(super) fn is_cookie(name: &str) -> bool {
    name.eq_ignore_ascii_case("cookie")
}

fn compared(value: &StringMatch) -> Option<(&'static str, String)> {
    let (form, text) = value.form()?;
    Some(match form {
        "exact" => ("canary-by-header-value", text.to_owned()),
        "prefix" => ("canary-by-header-pattern", format!("^{}", regex_syntax::escape(text))),
        "suffix" => ("canary-by-header-pattern", format!("{}$", regex_syntax::escape(text))),
        _ => ("canary-by-header-pattern", text.to_owned()),
    })
}
