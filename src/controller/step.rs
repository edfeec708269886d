//! One step of one Canary: look, decide, record, write the difference.

use super::{
    advice::advise,
    cache::{Cache, Kind},
    checks::{self, Finished},
    context::Context,
    difference::{Conflict, Pair, difference},
    finish,
    live::{Live, is_owned, text},
    observe::{Thresholds, observe},
    queue::Key,
    status, trouble,
    write::is_stale,
};
use crate::{
    analysis::{self, Decision, Note, Observation, Stage, State, Subject},
    api::{Canary, labels},
    metrics::Severity,
    plan::{self, Blueprint, Selector, Workload, copies, rules},
};
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::PostParams};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// After an error that no event will follow.
const RETRY: Duration = Duration::from_secs(2);

/// Steps the Canary of `key`; answers when to do it again if nothing happens before.
pub async fn step(context: Arc<Context>, key: Key) -> Option<Duration> {
    let Some(canary) = context.canary(&key) else {
        context.checks.lock().remove(&key);
        context.written.lock().remove(&key);
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
    if finish::released_at_once(context, &canary).await? {
        return Ok(None);
    }
    let now = Timestamp::now();
    let blueprint = match plan::blueprint(&canary, &context.defaults) {
        Ok(blueprint) => blueprint,
        Err(why) => return Ok(refused(context, &canary, why)),
    };
    let live = gather(context, &canary, &blueprint);
    let Some(selector) = selector(context, &live) else {
        return without_target(context, &canary, &live).await;
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
    record(context, key, &canary, &state, &decision, now).await?;
    if let Some(target) = &live.target {
        advise(context, &canary, (target, &selector), &state, &decision.state);
    }
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint: &blueprint,
        seen: &seen,
    };
    let clean = write(context, &canary, &decision, pair).await?;
    if decision.state.stage == Stage::Left && clean {
        finish::release(context, &canary).await?;
        return Ok(None);
    }
    if let Some(due) = decision.ask {
        checks::start(context, key.clone(), canary.clone(), due);
    }
    Ok(decision
        .wake
        .map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()))
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

fn refused(context: &Context, canary: &Canary, why: String) -> Option<Duration> {
    let known = canary.status.as_ref().and_then(|s| s.condition("Promoted")).is_some();
    if !known {
        context.events.record(canary, Severity::Warning, why.clone());
    }
    tracing::warn!(canary = canary.full_name(), why, "not released");
    None
}

fn gather(context: &Context, canary: &Canary, blueprint: &Blueprint) -> Live {
    let (cache, namespace) = (&context.cache, blueprint.namespace.as_str());
    let get = |kind, name: &str| cache.get(kind, namespace, name).map(|object| (*object).clone());
    let kind = Kind::of(blueprint.workload);
    let target = get(kind, canary.target_name());
    let primary = get(kind, &blueprint.primary_name());
    let uids: Vec<String> = [&target, &primary]
        .into_iter()
        .flatten()
        .map(|o| text(o, "/metadata/uid").to_owned())
        .collect();
    let owned = |set: &Value| {
        uids.iter()
            .any(|uid| set.pointer("/metadata/ownerReferences/0/uid") == Some(&Value::String(uid.clone())))
    };
    let remembered = match blueprint.workload {
        Workload::DaemonSet => Kind::ControllerRevision,
        Workload::Deployment | Workload::Service => Kind::ReplicaSet,
    };
    let names = blueprint.names.as_ref();
    // A core Service that is the target is itself what users call.
    let paired = names.filter(|_| blueprint.workload != Workload::Service);
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
        revisions: picked(cache.list(remembered, namespace), owned),
        apex: service(paired.map(|n| &n.apex)),
        primary_service: service(paired.map(|n| &n.primary)),
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

fn selector(context: &Context, live: &Live) -> Option<Selector> {
    let target = live.target.as_ref()?;
    if copies::is_service(target) {
        return Some(Selector::by_name(text(target, "/metadata/name")));
    }
    Selector::of(target, &context.defaults.selector_labels)
        .inspect_err(|error| tracing::warn!(%error, "not released"))
        .ok()
}

// Without a target there is nothing to release and primary serves on; a Canary that leaves has nothing to give back to.
async fn without_target(context: &Context, canary: &Canary, live: &Live) -> Result<Option<Duration>, kube::Error> {
    if live.target.is_none() && is_leaving(canary) {
        finish::release(context, canary).await?;
    }
    Ok(None)
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

async fn record(
    context: &Context,
    key: &Key,
    canary: &Canary,
    before: &State,
    decision: &Decision,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let judged = decision.state.due != before.due || decision.state.stage != before.stage;
    let measured = match context.checks.lock().get(key) {
        Some(Finished::Yes(_, measured)) if judged => measured.clone(),
        _ => Vec::new(),
    };
    if measured.is_empty() && !status::differs(canary, &decision.state, now) {
        return Ok(());
    }
    let mut next = Canary::clone(canary);
    next.status = Some(status::status(canary, &decision.state, &measured, now));
    let api = Api::<Canary>::namespaced(context.client.clone(), &key.0);
    let params = PostParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let stored = api.replace_status(&key.1, &params, &next).await?;
    if let Some(version) = stored.metadata.resource_version.and_then(|v| v.parse().ok()) {
        context.written.lock().insert(key.clone(), version);
    }
    if judged {
        context.checks.lock().remove(key);
    }
    // Said only when it is recorded, or a conflict would say it twice.
    finish::publish(context, canary, before, &decision.state);
    say(context, canary, &decision.notes);
    Ok(())
}

fn say(context: &Context, canary: &Canary, notes: &[Note]) {
    let subject = Subject {
        canary: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        target: canary.target_name().to_owned(),
        workload: Workload::parse(&canary.spec.target_ref.kind).unwrap_or_default(),
    };
    for note in notes {
        let severity = match note.severity() {
            analysis::Severity::Normal => Severity::Normal,
            analysis::Severity::Warning => Severity::Warning,
        };
        if *note == Note::Bypassed {
            context.metrics.bypassed_change(&subject.namespace);
        }
        context.events.record(canary, severity, note.text(&subject));
    }
}

// Whether nothing was left to write.
async fn write(context: &Context, canary: &Canary, decision: &Decision, pair: Pair<'_>) -> Result<bool, kube::Error> {
    let (writes, conflicts) = difference(&decision.world, pair);
    for conflict in &conflicts {
        let message = match conflict {
            Conflict::Name(kind, name) => {
                format!("{kind} {name} exists and was not made by this Canary; rename one of the two")
            }
            Conflict::LostRevision(hash) => format!("no ReplicaSet remembers revision {hash}; apply the target again"),
        };
        context.events.record(canary, Severity::Warning, message);
    }
    for write in &writes {
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
    Ok(writes.is_empty() && conflicts.is_empty())
}
