//! One step of one Canary: look, decide, record, write the difference.

use super::{
    advice::advise,
    cache::{Cache, Kind},
    checks::{self, Finished},
    context::Context,
    difference::{Pair, difference},
    finish,
    live::{Live, is_owned, text},
    observe::{Thresholds, observe},
    queue::Key,
    record::{self, Recorded},
    status, sweep,
    takeover::{self, Place},
    trouble,
    write::{Write, is_stale},
};
use crate::{
    analysis::{self, Decision, Observation, Stage, State},
    api::{Canary, labels},
    plan::{self, Blueprint, Selector, hash::template_hash, rules},
};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How often a hand-written Canary looks whether the generated one before it is gone.
const HANDED_OVER: Duration = Duration::from_millis(500);
/// After an error that no event will follow.
const RETRY: Duration = Duration::from_secs(2);

/// Steps the Canary of `key`; answers when to do it again if nothing happens before.
pub async fn step(context: Arc<Context>, key: Key) -> Option<Duration> {
    let Some(canary) = context.canary(&key) else {
        context.checks.lock().remove(&key);
        context.written.lock().remove(&key);
        context.missed.lock().remove(&key);
        return None;
    };
    match attempt(&context, &key, canary).await {
        Ok(wake) => wake,
        Err(error) if is_stale(&error) => Some(Duration::from_millis(200)),
        Err(error) => {
            tracing::error!(canary = format!("{}.{}", key.1, key.0), %error, "step failed, trying again");
            Some(RETRY)
        }
    }
}

async fn attempt(context: &Arc<Context>, key: &Key, canary: Arc<Canary>) -> Result<Option<Duration>, kube::Error> {
    if !context.cache.complete(&key.0) || is_older_than_written(context, key, &canary) {
        return Ok(Some(RETRY));
    }
    match takeover::place(&canary, &context.canaries_of(&key.0)) {
        Place::Predecessor(heir) if takeover::can_go(&canary) => {
            takeover::hand_over(context, &canary, &heir).await?;
            return Ok(None);
        }
        Place::Heir if is_leaving(&canary) => {
            finish::release(context, &canary).await?;
            return Ok(None);
        }
        Place::Heir => return Ok(Some(HANDED_OVER)),
        Place::Alone | Place::Predecessor(_) => {}
    }
    if finish::released_at_once(context, &canary).await? {
        return Ok(None);
    }
    let now = Timestamp::now();
    let blueprint = match plan::blueprint(&canary, &context.defaults) {
        Ok(blueprint) => blueprint,
        Err(why) => return record::not_released(context, &canary, why, now).await,
    };
    let live = gather(context, &canary, &blueprint);
    let anothers = |target: &&Value| sweep::is_anothers(&canary, target, sweep::adopts(context, &key.0, target));
    let Some(target) = live.target.as_ref().filter(|target| !anothers(target)) else {
        return without_target(context, &canary, now).await;
    };
    context.missed.lock().remove(key);
    let selector = match Selector::of(target, &context.defaults.selector_labels) {
        Ok(selector) => selector,
        Err(why) => return record::not_released(context, &canary, why.to_string(), now).await,
    };
    let state = status::state(&canary, now);
    let seen = look(context, key, &canary, &live, &selector, &blueprint, &state).await;
    let policy = context.policy(&key.0, canary.annotations().get(labels::POLICY).map(String::as_str));
    let rules = rules(
        &canary,
        policy.as_ref().map(|p| &p.spec),
        &context.defaults,
        is_leaving(&canary),
    );
    let decision = analysis::step(&rules, &state, &seen, now);
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(&decision.world, pair);
    let recorded = Recorded {
        before: &state,
        decision: &decision,
        revision: seen.target.as_ref().map(|target| target.revision.as_str()),
        template: target.pointer("/spec/template").map(template_hash),
        trouble: record::trouble(&conflicts),
        now,
    };
    let announced = recorded.store(context, &canary).await?;
    advise(context, &canary, (target, &selector), &state, &decision.state);
    perform(context, &canary, &decision, &writes).await?;
    let clean = writes.is_empty() && conflicts.is_empty();
    if decision.state.stage == Stage::Left && clean {
        finish::release(context, &canary).await?;
        return Ok(None);
    }
    if let Some(due) = decision.ask {
        checks::start(context, key.clone(), canary.clone(), due);
    }
    let wake = decision.wake.into_iter().chain(announced).min();
    Ok(wake.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()))
}

fn is_older_than_written(context: &Context, key: &Key, canary: &Canary) -> bool {
    let seen = canary
        .metadata
        .resource_version
        .as_deref()
        .and_then(|v| v.parse::<u64>().ok());
    let written = context.written.lock().get(key).copied();
    matches!((seen, written), (Some(seen), Some(written)) if seen < written)
}

fn is_leaving(canary: &Canary) -> bool {
    canary.metadata.deletion_timestamp.is_some()
}

fn gather(context: &Context, canary: &Canary, blueprint: &Blueprint) -> Live {
    let (cache, namespace) = (&context.cache, blueprint.namespace.as_str());
    let get = |kind, name: &str| cache.get(kind, namespace, name).map(|object| (*object).clone());
    let target = get(Kind::Deployment, canary.target_name());
    let primary = get(Kind::Deployment, &blueprint.primary_name());
    let uids: Vec<String> = [&target, &primary]
        .into_iter()
        .flatten()
        .map(|o| text(o, "/metadata/uid").to_owned())
        .collect();
    let owned = |set: &Value| {
        uids.iter()
            .any(|uid| set.pointer("/metadata/ownerReferences/0/uid") == Some(&Value::String(uid.clone())))
    };
    let names = blueprint.names.as_ref();
    let service = |name: Option<&String>| name.and_then(|name| get(Kind::Service, name));
    let routes = cache
        .list(Kind::HttpRoute, namespace)
        .into_iter()
        .map(|route| (*route).clone());
    let in_pair = |slice: &Value| {
        let of = text(slice, "/metadata/labels/kubernetes.io~1service-name");
        names.is_some_and(|n| of == n.primary || of == n.canary)
    };
    Live {
        target,
        primary,
        replica_sets: picked(cache.list(Kind::ReplicaSet, namespace), owned),
        apex: service(names.map(|n| &n.apex)),
        primary_service: service(names.map(|n| &n.primary)),
        canary_service: service(names.map(|n| &n.canary)),
        slices: picked(cache.list(Kind::EndpointSlice, namespace), in_pair),
        routes: Live::concerned(routes, blueprint),
        scaler: scaler(cache, blueprint),
        twins: twins(cache, blueprint),
        target_scaled_objects: target_scaled_objects(cache, blueprint),
    }
}

// One that is being deleted decides nothing any more.
fn scaler(cache: &Cache, blueprint: &Blueprint) -> Option<Value> {
    let named = blueprint.autoscaler.as_ref()?;
    let object = cache.get(named.kind.into(), &blueprint.namespace, &named.name)?;
    let gone = object.pointer("/metadata/deletionTimestamp").is_some();
    (!gone).then(|| (*object).clone())
}

fn twins(cache: &Cache, blueprint: &Blueprint) -> Vec<Value> {
    let named = blueprint.autoscaler.as_ref().map(plan::Autoscaler::twin_name);
    let kinds = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject];
    let all = kinds
        .into_iter()
        .flat_map(|kind| cache.list(kind, &blueprint.namespace));
    picked(all.collect(), |object| {
        is_owned(object, blueprint) || named.as_deref() == Some(text(object, "/metadata/name"))
    })
}

fn target_scaled_objects(cache: &Cache, blueprint: &Blueprint) -> Vec<Value> {
    picked(cache.list(Kind::ScaledObject, &blueprint.namespace), |object| {
        text(object, "/spec/scaleTargetRef/name") == blueprint.target
    })
}

fn picked(from: Vec<Arc<Value>>, keep: impl Fn(&Value) -> bool) -> Vec<Value> {
    from.into_iter()
        .filter(|object| keep(object))
        .map(|object| (*object).clone())
        .collect()
}

// Without a target there is nothing to release and primary serves on; a Canary that leaves has nothing to give back to.
async fn without_target(context: &Context, canary: &Canary, now: Timestamp) -> Result<Option<Duration>, kube::Error> {
    if is_leaving(canary) {
        finish::release(context, canary).await?;
        return Ok(None);
    }
    if !sweep::is_generated(canary) {
        return record::target_missing(context, canary, now).await;
    }
    let again = sweep::sweep(context, canary, now).await?;
    if sweep::is_known(canary) && again.is_some() {
        record::target_missing(context, canary, now).await?;
    }
    Ok(again)
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
    let mut seen = observe(
        live,
        selector,
        blueprint,
        thresholds,
        door,
        state.last_promoted.clone(),
        answer,
    );
    if let Some(target) = seen
        .target
        .as_mut()
        .filter(|t| state.stage == Stage::Scaling && !t.rollout.is_ready())
    {
        target.trouble = trouble::of(context, live, state, canary.progress_deadline()).await;
    }
    seen
}

async fn perform(context: &Context, canary: &Canary, decision: &Decision, writes: &[Write]) -> Result<(), kube::Error> {
    for write in writes {
        let (kind, namespace, name) = write.subject();
        tracing::debug!(
            canary = canary.full_name(),
            ?kind,
            namespace,
            name,
            stage = decision.state.stage.as_str(),
            "write"
        );
        write.perform(&context.client).await?;
    }
    Ok(())
}
