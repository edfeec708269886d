use super::{deployments::Unenrolled, primary::Made, timers::Kept, *};
use crate::{
    analysis::{Question, ReleaseEvent, State, Subject},
    api::canary::{CanaryStatus, HookType, Phase, RunStatus},
    controller::{
        context::{Context, fake},
        difference::write::Write,
        effects::{
            ask::{checks, hooks},
            notify::{alert, announce::announce},
        },
        step::step,
        watch::informers::cache::Kind,
    },
    messages::Severity,
    plan::Workload,
};

// Leaves a trace of a Canary wherever there is a place for one.
fn live(context: &fake::Fake, key: &Key) {
    let now = Timestamp::UNIX_EPOCH;
    let (state, canary) = (State::new(now), context.cluster.canary(key).unwrap());
    let check = checks::Check {
        canary: canary.clone(),
        state: state.clone(),
        pods: None,
        due: now,
    };
    checks::start(context, key.clone(), check);
    for kind in [HookType::ConfirmRollout, HookType::PostRollout] {
        let question = Question {
            kind,
            at: now,
            edition: String::new(),
        };
        hooks::ask(context, key, &canary, (&state, &[]), question);
    }
    announce(context, key, &canary, &state, Severity::Normal, String::from("said"));
    let subject = Subject {
        canary: key.1.clone(),
        namespace: key.0.clone(),
        target: key.1.clone(),
        workload: Workload::Deployment,
    };
    alert::raise(
        context,
        key,
        &canary,
        (Phase::Initialized, false),
        &ReleaseEvent::Initialized,
        &subject,
    );
    let recorded = CanaryStatus {
        run: Some(RunStatus::default()),
        ..CanaryStatus::default()
    };
    let made = Made {
        uid: String::from("u"),
        generation: 1,
        template: String::from("v1-a"),
    };
    context.memory.of(key, |canary| {
        canary
            .timers
            .keep(Kept::of(&state, false, &recorded, &recorded).unwrap());
        canary.primary.note(made, false);
        canary.written.note_status(7);
        canary.written.note(Kind::Service, "web", 7);
        let patch = Write::Patch {
            kind: Kind::Service,
            namespace: key.0.clone(),
            name: String::from("web"),
            operations: json_patch::Patch(Vec::new()),
        };
        canary.repeats.note(&patch, Some(7), Some(7));
        canary.missed = Some(now);
        canary.shared = Some(String::from("front"));
        canary.failures.note("full");
        canary.pods.insert(String::from("pod"), String::from("set"));
    });
    let (memory, metrics) = (&context.memory, &context.effects.metrics);
    memory.gauges.begin(metrics, key, &key.1);
    memory.gauges.measured(key, "errors");
    metrics.measured(&key.1, &key.0, "errors", 1.0);
    metrics.bypassed_change(&key.0);
    memory.deployments.failed(key, "full");
    let unenrolled = Unenrolled {
        uid: String::from("uid"),
        why: String::from("why"),
        lifted_by: None,
    };
    memory.deployments.unenrolled(key.clone(), unenrolled);
    memory.labelled.note(&key.0, tokio::time::Instant::now());
}

// Names every field, so that whoever adds one says here whether something of a Canary may stay in it.
fn assert_empty(context: &Context) {
    let Memory {
        canaries,
        waiting_events: _,
        waiting_alerts: _,
        gauges,
        definition: _,
        deployments,
        labelled,
        looks,
    } = &*context.memory;
    let empty = [
        ("the store", context.cluster.canaries.is_empty()),
        ("the index", context.cluster.index.of_namespace("shop").is_empty()),
        ("the metrics", !context.effects.metrics.render().contains("\"shop\"")),
        ("canaries", canaries.lock().is_empty()),
        ("gauges", gauges.is_empty()),
        ("deployments", deployments.is_empty()),
        ("labelled", labelled.is_empty()),
        ("looks", looks.is_empty()),
    ];
    for (what, is_empty) in empty {
        assert!(is_empty, "{what}");
    }
}

#[tokio::test]
async fn of_a_thousand_canaries_that_came_and_went_nothing_is_left() {
    let (context, _told) = fake::context();
    let mut keys = Vec::new();
    for n in 0..1000 {
        let key = fake::add(&context, &format!("app-{n}"));
        live(&context, &key);
        keys.push(key);
    }
    for key in &keys {
        context.memory.of(key, |canary| {
            assert!(canary.check.is_some() && !canary.events.is_empty() && !canary.alerts.is_empty());
        });
        fake::remove(&context, key);
        assert_eq!(step(context.clone(), key.clone()).await.wake, None);
    }
    context.memory.forget_namespace("shop");
    assert_empty(&context);
}

#[tokio::test]
async fn a_step_that_panics_is_told_and_tried_again_later_and_later() {
    let (context, mut told) = fake::context();
    let key = fake::add(&context, "app");
    let other = fake::add(&context, "other");
    let panics = async { panic!("at once") };
    let why: String = context.caught::<()>(&key, "a step", panics).await.unwrap_err();
    let pause = |canary: &mut OfCanary| canary.failures.note(&why).0.as_secs();
    let pauses: Vec<u64> = (0..3).map(|_| context.memory.of(&key, pause)).collect();
    assert_eq!(pauses, [2, 4, 8]);
    let occurrence = told.recv().await.unwrap();
    assert_eq!(occurrence.object.name.as_deref(), Some("app"));
    assert!(
        occurrence.message.starts_with("Internal error in a step: at once"),
        "{}",
        occurrence.message
    );
    // Another Canary's step is what it was: it waits for its namespace.
    assert_eq!(
        step(context.clone(), other).await.wake,
        Some(std::time::Duration::from_secs(2))
    );
}
