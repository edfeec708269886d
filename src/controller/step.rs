//! One step of one Canary: look, decide, record, write the difference.

mod failed;
pub mod failures;

use super::{
    apply::{
        asked,
        made::Made,
        perform::{Left, perform},
        write::{Cause, Write},
    },
    ask::{
        checks::{self, Finished},
        hooks,
    },
    context::{Context, forget::forget, key},
    difference::{Pair, difference, widowed},
    lifecycle::{
        finish, free, inheritance, sweep,
        takeover::{self, Place},
    },
    notify::advice::advise,
    observe::{
        Thresholds,
        gather::{followers, gather, surroundings},
        observe, pods, trouble,
    },
    queue::Key,
    status::{
        self,
        record::{self, Recorded},
    },
    watch::{
        cache::Kind,
        configs::{self, Configs, kind_of},
        live::{Live, is_a_canarys, text, version},
        reading,
    },
};
use crate::{
    analysis::{self, Decision, Observation, Rollout, Stage, State},
    api::{Canary, canary::conditions::Trouble},
    metrics::registry,
    plan::{self, Blueprint, Selector, SelectorError, Workload, configs::ConfigKind, pairing, rules, template},
};
use failed::failed;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// How often a hand-written Canary looks whether the generated one before it is gone.
const HANDED_OVER: Duration = Duration::from_millis(500);
/// How long a target that is to serve again may take before its pods are asked why they do not start.
const SLOW_EXIT: Duration = Duration::from_secs(5);
/// After an error that no event will follow.
const RETRY: Duration = Duration::from_secs(2);

/// When a step is done again after it went well for the first time in a while.
const HEALED: Duration = Duration::from_millis(200);

/// Steps the Canary of `key`; answers when to do it again if nothing happens before.
pub async fn step(context: Arc<Context>, key: Key) -> Option<Duration> {
    let Some(canary) = context.canary(&key) else {
        forget(&context, &key);
        return None;
    };
    let attempted = match context
        .caught(&key, "a step", attempt(&context, &key, canary.clone()))
        .await
    {
        Ok(attempted) => attempted,
        Err(why) => return Some(context.failures.note(&key, &why).0),
    };
    match attempted {
        Ok(Done::All(wake)) if context.failures.forget(&key) => {
            // The conditions say what is over.
            Some(wake.unwrap_or(HEALED).min(HEALED))
        }
        Ok(Done::All(wake) | Done::Less(wake)) => wake,
        Err(error) => Some(failed(&context, &key, &canary, &error).await),
    }
}

// How much of a step was done, and when to do it again if nothing happens before.
enum Done {
    All(Option<Duration>),
    Less(Option<Duration>),
}

async fn attempt(context: &Arc<Context>, key: &Key, canary: Arc<Canary>) -> Result<Done, kube::Error> {
    if !context.cache.complete(&key.0) || is_older_than_written(context, key, &canary) {
        return Ok(Done::Less(Some(RETRY)));
    }
    if let Some(wake) = is_another_ones_turn(context, key, &canary).await? {
        return Ok(Done::All(wake));
    }
    let now = as_stored(Timestamp::now());
    let canary = context.completed(canary);
    let stored = status::state(&canary, now);
    finish::show_first(context, &canary, &stored);
    let leaving = is_leaving(&canary) || context.leaves(&key.0);
    let mut blueprint = match blueprint(&canary, context, leaving || stored.stage.in_run()) {
        Ok(blueprint) => blueprint,
        Err(why) => return unreleased(context, &canary, why, leaving, now).await,
    };
    let mut live = gather(context, &canary, &blueprint);
    let anothers = |target: &Value| sweep::is_anothers(&canary, target, sweep::adopts(context, &key.0, target));
    live.target = live.target.take().filter(|target| !anothers(target));
    let absent = match &live.target {
        Some(_) => None,
        None => match without_target(context, &canary, (&blueprint, &mut live), leaving, now).await? {
            Absence::Over(wake) => return Ok(Done::All(wake)),
            Absence::Lasts(trouble, wake) => Some((trouble, wake)),
        },
    };
    if let Some(target) = &live.target {
        context.missed.lock().remove(key);
        blueprint.target_uid = Some(text(target, "/metadata/uid").to_owned());
        blueprint.helm = plan::marks::of_helm(target);
    }
    live.configs = configs(context, &canary, &live).await?;
    let selector = match selector(&live, &blueprint, &context.defaults.selector_labels) {
        Ok(selector) => selector,
        Err(why) => return unreleased(context, &canary, why.to_string(), leaving, now).await,
    };
    let built = stored.stage != Stage::Building;
    if let Some(why) = surroundings(
        context,
        key,
        (&canary, &mut blueprint),
        &mut live,
        &selector,
        (built, leaving),
    ) {
        return unreleased(context, &canary, why, leaving, now).await;
    }
    live.pods = context.pod_owners.of(&context.client, key, &live, &selector).await?;
    let (keys, recorded) = (&context.defaults.selector_labels, inheritance::recorded(&canary));
    live.source = inheritance::source(&live, &selector, &blueprint, keys, &recorded);
    let mut state = stored;
    context.timers.resume(key, canary.status.as_ref(), &mut state);
    live.configs.in_terms_of_now(&mut state, live.target.as_ref());
    let mut seen = look(context, key, &canary, &live, &selector, &blueprint, &state).await;
    let policy = context.policy_of(&canary, live.target.as_ref());
    let rules = rules(&canary, policy.as_ref().map(|p| &p.spec), &context.defaults, leaving);
    let mut decide = |seen: &Observation| {
        let decision = analysis::step(&rules, &state, seen, now);
        blueprint.exposure.cookies = decision.state.cookies.clone();
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint,
            seen,
        };
        let (writes, conflicts) = difference(&decision.desired, pair);
        (decision, writes, conflicts)
    };
    let (mut decision, mut writes, mut conflicts) = decide(&seen);
    // What is in the way of a pair that is being built keeps it from being built.
    let building = decision.state.stage == Stage::Building;
    let in_the_way = conflicts
        .iter()
        .find(|conflict| building && conflict.keeps_from_building());
    let in_the_way = in_the_way.and_then(|conflict| record::trouble(std::slice::from_ref(conflict)));
    if let Some(trouble) = in_the_way.filter(|_| seen.refused.is_none()) {
        seen.refused = Some(trouble.message);
        (decision, writes, conflicts) = decide(&seen);
    }
    context.timers.note_lack(key, &decision.state);
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
            .or_else(|| record::unbuilt(&canary, &decision.state, &seen))
            .or_else(|| context.failures.refusal(key).map(record::refused_write))
            .or_else(|| record::leaving(&canary, &decision.state, &seen))
            .or_else(|| record::apart(&canary, &decision.state, &seen))
            .or_else(|| {
                record::unjudged(&canary, &decision.state, |namespace, name| {
                    unbuilt(context, namespace, name)
                })
            })
            .or_else(|| record::left_alone(&canary, &decision.state))
            .or_else(|| record::silent(&canary, &decision.state, &seen, now))
            .or_else(|| record::asleep(&canary, &decision.state, &seen))
            .or_else(|| record::given_back(&canary, &decision.state))
            .map(Trouble::bounded),
        now,
    };
    let announced = recorded.store(context, &canary).await?;
    if let Some(target) = &live.target {
        advise(context, &canary, (target, &selector), &state, &decision.state);
    }
    if decision.take_annotations {
        hooks::take_annotations(context, key, &canary).await?;
    }
    let left = match perform(context, &canary, &decision, &writes).await {
        // The rest of the step does not wait for what the pair can do without.
        Err(error) if is_dispensable(context, key, &blueprint, &error) => {
            Left::Refused(failed(context, key, &canary, &error).await)
        }
        other => other?,
    };
    asked::answer(context, key, &canary, &live).await?;
    let clean = writes.is_empty() && conflicts.is_empty();
    if decision.state.stage == Stage::Left && clean {
        finish::release(context, &canary).await?;
        return Ok(Done::All(None));
    }
    ask(context, key, &canary, &decision, (&live, &blueprint, &seen));
    let wake = decision.wake.into_iter().chain(announced).min();
    let wake = wake.map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let again = [left.pause(), context.primaries.pause(key), missed.flatten()];
    let wake = wake.into_iter().chain(again.into_iter().flatten()).min();
    Ok(match left {
        Left::Nothing => Done::All(wake),
        Left::Awaited | Left::Refused(_) => Done::Less(wake),
    })
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
    if decision.state.stage == Stage::Scaling {
        hooks::begin_run(context, key);
    }
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

// The type of a template's store, if that is one which cannot be asked yet.
fn unbuilt(context: &Context, namespace: &str, name: &str) -> Option<String> {
    let template = context.templates.get(&ObjectRef::new(name).within(namespace))?;
    registry::unbuilt(&template.spec.provider).map(str::to_owned)
}

// The status keeps microseconds: an instant that is recorded and one that is compared with it must be the same, or a
// question would be asked twice.
fn as_stored(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

fn is_older_than_written(context: &Context, key: &Key, canary: &Canary) -> bool {
    let seen = version(canary.metadata.resource_version.as_deref());
    context.written.awaits(key, seen)
}

fn is_leaving(canary: &Canary) -> bool {
    canary.metadata.deletion_timestamp.is_some()
}

// On the way out, and for a run that is to end, a provider that is not there is no obstacle: routes are folded whatever it
// is.
fn blueprint(canary: &Canary, context: &Context, ends: bool) -> Result<Blueprint, String> {
    plan::blueprint(canary, &context.defaults).or_else(|why| {
        if !ends {
            return Err(why);
        }
        let mut plain = canary.clone();
        plain.spec.provider = Some(String::from("kubernetes"));
        plan::blueprint(&plain, &context.defaults)
    })
}

// What cannot be released has nothing to give back, unless it could be once; and nothing of its target is held.
async fn unreleased(
    context: &Context,
    canary: &Canary,
    why: String,
    leaving: bool,
    now: Timestamp,
) -> Result<Done, kube::Error> {
    if status::state(canary, now).stage == Stage::Building
        && let Some(target) = context.target(canary)
    {
        let workload = Workload::parse(&canary.spec.target_ref.kind).unwrap_or_default();
        free::of(context, Kind::of(workload), &target).await?;
    }
    if leaving && !sweep::is_known(canary) {
        finish::release(context, canary).await?;
        return Ok(Done::All(None));
    }
    record::not_released(context, canary, why, now).await.map(Done::All)
}

// A core Service selects by itself. A primary that is not ours says nothing about our pods.
fn selector(live: &Live, blueprint: &Blueprint, keys: &[String]) -> Result<Selector, SelectorError> {
    if blueprint.workload == Workload::Service {
        return Ok(Selector::by_name(&blueprint.target));
    }
    let ours = |primary: &&Value| plan::primary_revision(primary).is_some() || is_a_canarys(primary);
    Selector::of_pair(live.target.as_ref(), live.primary.as_ref().filter(ours), keys)
}

async fn configs(context: &Context, canary: &Canary, live: &Live) -> Result<Configs, kube::Error> {
    let namespace = canary.namespace_name();
    let readable = |kind: &ConfigKind| context.track_configs && !context.cache.forbidden(kind_of(*kind), namespace);
    let kinds: Vec<ConfigKind> = ConfigKind::ALL.into_iter().filter(readable).collect();
    let templates = [live.templates(), inheritance::readings(live)].concat();
    reading::read(context, namespace, &kinds, &templates).await?;
    let mut found = Configs::gather(&context.cache, namespace, kinds, templates.iter());
    found.promoted = configs::promoted(canary);
    Ok(found)
}

// What becomes of a Canary whose target is not there.
enum Absence {
    /// Nothing more is to be done now.
    Over(Option<Duration>),
    /// There is a pair, which is to serve on; what to say of it, and when to look again.
    Lasts(Trouble, Option<Duration>),
}

// Without a target there is nothing to release and primary serves on; a Canary that leaves has nothing to give back to.
async fn without_target(
    context: &Context,
    canary: &Canary,
    (blueprint, live): (&Blueprint, &mut Live),
    leaving: bool,
    now: Timestamp,
) -> Result<Absence, kube::Error> {
    if leaving {
        give_back(context, canary, blueprint, live).await?;
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

// Of the user's Services, which outlive the pair, each selects again what its author means: the next app of that name is
// perhaps none of ours.
async fn give_back(
    context: &Context,
    canary: &Canary,
    blueprint: &Blueprint,
    live: &mut Live,
) -> Result<(), kube::Error> {
    let keys = &context.defaults.selector_labels;
    // Where primary is gone too, its Service knows it still.
    let half = live
        .primary_service
        .as_ref()
        .and_then(|half| half.pointer("/spec/selector"));
    let like = half.map(|labels| json!({"spec": {"selector": {"matchLabels": labels}}}));
    let found = selector(live, blueprint, keys).or_else(|_| Selector::of_pair(None, like.as_ref(), keys));
    let Ok(selector) = found else { return Ok(()) };
    followers(context, canary.namespace_name(), blueprint, live, &selector);
    for write in widowed(live, blueprint, &selector) {
        match write.perform(&context.client).await {
            // Nobody's deletion waits for what is never let through.
            Err(error) if Cause::of(&error) == Cause::Refused => {
                tracing::warn!(canary = canary.full_name(), %error, "a Service or route could not be given back");
            }
            other => drop(other?),
        }
    }
    Ok(())
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
    let webhook = context.enabled(&key.0);
    let mut seen = observe(live, selector, blueprint, thresholds, webhook, state, answer);
    seen.answers = hooks::answers(context, key);
    seen.edition = hooks::edition(canary);
    seen.commands = hooks::commands(canary);
    seen.inherited = inheritance::inherited(canary, live, blueprint);
    seen.refused = context
        .failures
        .refusal_of(key, |write| makes_the_pair(write, blueprint));
    // Whoever writes a Canary has thought of it.
    if let (Some(object), Some(target), true) = (&live.target, &mut seen.target, sweep::is_generated(canary)) {
        let claims = context.claims_of(&key.0, object);
        target.apart = pairing::beside_primary(object, &claims)
            .err()
            .map(|why| why.to_string());
    }
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

fn is_dispensable(context: &Context, key: &Key, blueprint: &Blueprint, error: &kube::Error) -> bool {
    let without = |write: &Write| !makes_the_pair(write, blueprint);
    Cause::of(error) == Cause::Refused && context.failures.blames(key, without)
}

// Whether there is no pair without that write: it has one whether other Services are split and budgets are kept or not.
fn makes_the_pair(write: &Write, blueprint: &Blueprint) -> bool {
    let (kind, _, name) = write.subject();
    let own = || {
        let names = blueprint.names.iter();
        let mut all = names.flat_map(|names| [&names.apex, &names.primary, &names.canary]);
        all.any(|own| own == name)
    };
    match kind {
        Kind::PodDisruptionBudget => false,
        Kind::Service => own(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    mod new_app;

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
