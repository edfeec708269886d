//! Checks run beside the steps: a slow metrics server delays its own Canary and nobody else.

use super::hooks;
use crate::controller::{
    context::{Context, memory::check::CheckRun},
    queue::{Key, tasks::Task},
};
use crate::{
    analysis::{Checks, State, Verdict},
    api::{
        Canary, Number,
        canary::{HookType, Measurement as Recorded},
    },
    messages,
    outbound::hooks::Caller,
    plan::{Workload, workload::revisions},
};
use coalmine_core::metrics::{Measurement, Scope, UnderTest};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::ResourceExt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A check to be made.
#[derive(Debug)]
pub struct Check {
    /// Of whom; as its policy completes it.
    pub canary: Arc<Canary>,
    /// In which state.
    pub state: State,
    /// A regular expression for the names of the revision's pods, see [`crate::controller::observe::pods`].
    pub pods: Option<String>,
    /// Its due time, which names it.
    pub due: Timestamp,
}

/// Starts a check, unless it runs already. One that is for another instant is given up.
pub fn start(context: &Arc<Context>, key: Key, check: Check) {
    let (due, own, of) = (check.due, context.clone(), key.clone());
    begin(context, key, due, async move { make(&own, &of, &check).await });
}

type Made = (Verdict, Vec<Recorded>);

fn begin(context: &Arc<Context>, key: Key, due: Timestamp, work: impl Future<Output = Made> + Send + 'static) {
    context.memory.of(&key, |canary| {
        if canary.check.as_ref().is_some_and(|running| running.due() == due) {
            return;
        }
        // The task locks the memory when it ends, which we hold here, so it is stored first.
        let task = Task::of(&tokio::spawn(run(context.clone(), key.clone(), due, work)));
        canary.check = Some(CheckRun::UnderWay(due, task));
    });
}

async fn run(context: Arc<Context>, key: Key, due: Timestamp, work: impl Future<Output = Made>) {
    let made = context.caught(&key, "a check", work).await;
    // The next check is an interval later, and failed ones are counted.
    let (verdict, recorded) = made.unwrap_or_else(|why| (Verdict::Error(why), Vec::new()));
    let done = CheckRun::Done(Checks { due, verdict }, recorded);
    let awaited = context.memory.of_known(&key, |canary| {
        // A check of another due time has taken the place: nobody waits for this one any more.
        let awaited = canary.check.as_ref().is_some_and(|running| running.due() == due);
        if awaited {
            canary.check = Some(done);
        }
        awaited
    });
    if awaited == Some(true) {
        context.queues.steps.send(key);
    }
}

async fn make(context: &Context, key: &Key, check: &Check) -> (Verdict, Vec<Recorded>) {
    let started = Instant::now();
    let (canary, state) = (&check.canary, &check.state);
    let refused = rollout_hooks(&context.effects.caller, canary, state).await;
    let measured = match refused {
        Some(_) => Vec::new(),
        // Hooks take their time: what is looked at ends when it is asked for.
        None => measure(context, check, Timestamp::now()).await,
    };
    show(context, key, canary, &measured, started.elapsed());
    let recorded = measured.iter().map(|one| record(one, canary)).collect();
    (refused.map_or_else(|| verdict(&measured), Verdict::Fail), recorded)
}

// A Canary that went away meanwhile has no gauges any more.
fn show(context: &Context, key: &Key, canary: &Canary, measured: &[Measurement], took: Duration) {
    let (target, namespace) = (canary.target_name(), canary.namespace_name());
    let metrics = &context.effects.metrics;
    if context.memory.of_known(key, |canary| canary.check.is_some()) == Some(true) {
        metrics.check_took(target, namespace, took);
    }
    for one in measured {
        let gauges = &context.memory.gauges;
        let value = one.gauge.filter(|_| gauges.measured(key, &one.metric));
        if let Some(value) = value {
            metrics.measured(target, namespace, &one.metric, value);
        }
    }
}

// Before the metrics; the first that fails ends the check.
async fn rollout_hooks(caller: &Caller, canary: &Canary, state: &State) -> Option<String> {
    let outcomes = hooks::call(caller, canary, state, HookType::Rollout).await;
    let failed = outcomes.into_iter().find_map(|one| Some((one.hook, one.result.err()?)));
    failed.map(|(hook, error)| messages::rollout_failed(&canary.name_any(), canary.namespace_name(), &hook, &error))
}

fn scope(pods: Option<String>, state: &State, now: Timestamp) -> Scope {
    let flows = |since: Timestamp| Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Scope {
        pods,
        flows_for: state.traffic_since.map(flows),
    }
}

async fn measure(context: &Context, check: &Check, now: Timestamp) -> Vec<Measurement> {
    let scope = scope(check.pods.clone(), &check.state, now);
    let workload = Workload::of(&check.canary).unwrap_or_default();
    let revision = revisions::named(workload, check.state.last_applied.as_deref());
    crate::outbound::metrics::check(crate::outbound::metrics::CheckContext {
        of: UnderTest {
            canary: &check.canary,
            mesh_provider: &context.options.defaults.provider,
            revision: revision.as_deref(),
            scope: &scope,
        },
        metrics_server: &context.options.defaults.metrics_server,
        clients: &context.effects.http,
        egress: &context.options.egress,
        resolver: context,
        own_namespace_only: context.options.defaults.no_cross_namespace_refs,
        now,
    })
    .await
}

fn verdict(measured: &[Measurement]) -> Verdict {
    let all = || measured.iter();
    let failed = all().find(|one| one.failed());
    let worst = failed.or_else(|| all().find(|one| one.verdict != Verdict::Pass));
    worst.map_or(Verdict::Pass, |one| one.verdict.clone())
}

fn record(one: &Measurement, canary: &Canary) -> Recorded {
    let status = canary.status.clone().unwrap_or_default();
    let before = status
        .canary_analysis
        .as_ref()
        .and_then(|all| all.last())
        .map_or(0, |last| last.iteration);
    Recorded {
        time: Some(MicroTime(Timestamp::now())),
        metric: one.metric.clone(),
        value: one.value.filter(|v| v.is_finite()).map(Number),
        threshold: one.threshold.clone(),
        failed: one.failed(),
        iteration: before.saturating_add(1),
        canary_weight: status.canary_weight,
        message: one.message().map(str::to_owned),
        ..Recorded::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake;

    fn measured(verdicts: &[Verdict]) -> Vec<Measurement> {
        let one = |verdict: &Verdict| Measurement {
            metric: String::new(),
            value: None,
            gauge: None,
            threshold: String::new(),
            verdict: verdict.clone(),
        };
        verdicts.iter().map(one).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_check_that_panics_is_an_error_and_not_a_check_for_ever() {
        let (context, mut told) = fake::context();
        let key = fake::add(&context, "app");
        begin(&context, key.clone(), at(1), async { panic!("unexpected {}", 7) });
        let answer = || {
            let memory = &context.memory;
            memory.of(&key, |canary| canary.check.as_ref().and_then(CheckRun::answer).cloned())
        };
        while answer().is_none() {
            tokio::task::yield_now().await;
        }
        let Verdict::Error(why) = answer().unwrap().verdict else {
            panic!()
        };
        assert!(why.contains("Internal error in a check: unexpected 7"), "{why}");
        assert_eq!(told.recv().await.unwrap().message, why);
        assert!(context.effects.metrics.render().contains("coalmine_panics_total 1\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_ends_wakes_its_canary_and_its_answer_waits_for_the_step() {
        let (context, _told) = fake::context();
        let (key, other) = (fake::add(&context, "app"), fake::add(&context, "other"));
        let slow = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            (Verdict::Fail(String::from("too slow")), vec![Recorded::default()])
        };
        begin(&context, key.clone(), at(1), slow);
        begin(&context, other.clone(), at(1), async { (Verdict::Pass, Vec::new()) });
        tokio::time::sleep(Duration::from_secs(39)).await;
        assert_eq!(fake::asked(&context), [other], "a slow one delays nobody else");
        // It is being made: the step that asks for it once more begins no second one.
        begin(&context, key.clone(), at(1), async { unreachable!("made twice") });
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(fake::asked(&context), std::slice::from_ref(&key));
        let Some(CheckRun::Done(checks, recorded)) = context.memory.of(&key, |canary| canary.check.take()) else {
            panic!("no answer")
        };
        assert_eq!(
            (checks.due, checks.verdict),
            (at(1), Verdict::Fail(String::from("too slow")))
        );
        assert_eq!(recorded.len(), 1);
    }

    #[tokio::test]
    async fn a_check_that_another_takes_the_place_of_is_given_up() {
        let (context, _told) = fake::context();
        let key = fake::add(&context, "app");
        let (holds, given_up) = tokio::sync::oneshot::channel::<()>();
        begin(&context, key.clone(), at(1), async move {
            std::future::pending::<()>().await;
            drop(holds);
            unreachable!()
        });
        tokio::task::yield_now().await;
        begin(&context, key.clone(), at(2), std::future::pending());
        assert!(given_up.await.is_err(), "dropped with its task");
        let due = context
            .memory
            .of(&key, |canary| canary.check.as_ref().map(CheckRun::due));
        assert_eq!(due, Some(at(2)));
    }

    #[test]
    fn an_iteration_beyond_all_numbers_is_none() {
        let measurement = Recorded {
            iteration: i32::MAX,
            ..Recorded::default()
        };
        let mut canary = Canary::new("app", Default::default());
        canary.status = Some(crate::api::canary::CanaryStatus {
            canary_analysis: Some(vec![measurement]),
            ..Default::default()
        });
        let verdicts = measured(&[Verdict::Pass]);
        assert_eq!(record(&verdicts[0], &canary).iteration, i32::MAX);
    }

    #[test]
    fn a_failure_outweighs_what_comes_too_early_and_that_outweighs_a_pass() {
        use Verdict::{Early, Fail, Pass};
        let (early, bad) = (Early("early".into()), Fail("bad".into()));
        for (given, expected) in [
            (vec![], Verdict::Pass),
            (vec![Pass, early.clone(), Pass], Verdict::Early("early".into())),
            (vec![early, Pass, bad], Verdict::Fail("bad".into())),
        ] {
            assert_eq!(verdict(&measured(&given)), expected);
        }
    }

    #[test]
    fn a_dry_run_has_no_traffic_that_could_be_too_young() {
        let now = Timestamp::UNIX_EPOCH;
        let mut state = State::new(now);
        let since = |state: &State| scope(None, state, now + Duration::from_secs(9)).flows_for;
        assert_eq!(since(&state), None);
        state.traffic_since = Some(now + Duration::from_secs(2));
        assert_eq!(since(&state), Some(Duration::from_secs(7)));
        // A clock that was set back.
        state.traffic_since = Some(now + Duration::from_secs(20));
        assert_eq!(since(&state), Some(Duration::ZERO));
    }
}
