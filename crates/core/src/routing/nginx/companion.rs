//! The second Ingress: the user's paths to the apex, leading to the canary, for the share that its annotations name.

use super::paths;
use super::{API_VERSION, CAN, KIND};
use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::routing::{Exposure, Names, Traffic, is_made};
use serde_json::{Map, Value, json};

/// Prefix of ingress-nginx's annotations.
pub(super) const PREFIX: &str = "nginx.ingress.kubernetes.io/";
/// An older way to name the controller that reads an Ingress.
const CLASS: &str = "kubernetes.io/ingress.class";
/// What ingress-nginx reads as true.
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

/// Whether an Ingress stands beside another for a share of its requests, whoever made it.
pub(super) fn is_canary(ingress: &Value) -> bool {
    annotation(ingress, "canary").is_some_and(|value| TRUE.contains(&value))
}

/// Whether we made it, or Flagger.
pub(super) fn is_ours(ingress: &Value) -> bool {
    is_canary(ingress) && is_made(ingress)
}

/// The objects of a user's Ingress that carries `traffic`. A share of nothing needs no second one.
pub(super) fn carrying(objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let mut objects = objects.to_vec();
    let made = objects
        .first()
        .filter(|route| !is_canary(route) && (traffic.canary() > 0 || traffic.matched))
        .and_then(|route| beside(route, names, traffic, exposure));
    objects.extend(made);
    objects
}

// What nginx does with requests it does on both sides; certificates are the first Ingress's.
fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Option<Value> {
    let mut rules = Vec::new();
    for (host, path) in paths::to(route, &names.apex) {
        paths::add(&mut rules, host, paths::leading_to(path, &names.canary));
    }
    let mut spec = Map::new();
    let class = route.pointer("/spec/ingressClassName");
    spec.extend(class.map(|class| ("ingressClassName".to_owned(), class.clone())));
    let empty = rules.is_empty();
    spec.insert("rules".to_owned(), Value::Array(rules));
    (!empty).then(|| {
        json!({
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": name(route, names),
                "namespace": route.pointer("/metadata/namespace"),
                "annotations": annotations(route, traffic, exposure),
            },
            "spec": spec,
        })
    })
}

// Those that say whose requests it takes, and what nginx does with them.
fn annotations(route: &Value, traffic: Traffic, exposure: &Exposure) -> Map<String, Value> {
    let of_users = route.pointer("/metadata/annotations").and_then(Value::as_object);
    let is_kept = |key: &str| {
        let nginx = key.strip_prefix(PREFIX).is_some_and(|name| !name.starts_with("canary"));
        nginx || key == CLASS
    };
    let kept = of_users.into_iter().flatten().filter(|(key, _)| is_kept(key));
    let mut annotations: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut note = |name: &str, value: String| {
        annotations.insert(format!("{PREFIX}{name}"), Value::String(value));
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
    let alone = paths::services(route).all(|service| service == names.apex);
    if alone {
        format!("{name}-canary")
    } else {
        format!("{name}-{}", names.canary)
    }
}

/// What a user's Ingress and its companion among `beside` do with the pair's traffic.
pub(super) fn traffic(
    route: &Value,
    beside: &[&Value],
    names: &Names,
    exposure: &Exposure,
    expected: Option<Traffic>,
) -> Option<Traffic> {
    let namespace = route.pointer("/metadata/namespace");
    let is_its = |one: &&&Value| {
        let leads = paths::to(one, &names.canary).next().is_some();
        one.pointer("/metadata/namespace") == namespace && is_ours(one) && leads
    };
    let mut found = beside.iter().filter(is_its);
    let live = match (found.next(), found.next()) {
        (None, _) => return Some(Traffic::PRIMARY.as_able(CAN, expected)),
        (Some(live), None) => live,
        // One of a name that was right before is on its way out.
        (Some(_), Some(_)) => return None,
    };
    // One that gives the canary nothing is as good as none.
    if shares(live) == json!({"canary": "true", "canary-weight": "0"}) {
        return Some(Traffic::PRIMARY.as_able(CAN, expected));
    }
    let weight = annotation(live, "canary-weight").and_then(|weight| weight.parse().ok());
    let share = Traffic::share(weight.unwrap_or(0));
    let matched = Traffic { matched: true, ..share };
    let does = |candidate: &Traffic| {
        let wanted = carrying(std::slice::from_ref(route), names, *candidate, exposure);
        wanted.get(1).is_some_and(|wanted| {
            shares(wanted) == shares(live) && wanted.pointer("/spec/rules") == live.pointer("/spec/rules")
        })
    };
    let found = [share, matched].into_iter().find(does)?;
    Some(found.as_able(CAN, expected))
}

// The annotations that say whose requests it takes.
fn shares(ingress: &Value) -> Value {
    let all = ingress.pointer("/metadata/annotations").and_then(Value::as_object);
    let ours = all.into_iter().flatten().filter_map(|(key, value)| {
        let name = key.strip_prefix(PREFIX).filter(|name| name.starts_with("canary"))?;
        Some((name.to_owned(), value.clone()))
    });
    Value::Object(ours.collect())
}

fn annotation<'a>(ingress: &'a Value, name: &str) -> Option<&'a str> {
    let all = ingress.pointer("/metadata/annotations")?;
    all.get(format!("{PREFIX}{name}"))?.as_str()
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
