use super::*;
use crate::plan::Autoscaler;
use serde_json::{Value, json};

fn by(kind: ScalerKind, min: u32, max: u32) -> Decides {
    Decides::Scaler(kind, Bounds { min, max })
}

#[test]
fn the_authors_number_is_what_was_said_last_or_what_was_written_past_the_webhook() {
    let rest = Some(TargetState::Rest);
    let of = |desired, state, replicas, primary| wanted(desired, state, replicas, primary, Decides::Author);
    assert_eq!(of(Some(3), rest, 0, Some(2)), 3);
    assert_eq!(of(Some(3), rest, 5, Some(2)), 5);
    assert_eq!(of(Some(3), Some(TargetState::Cold), 5, None), 5);
    assert_eq!(of(Some(3), Some(TargetState::Serving), 5, Some(2)), 3);
    assert_eq!(of(Some(0), rest, 0, Some(2)), 0);
    assert_eq!(of(None, None, 4, None), 4);
    assert_eq!(of(None, rest, 0, Some(2)), 2);
    assert_eq!(of(None, None, 0, None), 1);
}

#[test]
fn an_autoscalers_number_is_what_primary_has() {
    let hpa = by(ScalerKind::Hpa, 2, 8);
    let of = |desired, replicas, primary, who| wanted(Some(desired), Some(TargetState::Rest), replicas, primary, who);
    assert_eq!(of(3, 0, Some(6), hpa), 6);
    // Before primary exists, within the bounds it will be given.
    assert_eq!(of(1, 0, None, hpa), 2);
    assert_eq!(of(9, 0, None, hpa), 8);
    // Back from 0.
    assert_eq!(of(3, 0, Some(0), hpa), 3);
    // KEDA itself goes to 0 and comes back.
    assert_eq!(of(3, 0, Some(0), by(ScalerKind::ScaledObject, 0, 8)), 0);
    assert_eq!(of(3, 0, Some(6), Decides::AuthorAgain), 6);
}

fn live(desired: &str) -> Live {
    Live {
        target: Some(json!({"metadata": {"labels": {"coalmine.dev/desired-replicas": desired}}})),
        ..Live::default()
    }
}

fn hpa(min: u32) -> Option<Value> {
    Some(json!({"kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": min, "maxReplicas": 8}}))
}

#[test]
fn an_hpa_is_off_while_zero_is_wanted_and_a_scale_is_newer_than_the_label() {
    let scaler = Autoscaler {
        kind: ScalerKind::Hpa,
        name: "web".into(),
        queries: Default::default(),
        min: None,
        max: None,
    };
    let blueprint = Blueprint {
        autoscaler: Some(scaler),
        ..Blueprint::sample()
    };
    let beside = |desired: &str, asked| Live {
        scaler: hpa(2),
        asked,
        ..live(desired)
    };
    let on = by(ScalerKind::Hpa, 2, 8);
    assert_eq!(decides(&beside("3", None), &blueprint), on);
    assert_eq!(decides(&beside("0", None), &blueprint), Decides::Author);
    assert_eq!(decides(&beside("3", Some(0)), &blueprint), Decides::Author);
    assert_eq!(decides(&beside("0", Some(3)), &blueprint), on);
    assert_eq!(live("4294967295").desired(), Some(2_147_483_647));
}

#[test]
fn whoever_points_an_autoscaler_at_primary_has_decided() {
    let beside = |desired: &str| Live {
        primary_scaler: hpa(3),
        ..live(desired)
    };
    assert_eq!(decides(&beside("1"), &Blueprint::sample()), by(ScalerKind::Hpa, 3, 8));
    assert_eq!(decides(&beside("0"), &Blueprint::sample()), Decides::Author, "asleep");
    let keda = Live {
        primary_scaler: Some(json!({"kind": "ScaledObject", "spec": {"maxReplicaCount": 5}})),
        ..live("0")
    };
    assert_eq!(decides(&keda, &Blueprint::sample()), by(ScalerKind::ScaledObject, 0, 5));
}
