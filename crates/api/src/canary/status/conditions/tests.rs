use super::*;
use std::str::FromStr;

fn at(second: i64) -> Timestamp {
    Timestamp::from_str("2026-11-23T10:00:00Z").unwrap() + std::time::Duration::from_secs(second.unsigned_abs())
}

fn inputs(phase: Phase) -> ConditionInputs<'static> {
    ConditionInputs {
        stuck: false,
        kind: "Deployment",
        phase,
        ahead: false,
        trouble: None,
        dry_run: DryRun::No,
    }
}

fn short(all: &[Condition]) -> Vec<(&str, &str, &str)> {
    all.iter()
        .map(|c| (c.kind.as_str(), c.status.as_str(), c.reason.as_str()))
        .collect()
}

/// kstatus (`cli-utils`, `pkg/kstatus/status`) for a kind it does not know, observedGeneration apart.
fn kstatus(all: &[Condition]) -> &'static str {
    for condition in all.iter().filter(|c| c.status == "True") {
        match condition.kind.as_str() {
            "Reconciling" => return "InProgress",
            "Stalled" => return "Failed",
            _ => {}
        }
    }
    match all.iter().find(|c| c.kind == "Ready").map(|c| c.status.as_str()) {
        None | Some("True") => "Current",
        Some(_) => "InProgress",
    }
}

#[test]
fn kstatus_and_kubectl_wait_read_every_phase_alike() {
    for phase in Phase::ALL {
        for ahead in [false, true] {
            let all = conditions(ConditionInputs { ahead, ..inputs(phase) }, &[], at(0));
            let promoted = all[0].status.as_str();
            let expected = match promoted {
                "True" => "Current",
                "False" => "Failed",
                _ => "InProgress",
            };
            assert_eq!(all[0].kind, PROMOTED);
            assert_eq!(kstatus(&all), expected, "{phase} {ahead}: {all:?}");
            assert_ne!(
                (ahead, promoted),
                (true, "True"),
                "{phase}: another revision is on its way"
            );
            assert!(all.iter().all(|c| c.message.as_ref().is_some_and(|m| !m.is_empty())));
        }
    }
    let good = conditions(inputs(Phase::Succeeded), &[], at(0));
    assert_eq!(
        short(&good),
        [("Promoted", "True", "Succeeded"), ("Ready", "True", "Succeeded")]
    );
}

#[test]
fn a_time_of_transition_moves_only_with_the_status() {
    let first = conditions(inputs(Phase::Progressing), &[], at(0));
    let second = conditions(inputs(Phase::Promoting), &first, at(10));
    assert_eq!(second[0].last_transition_time, Some(Time(at(0))));
    assert_eq!(second[0].last_update_time, Some(Time(at(10))));
    assert_eq!(conditions(inputs(Phase::Promoting), &second, at(20)), second);
    let third = conditions(inputs(Phase::Succeeded), &second, at(30));
    assert_eq!(third[0].last_transition_time, Some(Time(at(30))));
    assert_eq!(third.len(), 2, "what is abnormal is gone: {third:?}");
}

#[test]
fn trouble_is_stalled_and_a_name_in_the_way_is_a_condition_of_its_own() {
    let trouble = Trouble {
        reason: NAME_CONFLICT,
        message: "Service shop-canary exists".into(),
        stalled: true,
    };
    let of = ConditionInputs {
        trouble: Some(&trouble),
        ..inputs(Phase::Initializing)
    };
    let all = conditions(of, &[], at(0));
    assert_eq!(
        short(&all),
        [
            ("Promoted", "Unknown", "Initializing"),
            ("Ready", "False", NAME_CONFLICT),
            ("Stalled", "True", NAME_CONFLICT),
            (NAME_CONFLICT, "True", NAME_CONFLICT),
        ]
    );
    assert_eq!(kstatus(&all), "Failed");
    let solved = conditions(inputs(Phase::Initializing), &all, at(5));
    assert!(solved.iter().all(|c| c.kind != NAME_CONFLICT && c.kind != STALLED));
}

#[test]
fn conditions_of_others_are_kept() {
    let theirs = condition("Audited", "True", "Yes", "by them".into());
    let all = conditions(inputs(Phase::Succeeded), std::slice::from_ref(&theirs), at(0));
    assert_eq!(all.last(), Some(&theirs));
}
