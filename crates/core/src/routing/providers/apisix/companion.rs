//! The second ApisixRoute: the user's entries that lead to the app, before the user's own by their priority, for the share
//! of the canary and for those whom a test names.

use super::{API_VERSION, CAN, KIND, conditions, entries, status};
use crate::object::text;
use crate::routing::reference::with;
use crate::routing::{Exposure, Names, Traffic, Weights, is_made};
use serde_json::{Map, Value, json};

/// Prefix of the ingress controller's annotations, none of which we set.
pub(super) const PREFIX: &str = "k8s.apisix.apache.org/";
/// By how much an entry that shares comes before the user's. No more than that: what the user has placed before his entry
/// stays before it.
pub(super) const SHARED: i64 = 1;
/// By how much one for those whom a test names does.
pub(super) const TESTED: i64 = 2;
/// Shares are hundredths, so what else an entry sends to weighs a hundred times as much.
const WHOLE: u64 = 100;

/// Flagger's name for it.
pub(super) fn name(route: &Value, names: &Names) -> String {
    format!("{}-{}", text(route, "/metadata/name"), names.canary)
}

/// Whether we made a route beside another, or Flagger did.
pub(super) fn is_ours(route: &Value) -> bool {
    is_made(route) && text(route, "/metadata/name").ends_with("-canary")
}

/// The objects of a user's route that carries `traffic`. A share of nothing needs no second one.
pub(super) fn carrying(objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let mut objects = objects.to_vec();
    let made = objects
        .first()
        .filter(|route| !is_ours(route))
        .and_then(|route| beside(route, names, traffic, exposure));
    objects.extend(made);
    objects
}

fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Option<Value> {
    let mine = entries::http(route).filter(|entry| entries::leads(entry, names));
    let http: Vec<Value> = mine.flat_map(|entry| of(entry, names, traffic, exposure)).collect();
    if http.is_empty() {
        return None;
    }
    let mut spec = Map::new();
    let class = route.pointer("/spec/ingressClassName");
    spec.extend(class.map(|class| ("ingressClassName".to_owned(), class.clone())));
    spec.insert("http".to_owned(), Value::Array(http));
    Some(json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name(route, names), "namespace": route.pointer("/metadata/namespace")},
        "spec": spec,
    }))
}

// One entry of the user's, as those that carry `traffic`. Who is not meant by a test goes by the user's own.
fn of(entry: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let tests = conditions::of_analysis(&exposure.matches);
    let tests = tests.iter().filter(|_| traffic.matched).enumerate();
    let tests = tests.map(|(at, test)| {
        // APISIX gives up a route with two entries of one name.
        let named = with(entry, "name", json!(format!("{}-match-{at}", text(entry, "/name"))));
        raised(&conditions::besides(&named, test), names, Weights::CANARY, TESTED)
    });
    let shared = (traffic.canary() > 0).then(|| raised(entry, names, traffic.weights, SHARED));
    tests.chain(shared).collect()
}

fn raised(entry: &Value, names: &Names, weights: Weights, by: i64) -> Value {
    let priority = entries::priority(entry).saturating_add(by);
    let raised = with(entry, "priority", json!(priority));
    let alone = entries::is_alone(entry);
    let backends = entries::backends(entry).iter();
    let backends = backends.flat_map(|backend| divided(backend, alone, names, weights));
    let raised = with(&raised, "backends", backends.collect());
    let others = entries::upstreams(entry);
    if others.is_empty() {
        return raised;
    }
    with(&raised, "upstreams", others.iter().map(whole).collect())
}

// A backend in hundredths. A half without a share is not named: APISIX then has nothing to draw lots about.
fn divided(backend: &Value, alone: bool, names: &Names, weights: Weights) -> Vec<Value> {
    if !entries::is_apex(backend, names) {
        return vec![whole(backend)];
    }
    let own = if alone { 1 } else { entries::weight(backend) };
    let halves = [(&names.primary, weights.primary()), (&names.canary, weights.canary())];
    let halves = halves.into_iter().filter(|(_, share)| *share > 0);
    let half = |(name, share): (&String, u8)| {
        let named = with(backend, "serviceName", json!(name));
        with(&named, "weight", json!(own.saturating_mul(u64::from(share))))
    };
    halves.map(half).collect()
}

fn whole(other: &Value) -> Value {
    with(other, "weight", json!(entries::weight(other).saturating_mul(WHOLE)))
}

/// What a user's route and its companion among `beside` do with the pair's traffic.
pub(super) fn traffic(
    route: &Value,
    beside: &[&Value],
    names: &Names,
    exposure: &Exposure,
    expected: Option<Traffic>,
) -> Option<Traffic> {
    let resting = || Traffic::PRIMARY.as_able(CAN, expected);
    let Some(live) = beside.iter().find(|one| is_its(one, route, names)) else {
        return Some(resting());
    };
    // One that gives the canary nothing, as Flagger leaves it, is as good as none.
    if !entries::http(live).any(|entry| share(entry, names) > 0) {
        return Some(resting());
    }
    // Nobody comes by one that is not taken.
    if status::refused(live).is_some() {
        return None;
    }
    let named = |entry: &&Value| {
        let mut mine = entries::http(route).filter(|mine| entries::leads(mine, names));
        mine.any(|mine| text(mine, "/name") == text(entry, "/name"))
    };
    let shared = entries::http(live).find(named);
    let shared = Traffic::share(shared.map_or(0, |entry| share(entry, names)));
    let matched = Traffic {
        matched: true,
        ..shared
    };
    let does = |candidate: &Traffic| {
        let wanted = self::beside(route, names, *candidate, exposure);
        wanted.is_some_and(|wanted| wanted.get("spec") == live.get("spec"))
    };
    let found = [shared, matched].into_iter().find(does)?;
    Some(found.as_able(CAN, expected))
}

fn is_its(one: &Value, route: &Value, names: &Names) -> bool {
    let same = |at: &str| text(one, at) == text(route, at);
    same("/kind") && same("/metadata/namespace") && is_ours(one) && text(one, "/metadata/name") == name(route, names)
}

// The canary's share of what an entry sends to the pair, in percent.
fn share(entry: &Value, names: &Names) -> u8 {
    let weight = |wanted: &str| -> u64 {
        let all = entries::backends(entry).iter();
        let ours = all.filter(|backend| entries::service(backend) == wanted);
        ours.map(entries::weight).fold(0, u64::saturating_add)
    };
    let (primary, canary) = (weight(&names.primary), weight(&names.canary));
    let all = primary.saturating_add(canary);
    let percent = canary.saturating_mul(100).saturating_add(all / 2).checked_div(all);
    percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(0)
}
