use super::*;
use crate::api::canary::Phase;
use std::{str::FromStr, time::Duration};

fn now() -> Timestamp {
    Timestamp::from_str("2026-11-23T10:00:00.123456Z").unwrap()
}

fn at_rest(phase: Phase) -> State {
    State {
        phase,
        stage: Stage::Rest,
        last_applied: Some("v1-a".into()),
        last_promoted: Some("v1-a".into()),
        ..State::new(now())
    }
}

fn sees(revision: &str) -> Seen<'_> {
    Seen {
        revision: Some(revision),
        template: Some(revision),
        ..Seen::default()
    }
}

fn differs(canary: &Canary, state: &State, seen: Seen<'_>, now: Timestamp) -> bool {
    canary.status.as_ref() != Some(&status(canary, state, seen, now))
}

fn with_status(status: CanaryStatus) -> Canary {
    let mut canary = Canary::new("web", Default::default());
    canary.status = serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
    canary
}

fn says(status: &CanaryStatus, kind: &str) -> Option<String> {
    status.condition(kind).map(|c| c.status.clone())
}

fn open(status: &CanaryStatus) -> Option<Announced> {
    status.run.clone()?.announced
}

fn announcing(canary: &Canary, revision: &str) -> Canary {
    let announced = Announced {
        revision: revision.into(),
        time: Some(MicroTime(now())),
    };
    with_status(
        canary
            .status
            .as_ref()
            .unwrap()
            .announcing("", announced, now())
            .unwrap(),
    )
}

#[test]
fn a_state_survives_the_status() {
    let mut canary = Canary::new("web", Default::default());
    assert_eq!(state(&canary, now()), State::new(now()));
    let recorded = State {
        phase: Phase::Progressing,
        stage: Stage::Analysing,
        moved_at: Some(now()),
        due: Some(now()),
        intent: Traffic {
            mirror: 20,
            matched: true,
            ..Traffic::share(30)
        },
        failed_checks: 2,
        last_applied: Some("v1-a".into()),
        last_promoted: Some("v1-b".into()),
        ..State::new(now())
    };
    let written = status(&canary, &recorded, Seen::default(), now());
    assert_eq!(written.canary_weight, 30);
    assert_eq!(written.condition("promoted").unwrap().status, "Unknown");
    canary = with_status(written);
    assert_eq!(state(&canary, now()), recorded);
    assert!(!differs(&canary, &recorded, Seen::default(), now()));
}

#[test]
fn nothing_is_written_at_rest_however_late_it_is() {
    for phase in [Phase::Initialized, Phase::Succeeded, Phase::Failed] {
        let canary = with_status(status(
            &Canary::new("web", Default::default()),
            &at_rest(phase),
            sees("v1-a"),
            now(),
        ));
        let later = now() + Duration::from_secs(3600);
        assert!(!differs(&canary, &at_rest(phase), sees("v1-a"), later), "{phase}");
    }
}

#[test]
fn an_announced_revision_keeps_promoted_unknown_until_it_is_seen_or_known_to_be_refused() {
    let rest = at_rest(Phase::Succeeded);
    let canary = with_status(status(
        &Canary::new("web", Default::default()),
        &rest,
        sees("v1-a"),
        now(),
    ));
    assert_eq!(says(canary.status.as_ref().unwrap(), "Promoted").unwrap(), "True");
    let canary = announcing(&canary, "v1-b");
    assert_eq!(says(canary.status.as_ref().unwrap(), "Promoted").unwrap(), "Unknown");

    // Not seen yet: as the webhook wrote it, and nothing to write.
    assert!(!differs(&canary, &rest, sees("v1-a"), now()));
    // Seen: the announcement goes, the answer stays open until the run has one.
    let seen = status(&canary, &rest, sees("v1-b"), now());
    assert_eq!(
        (open(&seen), says(&seen, "Promoted").unwrap().as_str()),
        (None, "Unknown")
    );
    // Refused: the answer for what serves is true again.
    let refused = Seen {
        refused: true,
        ..sees("v1-a")
    };
    let restored = status(&canary, &rest, refused, now());
    assert_eq!(
        (open(&restored), says(&restored, "Promoted").unwrap().as_str()),
        (None, "True")
    );
}

#[test]
fn the_end_of_a_run_does_not_answer_for_a_revision_that_came_meanwhile() {
    let draining = State {
        phase: Phase::Finalising,
        stage: Stage::Draining,
        last_applied: Some("v1-b".into()),
        last_promoted: Some("v1-b".into()),
        ..State::new(now())
    };
    let canary = with_status(status(
        &Canary::new("web", Default::default()),
        &draining,
        sees("v1-b"),
        now(),
    ));
    let ended = State {
        last_applied: Some("v1-b".into()),
        last_promoted: Some("v1-b".into()),
        ..at_rest(Phase::Succeeded)
    };
    let written = status(&canary, &ended, sees("v1-c"), now());
    assert_eq!(says(&written, "Promoted").unwrap(), "Unknown");
    assert_eq!(
        says(&status(&canary, &ended, sees("v1-b"), now()), "Promoted").unwrap(),
        "True"
    );
}

#[test]
fn a_run_knows_who_asked_for_it_and_starts_without_the_measurements_of_the_last() {
    let rest = at_rest(Phase::Succeeded);
    let measured = [Measurement::default()];
    let with_one = Seen {
        measured: &measured,
        ..sees("v1-a")
    };
    let canary = with_status(status(&Canary::new("web", Default::default()), &rest, with_one, now()));
    let by = RequestedBy::parse("ann via kubectl");
    let author = |applied: &str, stored: &str| {
        let started = State {
            phase: Phase::Progressing,
            stage: Stage::Scaling,
            last_applied: Some(applied.into()),
            ..rest.clone()
        };
        let seen = Seen {
            requested_by: Some(&by),
            ..sees(stored)
        };
        let written = status(&canary, &started, seen, now());
        assert_eq!(written.canary_analysis, None);
        let run = written.run.unwrap();
        (run.author, run.manager)
    };
    assert_eq!(author("v1-b", "v1-b"), (Some("ann".into()), Some("kubectl".into())));
    // The note is about another template that has come meanwhile, or the template is as it was and a config changed.
    assert_eq!(author("v1-b", "v1-c"), (None, None));
    assert_eq!(author("v1-a+c2", "v1-a"), (None, None));
}

#[test]
fn the_time_of_transition_moves_with_what_is_shown_only() {
    let rest = at_rest(Phase::Succeeded);
    let canary = with_status(status(
        &Canary::new("web", Default::default()),
        &rest,
        sees("v1-a"),
        now(),
    ));
    let later = now() + Duration::from_secs(60);
    let waits = State {
        reason: Some("waiting".into()),
        ..rest.clone()
    };
    let same = status(&canary, &waits, sees("v1-a"), later);
    assert_eq!(
        same.last_transition_time,
        canary.status.as_ref().unwrap().last_transition_time
    );
    let failed = status(&canary, &at_rest(Phase::Failed), sees("v1-a"), later);
    assert_ne!(
        failed.last_transition_time,
        canary.status.as_ref().unwrap().last_transition_time
    );
}

#[test]
fn no_instant_of_a_status_is_out_of_reach() {
    let far = MicroTime(Timestamp::MAX);
    for time in [far, MicroTime(Timestamp::MIN)] {
        let run = RunStatus {
            stage: Stage::Analysing.as_str().to_owned(),
            since: Some(time.clone()),
            moved_at: Some(time.clone()),
            traffic_since: Some(time.clone()),
            due: Some(time.clone()),
            stalled: Some(time.clone()),
            gate: Some(GateStatus {
                kind: HookType::Rollback.as_str().to_owned(),
                hook: None,
                since: Some(time.clone()),
                asked: Some(time.clone()),
            }),
            ..RunStatus::default()
        };
        let mut canary = with_status(CanaryStatus::default());
        canary.status = Some(CanaryStatus {
            iterations: i32::MAX,
            failed_checks: i32::MIN,
            canary_weight: i32::MAX,
            run: Some(run),
            ..CanaryStatus::default()
        });
        let state = state(&canary, now());
        let gate = state.gate.unwrap();
        let all = [
            Some(state.since),
            state.moved_at,
            state.traffic_since,
            state.stalled,
            Some(gate.since),
            gate.at,
        ];
        let longest = Duration::from_nanos(i64::MAX.unsigned_abs());
        for instant in all {
            assert!(instant.unwrap() <= now());
            // Twice the longest duration a user can write.
            assert!(instant.unwrap().checked_add(longest * 2).is_ok());
        }
        assert!(state.due.unwrap().checked_add(longest).is_ok());
        assert_eq!((state.failed_checks, state.intent), (0, Traffic::CANARY));
    }
}
