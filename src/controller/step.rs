//! One step of one Canary: look, decide, record, write the difference.

use super::{
    advice::advise,
    cache::{Cache, Kind},
    checks::{self, Finished},
    configs::{self, Configs, kind_of},
    context::{Context, key},
    difference::{Pair, difference},
    finish, hooks, inheritance,
    live::{Live, is_a_canarys, is_owned, text},
    made::Made,
    observe::{Thresholds, observe},
    perform::perform,
    pods,
    queue::Key,
    record::{self, Recorded},
    status, sweep,
    takeover::{self, Place},
    trouble,
    write::{is_stale, version},
};
use crate::{
    analysis::{self, Decision, Observation, Rollout, Stage, State},
    api::{Canary, canary::conditions::Trouble},
    metrics::Severity,
    plan::{self, Blueprint, Selector, SelectorError, Workload, configs::ConfigKind, rules, template},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How often a hand-written Canary looks whether the generated one before it is gone.
const HANDED_OVER: Duration = Duration::from_millis(500);
/// From here on it is looked up why a target that is to serve again does not start.
const SLOW_EXIT: Duration = Duration::from_secs(5);
/// After an error that no event will follow.
const RETRY: Duration = Duration::from_secs(2);

/// After a write that we have no right to: somebody has to grant it first.
const RIGHTS_RETRY: Duration = Duration::from_secs(30);

/// Steps the Canary of `key`; answers when to do it again if nothing happens before.
pub async fn step(context: Arc<Context>, key: Key) -> Option<Duration> {
    let Some(canary) = context.canary(&key) else {
        context.checks.lock().remove(&key);
        context.written.lock().remove(&key);
        context.objects_written.forget(&key);
        context.primaries.forget(&key);
        context.timers.forget(&key);
        context.missed.lock().remove(&key);
        context.failures.forget(&key);
        hooks::forget(&context, &key);
        let left = context.index.count(&key.0);
        context.gauges.forget(&context.metrics, &key, left);
        return None;
    };
    match attempt(&context, &key, canary.clone()).await {
        Ok(wake) => {
            context.failures.forget(&key);
            wake
        }
        Err(kube::Error::Api(status)) if status.code == 403 => {
            context
                .events
                .record(&*canary, Severity::Warning, format!("Not allowed: {}", status.message));
            Some(RIGHTS_RETRY)
        }
        Err(error) if is_stale(&error) => Some(Duration::from_millis(200)),
        Err(error) => {
            tracing::error!(canary = format!("{}.{}", key.1, key.0), %error, "step failed, trying again");
            let (pause, new) = context.failures.note(&key, &error.to_string());
            if let (kube::Error::Api(status), true) = (&error, new) {
                let message = format!("Cannot go on, the API server refuses a write: {}", status.message);
                context.events.record(&*canary, Severity::Warning, message);
            }
            Some(pause)
        }
    }
}

async fn attempt(context: &Arc<Context>, key: &Key, canary: Arc<Canary>) -> Result<Option<Duration>, kube::Error> {
    if !context.cache.complete(&key.0) || is_older_than_written(context, key, &canary) {
        return Ok(Some(RETRY));
    }
    if let Some(wake) = is_another_ones_turn(context, key, &canary).await? {
        return Ok(wake);
    }
    let now = as_stored(Timestamp::now());
    let canary = context.completed(canary);
    finish::show_first(context, &canary, &status::state(&canary, now));
    let mut blueprint = match plan::blueprint(&canary, &context.defaults) {
        Ok(blueprint) => blueprint,
        Err(why) => return record::not_released(context, &canary, why, now).await,
    };
    let mut live = gather(context, &canary, &blueprint);
    let anothers = |target: &Value| sweep::is_anothers(&canary, target, sweep::adopts(context, &key.0, target));
    live.target = live.target.take().filter(|target| !anothers(target));
    let absent = match &live.target {
        Some(_) => None,
        None => match without_target(context, &canary, now).await? {
            Absence::Over(wake) => return Ok(wake),
            Absence::Lasts(trouble, wake) => Some((trouble, wake)),
        },
    };
    if let Some(target) = &live.target {
        context.missed.lock().remove(key);
        blueprint.target_uid = Some(text(target, "/metadata/uid").to_owned());
    }
    live.configs = configs(context, &canary, &live);
    let selector = match selector(&live, &blueprint, &context.defaults.selector_labels) {
        Ok(selector) => selector,
        Err(why) => return record::not_released(context, &canary, why.to_string(), now).await,
    };
    let (keys, recorded) = (&context.defaults.selector_labels, inheritance::recorded(&canary));
    live.source = inheritance::source(&live, &selector, &blueprint, keys, &recorded);
    let mut state = status::state(&canary, now);
    context.timers.resume(key, canary.status.as_ref(), &mut state);
    live.configs.in_terms_of_now(&mut state, live.target.as_ref());
    let seen = look(context, key, &canary, &live, &selector, &blueprint, &state).await;
    let policy = context.policy_of(&canary, live.target.as_ref());
    let rules = rules(
        &canary,
        policy.as_ref().map(|p| &p.spec),
        &context.defaults,
        is_leaving(&canary),
    );
    let decision = analysis::step(&rules, &state, &seen, now);
    blueprint.exposure.cookies = decision.state.cookies.clone();
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(&decision.world, pair);
    let (absence, missed) = absent.unzip();
    let recorded = Recorded {
        live: &live,
        before: &state,
        decision: &decision,
        revision: seen.target.as_ref().map(|target| target.revision.as_str()),
        template: live.target.as_ref().and_then(template::revision),
        trouble: record::trouble(&conflicts)
            .or(absence)
            .or_else(|| record::stuck(&canary, &decision.state, &seen))
            .or_else(|| record::left_alone(&canary, &decision.state)),
        now,
    };
    let announced = recorded.store(context, &canary).await?;
    if let Some(target) = &live.target {
        advise(context, &canary, (target, &selector), &state, &decision.state);
    }
    if decision.take_annotations {
        hooks::take_annotations(context, key, &canary).await?;
    }
    let awaited = perform(context, &canary, &decision, &writes).await?;
    let clean = writes.is_empty() && conflicts.is_empty();
    if decision.state.stage == Stage::Left && clean {
        finish::release(context, &canary).await?;
        return Ok(None);
    }
    ask(context, key, &canary, &decision, (&live, &blueprint, &seen));
    let wake = decision.wake.into_iter().chain(announced).min();
    let wake = wake.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let again = [awaited.then_some(RETRY), context.primaries.pause(key), missed.flatten()];
    Ok(wake.into_iter().chain(again.into_iter().flatten()).min())
}

// Whether another Canary acts for the target, or none is to any more; then when to look again.
async fn is_another_ones_turn(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
) -> Result<Option<Option<Duration>>, kube::Error> {
    match takeover::place(canary, &context.canaries_of(&key.0)) {
        Place::Predecessor(heir) if takeover::can_go(canary) => {
            takeover::hand_over(context, canary, &heir).await?;
            return Ok(Some(None));
        }
        Place::Heir(_) if is_leaving(canary) => {
            finish::release(context, canary).await?;
            return Ok(Some(None));
        }
        Place::Heir(acting) => {
            // At rest it has no event of its own that would show it its heir.
            context.queue.send(self::key(&acting));
            return Ok(Some(Some(HANDED_OVER)));
        }
        Place::Alone | Place::Predecessor(_) => {}
    }
    Ok(finish::released_at_once(context, canary).await?.then_some(None))
}

// Hooks and checks, which answer to a later step.
fn ask(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
    decision: &Decision,
    (live, blueprint, seen): (&Live, &Blueprint, &Observation),
) {
    for question in &decision.questions {
        hooks::ask(context, key, canary, (&decision.state, &seen.answers), question.clone());
    }
    if let Some(due) = decision.ask {
        let check = checks::Check {
            pods: pods::pattern(live, blueprint, decision.state.last_applied.as_deref()),
            canary: canary.clone(),
            state: decision.state.clone(),
            due,
        };
        checks::start(context, key.clone(), check);
    }
}

// The status keeps microseconds: an instant that is recorded and one that is compared with it must be the same, or a
// question would be asked twice.
fn as_stored(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

fn is_older_than_written(context: &Context, key: &Key, canary: &Canary) -> bool {
    let seen = version(canary.metadata.resource_version.as_deref());
    let written = context.written.lock().get(key).copied();
    matches!((seen, written), (Some(seen), Some(written)) if seen < written)
}

fn is_leaving(canary: &Canary) -> bool {
    canary.metadata.deletion_timestamp.is_some()
}

// A core Service selects by itself. A primary that is not ours says nothing about our pods.
fn selector(live: &Live, blueprint: &Blueprint, keys: &[String]) -> Result<Selector, SelectorError> {
    if blueprint.workload == Workload::Service {
        return Ok(Selector::by_name(&blueprint.target));
    }
    let ours = |primary: &&Value| plan::primary_revision(primary).is_some() || is_a_canarys(primary);
    Selector::of_pair(live.target.as_ref(), live.primary.as_ref().filter(ours), keys)
}

fn gather(context: &Context, canary: &Canary, blueprint: &Blueprint) -> Live {
    let (cache, namespace) = (&context.cache, blueprint.namespace.as_str());
    let get = |kind, name: &str| cache.get(kind, namespace, name);
    let kind = Kind::of(blueprint.workload);
    let target = get(kind, canary.target_name());
    let primary = get(kind, &blueprint.primary_name());
    let tied = |kind, tie: &str| cache.tied(kind, namespace, tie);
    let remembered = match blueprint.workload {
        Workload::DaemonSet => Kind::ControllerRevision,
        Workload::Deployment | Workload::Service => Kind::ReplicaSet,
    };
    let halves = [&target, &primary].into_iter().flatten();
    let revisions = halves
        .flat_map(|half| tied(remembered, text(half, "/metadata/uid")))
        .collect();
    let uid = blueprint.owner.uid.as_deref();
    let history = uid.map(|uid| tied(Kind::ControllerRevision, uid)).unwrap_or_default();
    let names = blueprint.names.as_ref();
    // A core Service that is the target is itself what users call.
    let paired = names.filter(|_| blueprint.workload != Workload::Service);
    let service = |name: Option<&String>| name.and_then(|name| get(Kind::Service, name));
    let routes = names.into_iter().flat_map(|n| [&n.apex, &n.primary, &n.canary]);
    let routes: BTreeMap<String, Value> = routes
        .flat_map(|name| tied(Kind::HttpRoute, name))
        .map(|route| (text(&route, "/metadata/name").to_owned(), route))
        .collect();
    let slices = names.into_iter().flat_map(|n| [&n.primary, &n.canary]);
    Live {
        revisions,
        history,
        source: None,
        target,
        primary,
        apex: service(paired.map(|n| &n.apex)),
        primary_service: service(paired.map(|n| &n.primary)),
        canary_service: service(names.map(|n| &n.canary)),
        slices: slices.flat_map(|service| tied(Kind::EndpointSlice, service)).collect(),
        routes: Live::concerned(routes.into_values(), blueprint),
        configs: Configs::default(),
        scaler: scaler(cache, blueprint),
        twins: twins(cache, blueprint),
        target_scaled_objects: cache.tied(Kind::ScaledObject, namespace, &blueprint.target),
    }
}

// One that is being deleted decides nothing any more.
fn scaler(cache: &Cache, blueprint: &Blueprint) -> Option<Value> {
    let named = blueprint.autoscaler.as_ref()?;
    let object = cache.get(named.kind.into(), &blueprint.namespace, &named.name)?;
    let gone = object.pointer("/metadata/deletionTimestamp").is_some();
    (!gone).then_some(object)
}

// Those this Canary owns, and whatever has the name of primary's.
fn twins(cache: &Cache, blueprint: &Blueprint) -> Vec<Value> {
    let named = blueprint.autoscaler.as_ref().map(plan::Autoscaler::twin_name);
    let ties = [blueprint.owner.uid.as_deref(), named.as_deref()];
    let found = ties.into_iter().flatten().flat_map(|tie| {
        let kinds = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject];
        kinds
            .into_iter()
            .flat_map(move |kind| cache.tied(kind, &blueprint.namespace, tie))
    });
    let is_twin =
        |object: &Value| is_owned(object, blueprint) || named.as_deref() == Some(text(object, "/metadata/name"));
    let all: BTreeMap<String, Value> = found
        .filter(is_twin)
        .map(|object| (text(&object, "/metadata/uid").to_owned(), object))
        .collect();
    all.into_values().collect()
}

fn configs(context: &Context, canary: &Canary, live: &Live) -> Configs {
    let namespace = canary.namespace_name();
    let readable = |kind: &ConfigKind| context.track_configs && !context.cache.forbidden(kind_of(*kind), namespace);
    let kinds = ConfigKind::ALL.into_iter().filter(readable).collect();
    let templates = [live.templates(), inheritance::readings(live)].concat();
    let mut found = Configs::gather(&context.cache, namespace, kinds, templates.iter());
    found.promoted = configs::promoted(canary);
    found
}

// What becomes of a Canary whose target is not there.
enum Absence {
    /// Nothing more is to be done now.
    Over(Option<Duration>),
    /// There is a pair, which is to serve on; what to say of it, and when to look again.
    Lasts(Trouble, Option<Duration>),
}

// Without a target there is nothing to release and primary serves on; a Canary that leaves has nothing to give back to.
async fn without_target(context: &Context, canary: &Canary, now: Timestamp) -> Result<Absence, kube::Error> {
    if is_leaving(canary) {
        finish::release(context, canary).await?;
        return Ok(Absence::Over(None));
    }
    let mut again = None;
    if sweep::is_generated(canary) {
        again = sweep::sweep(context, canary, now).await?;
        if again.is_none() || !sweep::is_known(canary) {
            return Ok(Absence::Over(again));
        }
    } else if !sweep::is_known(canary) {
        return record::target_missing(context, canary, now).await.map(Absence::Over);
    }
    Ok(Absence::Lasts(record::missing(canary), again))
}

async fn look(
    context: &Context,
    key: &Key,
    canary: &Canary,
    live: &Live,
    selector: &Selector,
    blueprint: &Blueprint,
    state: &State,
) -> Observation {
    let percent = |n: i32| u32::try_from(n).unwrap_or(100);
    let analysis = canary.analysis();
    let thresholds = Thresholds {
        canary: percent(analysis.canary_ready_threshold()),
        primary: percent(analysis.primary_ready_threshold()),
    };
    let answer = match context.checks.lock().get(key) {
        Some(Finished::Yes(checks, _)) => Some(checks.clone()),
        _ => None,
    };
    let door = context.enabled(&key.0);
    let mut seen = observe(live, selector, blueprint, thresholds, door, state, answer);
    seen.answers = hooks::answers(context, key);
    seen.edition = hooks::edition(canary);
    seen.wishes = hooks::wishes(canary);
    seen.inherited = inheritance::inherited(canary, live, blueprint);
    if let (Some(primary), Some(made)) = (&mut seen.primary, live.primary.as_ref().and_then(Made::of)) {
        // A record of before is of what was replaced.
        let is_made = matches!(state.stage, Stage::Building | Stage::Replacing);
        let recorded = status::made(canary).filter(|_| !is_made);
        let (edited, now) = context.primaries.look(key, recorded, made);
        primary.edited = now;
        // What is ready is not what was verified.
        if edited {
            primary.rollout = Rollout::Waiting(String::from("somebody else changed its template"));
        }
    }
    let patience = match state.stage {
        Stage::Scaling => Some(canary.progress_deadline()),
        // Nothing else would say why somebody's deletion hangs.
        Stage::LeavingScale => Some(SLOW_EXIT),
        _ => None,
    };
    let waiting = seen.target.as_mut().filter(|t| !t.rollout.is_ready());
    if let (Some(target), Some(patience)) = (waiting, patience) {
        target.trouble = trouble::of(context, live, state, patience).await;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    #[test]
    fn an_instant_survives_the_status() {
        let instant = as_stored("2026-11-26T05:27:28.953582417Z".parse().unwrap());
        let stored = serde_json::to_value(MicroTime(instant)).unwrap();
        let read: MicroTime = serde_json::from_value(stored).unwrap();
        assert_eq!(read.0, instant);
    }
}
