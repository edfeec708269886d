//! The second Ingress: the user's paths to the apex, leading to the canary, for the share that its annotations name.

use super::paths;
use super::{API_VERSION, KIND};
use crate::api::canary::{Analysis, AnalysisMatch, StringMatch};
use crate::routing::{Exposure, Names, Traffic};
use serde_json::{Map, Value, json};

/// Prefix of ingress-nginx's annotations.
const PREFIX: &str = "nginx.ingress.kubernetes.io/";
/// An older way to name the controller that reads an Ingress.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Whether an Ingress stands beside another for a share of its requests, whoever made it.
pub(super) fn is_one(ingress: &Value) -> bool {
    annotation(ingress, "canary").is_some_and(|value| value == "true")
}

/// The objects of a user's Ingress that carries `traffic`. A share of nothing needs no second one.
pub(super) fn carrying(objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let mut objects = objects.to_vec();
    let Some(route) = objects.first().filter(|route| !is_one(route)).cloned() else {
        return objects;
    };
    let paths: Vec<_> = paths::to(&route, &names.apex).collect();
    if paths.is_empty() || traffic.canary() == 0 && !traffic.matched {
        return objects;
    }
    if objects.len() < 2 {
        objects.push(beside(&route, traffic, exposure));
    }
    let rules = objects.last_mut().and_then(|one| one.pointer_mut("/spec/rules"));
    if let Some(rules) = rules.and_then(Value::as_array_mut) {
        for (host, path) in paths {
            paths::add(rules, host, paths::leading_to(path, &names.canary));
        }
    }
    objects
}

// Without paths yet. What nginx does with requests it does on both sides; certificates are the first Ingress's.
fn beside(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
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
    let mut spec = Map::new();
    spec.extend(
        route
            .pointer("/spec/ingressClassName")
            .map(|class| ("ingressClassName".to_owned(), class.clone())),
    );
    spec.insert("rules".to_owned(), json!([]));
    json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name(route), "namespace": route.pointer("/metadata/namespace"), "annotations": annotations},
        "spec": spec,
    })
}

// Flagger's name for it.
fn name(route: &Value) -> String {
    format!("{}-canary", paths::name(route))
}

/// What a user's Ingress and its companion among `beside` do with the pair's traffic.
pub(super) fn traffic(
    route: &Value,
    beside: &[&Value],
    names: &Names,
    exposure: &Exposure,
    expected: Option<Traffic>,
) -> Option<Traffic> {
    let (of, namespace) = (name(route), route.pointer("/metadata/namespace"));
    let is_its = |one: &&&Value| {
        let same = paths::name(one) == of && one.pointer("/metadata/namespace") == namespace;
        same && one.get("kind").and_then(Value::as_str) == Some(KIND) && is_one(one)
    };
    let live = match beside.iter().find(is_its) {
        Some(live) if paths::to(live, &names.canary).next().is_some() => live,
        _ => return Some(Traffic::PRIMARY),
    };
    // One that gives the canary nothing is as good as none.
    if exact(live) == json!({"canary": "true", "canary-weight": "0"}) {
        return Some(Traffic::PRIMARY);
    }
    let weight = annotation(live, "canary-weight").and_then(|weight| weight.parse().ok());
    let share = Traffic::share(weight.unwrap_or(0));
    let candidates = [share, Traffic { matched: true, ..share }];
    let does = |candidate: &Traffic| {
        let wanted = carrying(std::slice::from_ref(route), names, *candidate, exposure);
        wanted.get(1).is_some_and(|wanted| {
            exact(wanted) == exact(live)
                && paths::to(wanted, &names.canary).all(|path| paths::to(live, &names.canary).any(|one| one == path))
        })
    };
    expected.into_iter().chain(candidates).find(does)
}

/// The annotations that say whose requests it takes, by their names without nginx's prefix.
pub(super) fn exact(ingress: &Value) -> Value {
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

// The annotations for the conditions of an A/B test: one header and one cookie; of several the last, as Flagger has it.
fn conditions(matches: &[AnalysisMatch]) -> Vec<(&'static str, String)> {
    let headers = || matches.iter().flat_map(|one| one.headers.iter().flatten());
    let is_cookie = |name: &str| name.eq_ignore_ascii_case("cookie");
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

fn compared(value: &StringMatch) -> Option<(&'static str, String)> {
    let (form, text) = value.form()?;
    Some(match form {
        "exact" => ("canary-by-header-value", text.to_owned()),
        "prefix" => ("canary-by-header-pattern", format!("^{}", regex_syntax::escape(text))),
        "suffix" => ("canary-by-header-pattern", format!("{}$", regex_syntax::escape(text))),
        _ => ("canary-by-header-pattern", text.to_owned()),
    })
}

/// What of `analysis` the annotations cannot say: its path below the analysis, and what to do instead.
pub(super) fn refuses(analysis: &Analysis) -> Option<(String, String)> {
    let matches = analysis.matches.as_deref().unwrap_or_default();
    let of_query = |one: &AnalysisMatch| one.query_params.as_ref().is_some_and(|all| !all.is_empty());
    if let Some(at) = matches.iter().position(of_query) {
        let why = "nginx does not choose by query parameters; use headers, or gatewayapi:v1";
        return Some((format!("match[{at}].queryParams"), why.to_owned()));
    }
    let headers = matches.iter().flat_map(|one| one.headers.iter().flatten());
    let mut names: Vec<&String> = headers.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let (cookies, others): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| name.eq_ignore_ascii_case("cookie"));
    let several = matches.len() > 2 || others.len() > 1 || matches.len() > 1 && cookies.is_empty();
    several.then(|| {
        let why = "nginx knows one header and one cookie, either of which suffices; name no more, or use gatewayapi:v1";
        ("match".to_owned(), why.to_owned())
    })
}
