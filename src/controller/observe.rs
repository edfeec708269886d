//! From live objects to what a step looks at. Pure.

use super::{
    live::{Live, label, set_hash, text},
    readiness,
    wanted::{Decides, decides, wanted},
};
use crate::{
    analysis::{ApexSide, Checks, Observation, Primary, Rollout, Scaler, State, Target, Wishes},
    api::labels::{self, TargetState},
    plan::{Blueprint, Selector, configs::Reference, hash::template_hash, primary_revision, revision::template_of},
    routing::{Traffic, httproute},
};
use serde_json::Value;

/// How ready is ready, in percent (`canaryReadyThreshold`, `primaryReadyThreshold`).
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// Of the target.
    pub canary: u32,
    /// Of primary.
    pub primary: u32,
}

/// What is seen of a pair. `door` says that the namespace is opted in, so every change should have passed admission.
pub fn observe(
    live: &Live,
    selector: &Selector,
    blueprint: &Blueprint,
    thresholds: Thresholds,
    door: bool,
    state: &State,
    checks: Option<Checks>,
) -> Observation {
    let primary = live
        .primary
        .as_ref()
        .map(|p| primary(p, live, blueprint, thresholds.primary));
    let primary_replicas = primary.as_ref().map(|p| p.replicas);
    let target = live
        .target
        .as_ref()
        .map(|t| target(t, live, blueprint, thresholds.canary, door, primary_replicas));
    let scaler = match decides(live, blueprint) {
        Decides::Scaler(_, bounds) => Some(Scaler { max: bounds.max }),
        Decides::Author | Decides::AuthorAgain => None,
    };
    let names = blueprint.names.as_ref();
    let traffic = names.and_then(|names| {
        let expected = Some(state.intent);
        let each = live.routes.iter();
        agreed(each.map(|route| httproute::traffic(route, names, &blueprint.exposure, expected)))
    });
    Observation {
        target,
        primary,
        scaler,
        apex: live
            .apex
            .as_ref()
            .and_then(|apex| apex_side(apex, selector, live.target.as_ref())),
        traffic,
        routed: blueprint.provider.has_weights() && (blueprint.route.is_some() || !live.routes.is_empty()),
        mirrors: live
            .routes
            .iter()
            .all(|route| httproute::unmirrored(route).next().is_none()),
        served: names.is_some(),
        split: names.is_some_and(|names| {
            live.routes
                .iter()
                .any(|r| httproute::refers_to(r, names) && names_a_half(r, names))
        }),
        promoted: state.last_promoted.clone(),
        checks,
        answers: Vec::new(),
        edition: String::new(),
        wishes: Wishes::default(),
    }
}

fn names_a_half(route: &Value, names: &crate::routing::Names) -> bool {
    let text = route.pointer("/spec/rules").map(Value::to_string).unwrap_or_default();
    text.contains(&format!("{:?}", names.primary)) || text.contains(&format!("{:?}", names.canary))
}

fn agreed(mut traffic: impl Iterator<Item = Option<Traffic>>) -> Option<Traffic> {
    let first = traffic.next()??;
    traffic.all(|other| other == Some(first)).then_some(first)
}

/// Whom a Service selects: primary's pods when it names primary's value, the target's when it matches its pods.
pub fn apex_side(apex: &Value, selector: &Selector, target: Option<&Value>) -> Option<ApexSide> {
    let selects = apex.pointer("/spec/selector")?.as_object()?;
    if selects.get(&selector.key).and_then(Value::as_str) == Some(selector.primary_value().as_str()) {
        return Some(ApexSide::Primary);
    }
    let pods = target
        .and_then(|t| t.pointer("/spec/template/metadata/labels"))
        .and_then(Value::as_object);
    let pods = pods.cloned().unwrap_or_else(|| selector.target_labels());
    selects
        .iter()
        .all(|(key, value)| pods.get(key) == Some(value))
        .then_some(ApexSide::Target)
}

fn target(
    target: &Value,
    live: &Live,
    blueprint: &Blueprint,
    threshold: u32,
    door: bool,
    primary_replicas: Option<u32>,
) -> Target {
    let replicas = replicas(target);
    let state = label(target, labels::STATE).and_then(TargetState::parse);
    let survey = target
        .pointer("/spec/template")
        .map(|template| live.configs.survey(template));
    let (revision, missing) = survey.map(|s| (s.revision, missing(&s.missing))).unwrap_or_default();
    let held = label(target, labels::HELD).is_some();
    let running: Vec<&Value> = live.sets_of(target).filter(|set| replicas_of_set(set) > 0).collect();
    let active = match running.as_slice() {
        [one] => live.revision(one),
        _ => None,
    };
    let rollout = match (held, running.as_slice()) {
        (true, [one]) => readiness::replica_set(one),
        (true, _) => Rollout::Waiting(String::from("two revisions run")),
        _ => readiness::rollout(target, threshold),
    };
    let mut known: Vec<String> = live.sets_of(target).filter_map(|set| live.revision(set)).collect();
    known.push(revision.clone());
    let current = if held {
        active.as_deref()
    } else {
        Some(revision.as_str())
    };
    let service = blueprint.names.as_ref().map(|names| names.canary.as_str());
    let endpoints = service.map(|service| endpoints(live, service, set_named(live, target, current.map(template_of))));
    Target {
        replicas,
        wanted: wanted(target, state, replicas, primary_replicas, decides(live, blueprint)),
        paused: target.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false),
        held,
        state,
        bypassed: door && label(target, labels::REVISION).is_some_and(|admitted| admitted != template_of(&revision)),
        revision,
        missing,
        active,
        rollout,
        endpoints,
        trouble: None,
        known,
    }
}

fn missing(configs: &[Reference]) -> Option<String> {
    let names: Vec<String> = configs.iter().map(Reference::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn primary(primary: &Value, live: &Live, blueprint: &Blueprint, threshold: u32) -> Primary {
    let own = primary.pointer("/spec/template").map(template_hash);
    let service = blueprint.names.as_ref().map(|names| names.primary.as_str());
    Primary {
        replicas: replicas(primary),
        revision: primary_revision(primary).map(str::to_owned),
        rollout: readiness::rollout(primary, threshold),
        endpoints: service.map(|service| endpoints(live, service, set_named(live, primary, own.as_deref()))),
    }
}

fn replicas(deployment: &Value) -> u32 {
    deployment
        .pointer("/spec/replicas")
        .and_then(Value::as_u64)
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(1)
}

fn replicas_of_set(set: &Value) -> u64 {
    let number = |pointer| set.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    number("/spec/replicas").max(number("/status/replicas"))
}

fn set_named<'a>(live: &'a Live, owner: &Value, hash: Option<&str>) -> Option<&'a str> {
    let set = live
        .sets_of(owner)
        .find(|set| set_hash(set).as_deref() == hash && hash.is_some())?;
    set.pointer("/metadata/name").and_then(Value::as_str)
}

// Only pods of the one ReplicaSet count: a slice may lag and still show pods of the revision before.
fn endpoints(live: &Live, service: &str, set: Option<&str>) -> u32 {
    let Some(prefix) = set.map(|set| format!("{set}-")) else {
        return 0;
    };
    let slices = live
        .slices
        .iter()
        .filter(|s| label(s, "kubernetes.io/service-name") == Some(service));
    let all = slices.flat_map(|s| s.get("endpoints").and_then(Value::as_array).into_iter().flatten());
    let mut pods: Vec<&str> = all
        .filter(|e| e.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false))
        .map(|e| text(e, "/targetRef/name"))
        .filter(|pod| pod.starts_with(&prefix))
        .collect();
    pods.sort_unstable();
    pods.dedup();
    u32::try_from(pods.len()).unwrap_or(u32::MAX)
}
