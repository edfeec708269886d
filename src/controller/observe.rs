//! From live objects to what a step looks at. Pure.
//!
//! Before it, [`gather`] takes the objects of a pair out of the caches of [`watch`](super::watch); after it,
//! [`crate::analysis`] decides by what was observed.

pub mod beside;
pub mod gather;
mod half;
pub mod pods;
mod readiness;
pub mod trouble;
mod wanted;

use super::watch::live::Live;
use crate::object::label;
use crate::{
    analysis::{ApexSide, Checks, Commands, Observation, Primary, Rollout, Scaler, Stage, State, Target},
    api::labels::{self, TargetState},
    plan::{
        Blueprint, Selector, Workload,
        configs::Reference,
        primary_revision,
        revision::template_of,
        workload::{
            overrides::{self, Record},
            template,
        },
    },
    routing::{self, Names, Traffic},
};
use half::Half;
use serde_json::{Map, Value};
use wanted::{Decides, decides, wanted};

/// How ready is ready, in percent (`canaryReadyThreshold`, `primaryReadyThreshold`).
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// Of the target.
    pub canary: u32,
    /// Of primary.
    pub primary: u32,
}

/// What is seen of a pair. `webhook` says that the namespace is opted in, so every change should have passed admission.
pub fn observe(
    live: &Live,
    selector: &Selector,
    blueprint: &Blueprint,
    thresholds: Thresholds,
    webhook: bool,
    state: &State,
    checks: Option<Checks>,
) -> Observation {
    let building = matches!(state.stage, Stage::Building | Stage::Switching);
    let carrying: Vec<&Names> = live
        .carrying(blueprint, building)
        .filter(|_| blueprint.workload != Workload::Service)
        .collect();
    let primary = live
        .primary
        .as_ref()
        .map(|p| primary(p, live, blueprint, thresholds.primary, &carrying));
    let primary_replicas = primary.as_ref().map(|p| p.replicas);
    let target = live.target.as_ref().map(|t| {
        target(
            t,
            (live, &carrying),
            blueprint,
            thresholds.canary,
            webhook,
            primary_replicas,
        )
    });
    let scaler = match decides(live, blueprint) {
        Decides::Scaler(_, bounds) => Some(Scaler { max: bounds.max }),
        Decides::Author | Decides::AuthorAgain => None,
    };
    let expected = Some(state.intent);
    let traffic = agreed(live.split(blueprint).flat_map(|names| {
        live.refers_to(blueprint, names)
            .map(move |route| live.traffic(route, names, &blueprint.exposure, expected))
    }));
    let halved = |names: &Names| live.routes.iter().any(|route| routing::names_a_half(route, names));
    let split = live.split(blueprint).chain(&live.left).any(halved);
    let missing = missing(live, blueprint).filter(|_| !building);
    Observation {
        target,
        primary,
        inherited: None,
        scaler,
        apex: side(live, selector),
        traffic,
        // A route that names a half moves users, whatever the Canary's provider is by now.
        routed: split
            || missing.is_some()
            || blueprint.provider.has_weights()
                && (blueprint.route.is_some()
                    || live
                        .split(blueprint)
                        .any(|names| live.refers_to(blueprint, names).next().is_some())),
        refused: None,
        route_trouble: missing.or_else(|| route_trouble(live, blueprint)),
        pending: is_pending(live, blueprint),
        // Nothing of a core Service rolls.
        webhook: webhook || blueprint.workload == Workload::Service,
        mirrors: live
            .routes
            .iter()
            .all(|route| routing::kind_of(route).is_none_or(|kind| kind.unmirrored(route).is_empty())),
        served: blueprint.workload != Workload::Service
            && (blueprint.names.is_some() || !live.pointing.followers.is_empty()),
        split,
        promoted: state.last_promoted.clone(),
        checks,
        answers: Vec::new(),
        edition: String::new(),
        commands: Commands::default(),
    }
}

// A route that the Canary names and that does not lead to the app, as far as it can be read: its users would see nothing of
// a release that seems to be shown to them.
fn missing(live: &Live, blueprint: &Blueprint) -> Option<String> {
    let (name, names) = (blueprint.named_route.as_ref()?, blueprint.names.as_ref()?);
    let kind = blueprint.provider.kind()?.resource().kind;
    let found = live.refers_to(blueprint, names).next().is_some();
    (!found).then(|| {
        format!(
            "{kind} {name}, which the Canary names, is not there or does not lead to Service {}",
            names.apex
        )
    })
}

// Of a Canary without weights the routes are the user's alone.
fn route_trouble(live: &Live, blueprint: &Blueprint) -> Option<String> {
    let mut all = live.split(blueprint).filter(|_| blueprint.provider.has_weights());
    all.find_map(|names| {
        let mut routes = live.refers_to(blueprint, names);
        routes.find_map(|route| routing::kind_of(route)?.problem(route, names, &blueprint.exposure))
    })
}

// Whether users are perhaps sent still where the routes said before.
fn is_pending(live: &Live, blueprint: &Blueprint) -> bool {
    let mut all = live.split(blueprint).filter(|_| blueprint.provider.has_weights());
    let pending = |route: &Value| routing::kind_of(route).is_some_and(|kind| kind.is_pending(route));
    all.any(|names| live.refers_to(blueprint, names).any(pending))
}

// Where all that points at the pods sends everybody; nowhere while they differ.
fn side(live: &Live, selector: &Selector) -> Option<ApexSide> {
    let followers = live.pointing.followers.iter().map(|follower| &follower.service);
    let mut sides = live
        .apex
        .iter()
        .chain(followers)
        .map(|service| apex_side(service, selector, live.target.as_ref()));
    let first = sides.next()??;
    sides.all(|side| side == Some(first)).then_some(first)
}

fn agreed(mut traffic: impl Iterator<Item = Option<Traffic>>) -> Option<Traffic> {
    let first = traffic.next()??;
    traffic.all(|other| other == Some(first)).then_some(first)
}

/// Whom a Service selects: primary's pods when it names a label that only they have, the target's when it matches those.
pub fn apex_side(apex: &Value, selector: &Selector, target: Option<&Value>) -> Option<ApexSide> {
    let selects = apex
        .pointer("/spec/selector")?
        .as_object()
        .filter(|all| !all.is_empty())?;
    let pods = target
        .and_then(|t| t.pointer("/spec/template/metadata/labels"))
        .and_then(Value::as_object);
    let pods = pods.cloned().unwrap_or_else(|| selector.target_labels());
    if selector.picks_primary(selects, &pods) {
        return Some(ApexSide::Primary);
    }
    selects
        .iter()
        .all(|(key, value)| pods.get(key) == Some(value))
        .then_some(ApexSide::Target)
}

fn target(
    target: &Value,
    (live, carrying): (&Live, &[&Names]),
    blueprint: &Blueprint,
    threshold: u32,
    webhook: bool,
    primary_replicas: Option<u32>,
) -> Target {
    let half = Half {
        workload: blueprint.workload,
        object: target,
        live,
    };
    let survey = live.survey(target);
    let (revision, missing) = survey
        .map(|s| (s.revision, missing_configs(&s.missing)))
        .unwrap_or_default();
    let (replicas, active, held) = (half.replicas(), half.active(), half.is_held());
    let is_service = blueprint.workload == Workload::Service;
    // A Service needs no label: nothing of it starts or stops.
    let told = label(target, labels::STATE).and_then(TargetState::parse);
    let state = if is_service { Some(TargetState::Serving) } else { told };
    let current = if held {
        active.as_deref()
    } else {
        Some(revision.as_str())
    };
    let endpoints = carrying
        .iter()
        .map(|names| half.endpoints(&names.canary, current))
        .min();
    let fixed = !blueprint.workload.is_counted();
    Target {
        replicas,
        wanted: match primary_replicas.filter(|_| fixed) {
            Some(nodes) => nodes,
            None => wanted(
                live.desired(),
                state,
                replicas,
                primary_replicas,
                decides(live, blueprint),
            ),
        },
        fixed,
        paused: target.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false),
        held,
        state,
        bypassed: webhook && !is_service && label(target, labels::REVISION) != Some(template_of(&revision)),
        rollout: half.rollout(threshold),
        known: live.known(),
        plain: Record::of(target).is_none(),
        apart: None,
        restorable: !is_service,
        overridden: is_service || has_overrides(target, &blueprint.overrides),
        revision,
        missing,
        active,
        endpoints,
        trouble: None,
    }
}

// Whether canary pods made from the template are what the Canary wants of them.
fn has_overrides(target: &Value, overrides: &Map<String, Value>) -> bool {
    let author = template::authored(target).unwrap_or_default();
    let (wanted, record) = overrides::applied(&author, overrides);
    // A DaemonSet that is kept at zero says so in its node selector.
    let zero = template::is_scaled_to_zero(target);
    let live = target.pointer("/spec/template/spec");
    let same = |field: &str| {
        let meant = wanted.get("spec").and_then(|spec| spec.get(field));
        zero && field == "nodeSelector" || live.and_then(|spec| spec.get(field)) == meant
    };
    Record::of(target) == record && overrides::FIELDS.into_iter().all(same)
}

fn missing_configs(configs: &[Reference]) -> Option<String> {
    let names: Vec<String> = configs.iter().map(Reference::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn primary(primary: &Value, live: &Live, blueprint: &Blueprint, threshold: u32, carrying: &[&Names]) -> Primary {
    let half = Half {
        workload: blueprint.workload,
        object: primary,
        live,
    };
    let own = half.revision();
    Primary {
        replicas: half.replicas(),
        fixed: !blueprint.workload.is_counted(),
        revision: primary_revision(primary).map(str::to_owned),
        edited: false,
        rollout: with_refusal(half.rollout(threshold), primary),
        has_pods: half.has_pods(),
        endpoints: carrying
            .iter()
            .map(|names| half.endpoints(&names.primary, Some(&own)))
            .min(),
    }
}

// What keeps pods from being created is the better reason.
fn with_refusal(rollout: Rollout, workload: &Value) -> Rollout {
    match (rollout, trouble::quota(workload)) {
        (Rollout::Waiting(why), Some(refused)) => Rollout::Waiting(format!("{why}: {refused}")),
        (rollout, _) => rollout,
    }
}
