use super::*;
use crate::{
    analysis::{Note, Question, State, Subject},
    api::canary::{CanaryStatus, HookType, Phase, RunStatus},
    controller::{
        apply::made::Made,
        ask::{checks, hooks},
        context::fake,
        notify::{alert, announce::announce},
        step::step,
        watch::cache::Kind,
    },
    metrics::Severity,
    plan::Workload,
};
use jiff::Timestamp;

// Leaves a trace of a Canary wherever there is a place for one.
fn live(context: &fake::Fake, key: &Key) {
    let now = Timestamp::UNIX_EPOCH;
    let (state, canary) = (State::new(now), context.canary(key).unwrap());
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
        &Note::Initialized,
        &subject,
    );
    let recorded = CanaryStatus {
        run: Some(RunStatus::default()),
        ..CanaryStatus::default()
    };
    assert!(context.timers.keep(key, &state, false, &recorded, &recorded));
    let made = Made {
        uid: String::from("u"),
        generation: 1,
        template: String::from("v1-a"),
    };
    context.primaries.note(key, made, false);
    context.written.note(key, 7);
    context.objects_written.note(key, Kind::Service, "web", 7);
    context.missed.lock().insert(key.clone(), now);
    context.shared.lock().insert(key.clone(), String::from("front"));
    context.failures.note(key, "full");
    context.unmade.note(key, "full");
    context.pod_owners.note(key);
    context.gauges.begin(&context.metrics, key, &key.1);
    context.gauges.measured(key, "errors");
    context.metrics.measured(&key.1, &key.0, "errors", 1.0);
    context.metrics.bypassed_change(&key.0);
    let why = (String::from("uid"), String::from("why"));
    context.unenrolled.lock().insert(key.clone(), why);
    context
        .just_labelled
        .lock()
        .insert(key.0.clone(), tokio::time::Instant::now());
}

// Names every field, so that whoever adds one says here whether it is kept by Canary.
fn assert_empty(context: &Context) {
    let Context {
        standing: _,
        client: _,
        cache: _,
        canaries,
        index,
        policies: _,
        templates: _,
        claims: _,
        network_policies: _,
        namespaces: _,
        served: _,
        defaults: _,
        track_configs: _,
        events: _,
        metrics,
        gauges,
        http: _,
        caller: _,
        hooks,
        listening,
        listeners,
        alerts,
        event_webhook: _,
        egress: _,
        queue: _,
        checks,
        written,
        advice,
        timers,
        objects_written,
        failures,
        unmade,
        passes: _,
        pod_owners,
        primaries,
        missed,
        just_labelled,
        shared,
        elsewhere: _,
        unenrolled,
    } = context;
    let empty = [
        ("canaries", canaries.is_empty()),
        ("index", index.of_namespace("shop").is_empty()),
        ("metrics", !metrics.render().contains("\"shop\"")),
        ("gauges", gauges.is_empty()),
        ("hooks", hooks.lock().is_empty()),
        ("listening", listening.is_empty()),
        ("listeners", listeners.is_empty()),
        ("alerts", alerts.lanes.is_empty()),
        ("checks", checks.lock().is_empty()),
        ("written", written.is_empty()),
        ("advice", advice.is_empty()),
        ("timers", timers.is_empty()),
        ("objects_written", objects_written.is_empty()),
        ("failures", failures.is_empty()),
        ("unmade", unmade.is_empty()),
        ("pod_owners", pod_owners.is_empty()),
        ("primaries", primaries.is_empty()),
        ("missed", missed.lock().is_empty()),
        ("just_labelled", just_labelled.lock().is_empty()),
        ("shared", shared.lock().is_empty()),
        ("unenrolled", unenrolled.lock().is_empty()),
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
    assert!(!context.listeners.is_empty() && !context.alerts.lanes.is_empty() && !context.listening.is_empty());
    for key in &keys {
        fake::remove(&context, key);
        assert_eq!(step(context.clone(), key.clone()).await, None);
    }
    forget_namespace(&context, "shop");
    assert_empty(&context);
}

#[tokio::test]
async fn a_step_that_panics_is_told_and_tried_again_later_and_later() {
    let (context, mut told) = fake::context();
    let key = fake::add(&context, "app");
    let other = fake::add(&context, "other");
    let panics = async { panic!("at once") };
    let why: String = context.caught::<()>(&key, "a step", panics).await.unwrap_err();
    let pauses: Vec<u64> = (0..3).map(|_| context.failures.note(&key, &why).0.as_secs()).collect();
    assert_eq!(pauses, [2, 4, 8]);
    let note = told.recv().await.unwrap();
    assert_eq!(note.object.name.as_deref(), Some("app"));
    assert!(
        note.message.starts_with("Internal error in a step: at once"),
        "{}",
        note.message
    );
    // Another Canary's step is what it was: it waits for its namespace.
    assert_eq!(
        step(context.clone(), other).await,
        Some(std::time::Duration::from_secs(2))
    );
}
