use super::*;
use crate::patches::applied;
use serde_json::json;

fn scale(replicas: i64) -> Value {
    if replicas == 0 {
        json!({"spec": {}})
    } else {
        json!({"spec": {"replicas": replicas}})
    }
}

fn request(was: i64, wanted: i64) -> Request {
    Request {
        name: "shop".into(),
        namespace: "web".into(),
        sub_resource: Some("scale".into()),
        object: scale(wanted),
        old_object: scale(was),
        ..Request::default()
    }
}

fn by(user: &str, request: Request) -> Request {
    let mut request = request;
    request.user_info.username = user.to_owned();
    request
}

fn known(state: TargetState, stage: CoarseStage) -> PairFacts {
    PairFacts {
        target: "shop".into(),
        state: Some(state),
        stage: Some(stage),
        desired: Some(3),
        ..PairFacts::default()
    }
}

fn primary(stage: CoarseStage) -> PairFacts {
    PairFacts {
        half: Half::Primary,
        ..known(TargetState::Rest, stage)
    }
}

// The number stored and the number noted.
fn both(request: &Request, known: &PairFacts) -> (i64, Option<i64>) {
    let outcome = decide(request, known);
    assert!(outcome.response.allowed(), "{:?}", outcome.response);
    let stored = applied(&request.object, &outcome.response.patch).unwrap();
    (replicas(&stored), outcome.note)
}

#[test]
fn at_rest_the_app_is_scaled_and_the_target_stays_without_pods() {
    for stage in [
        CoarseStage::Building,
        CoarseStage::Rest,
        CoarseStage::Waiting,
        CoarseStage::Failed,
        CoarseStage::Running,
    ] {
        for state in [TargetState::Rest, TargetState::Cold] {
            let known = known(state, stage);
            assert_eq!(both(&request(0, 5), &known), (0, Some(5)), "{stage:?}");
            assert_eq!(both(&request(0, 0), &known), (0, Some(0)), "{stage:?}");
            assert_eq!(both(&request(0, 3), &known), (0, None), "as it is");
        }
    }
}

#[test]
fn zero_is_sleep_and_a_number_wakes_it_and_both_are_told_once() {
    let rest = known(TargetState::Rest, CoarseStage::Rest);
    let asleep = PairFacts {
        desired: Some(0),
        ..rest.clone()
    };
    let told = |request: Request, known: &PairFacts| decide(&request, known).response.warnings;
    assert_eq!(
        told(request(0, 0), &rest),
        ["coalmine: shop: it sleeps (0 replicas), shop-primary too; scale it to wake it"]
    );
    assert_eq!(told(request(0, 0), &asleep), [""; 0]);
    assert_eq!(
        told(request(0, 2), &asleep),
        ["coalmine: shop: 2 replicas; shop-primary is scaled to 2"]
    );
}

#[test]
fn in_a_run_no_pod_that_serves_goes_and_the_number_is_kept_for_after_it() {
    for (state, stage) in [
        (TargetState::Hot, CoarseStage::Building),
        (TargetState::Serving, CoarseStage::Running),
        (TargetState::Serving, CoarseStage::Promoting),
    ] {
        let known = known(state, stage);
        assert_eq!(both(&request(3, 5), &known), (5, Some(5)), "{stage:?}");
        assert_eq!(both(&request(3, 1), &known), (3, Some(1)), "{stage:?}");
        assert_eq!(both(&request(3, 0), &known), (3, Some(0)), "{stage:?}");
    }
}

#[test]
fn whoever_scales_primary_means_the_app() {
    assert_eq!(both(&request(3, 0), &primary(CoarseStage::Rest)), (0, Some(0)));
    assert_eq!(both(&request(0, 2), &primary(CoarseStage::Failed)), (2, Some(2)));
    for stage in [CoarseStage::Running, CoarseStage::Promoting] {
        assert_eq!(both(&request(3, 0), &primary(stage)), (3, Some(0)), "it serves");
        assert_eq!(both(&request(3, 6), &primary(stage)), (6, Some(6)));
    }
    assert_eq!(both(&request(3, 0), &primary(CoarseStage::Leaving)), (0, None));
}

#[test]
fn an_autoscaler_means_the_half_it_scales() {
    let scaled = PairFacts {
        scaled: true,
        ..primary(CoarseStage::Running)
    };
    assert_eq!(both(&request(3, 1), &scaled), (1, None));
    for user in AUTOSCALERS {
        assert_eq!(
            both(&by(user, request(3, 1)), &primary(CoarseStage::Running)),
            (1, None)
        );
        let serving = known(TargetState::Serving, CoarseStage::Running);
        assert_eq!(both(&by(user, request(3, 5)), &serving), (5, None));
        let started = decide(&by(user, request(0, 1)), &known(TargetState::Rest, CoarseStage::Rest));
        assert!(!started.response.allowed(), "nobody verified what it would start");
    }
}

#[test]
fn an_autoscaler_may_do_anything_in_a_run_but_starve_it() {
    let known = PairFacts {
        min_replicas: 4,
        scaled: true,
        ..known(TargetState::Serving, CoarseStage::Running)
    };
    for (was, wanted, allowed) in [(4, 7, true), (7, 4, true), (1, 2, true), (7, 3, false), (4, 3, false)] {
        let outcome = decide(&request(was, wanted), &known);
        assert_eq!(outcome.response.allowed(), allowed, "{was} to {wanted}");
    }
    let denial = decide(&request(7, 3), &known).response.denial.unwrap();
    assert_eq!(
        denial.message,
        "deployment \"shop\" is in a release that may send it all traffic, which shop-primary needed 4 replicas for; \
         it can be scaled below that when the release has ended"
    );
}

#[test]
fn what_cannot_be_noted_is_refused_with_the_command_that_does_what_was_meant() {
    let known = PairFacts {
        stage: None,
        ..known(TargetState::Rest, CoarseStage::Rest)
    };
    let denial = decide(&request(0, 4), &known).response.denial.unwrap();
    assert_eq!((denial.code, denial.reason), (403, "Forbidden"));
    assert_eq!(
        denial.message,
        "deployment \"shop\" rests at 0 replicas while shop-primary serves; to have 4 replicas, run: \
         kubectl patch deployment shop -n web --type merge -p '{\"spec\":{\"replicas\":4}}'"
    );
    let denial = refused(&request(0, 0), &known, 0).response.denial.unwrap();
    assert!(
        denial
            .message
            .ends_with("kubectl scale deployment shop -n web --replicas=0"),
        "{}",
        denial.message
    );
}

#[test]
fn what_is_not_managed_is_scaled_as_it_is() {
    assert_eq!(both(&request(1, 4), &PairFacts::default()), (4, None));
}

#[test]
fn nobody_owns_what_is_held() {
    let mut request = request(0, 5);
    request.object["metadata"] = json!({"managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]});
    let outcome = decide(&request, &known(TargetState::Rest, CoarseStage::Rest));
    let stored = applied(&request.object, &outcome.response.patch).unwrap();
    assert_eq!(stored["metadata"]["managedFields"], json!([]));
}

#[test]
fn a_scale_of_another_version_of_the_object_is_left_to_the_conflict_that_answers_it() {
    let versioned = |stored: &str, sent: &str| {
        let mut request = request(0, 5);
        request.old_object["metadata"]["resourceVersion"] = json!(stored);
        request.object["metadata"]["resourceVersion"] = json!(sent);
        request
    };
    let rest = known(TargetState::Rest, CoarseStage::Rest);
    for (stored, sent, expected) in [
        ("7", "6", (5, None)),
        ("7", "7", (0, Some(5))),
        ("7", "", (0, Some(5))),
        ("7", "0", (0, Some(5))),
    ] {
        assert_eq!(both(&versioned(stored, sent), &rest), expected, "{stored} {sent}");
    }
    // Nor is it refused where nothing can be noted.
    let unknown = PairFacts { stage: None, ..rest };
    assert_eq!(both(&versioned("7", "6"), &unknown), (5, None));
}

#[test]
fn while_the_controller_is_away_nothing_is_told_as_done_that_it_would_have_to_do() {
    let told = |request: Request, known: PairFacts| {
        let known = PairFacts { away: true, ..known };
        decide(&request, &known).response.warnings.join("|")
    };
    let noted = |number: i64| {
        format!(
            "{number} replicas are noted, but the controller is away, so shop-primary is not scaled until it is back"
        )
    };
    for number in [0, 5] {
        assert_eq!(
            told(request(0, number), known(TargetState::Rest, CoarseStage::Rest)),
            format!(
                "coalmine: shop: {}; at once: kubectl scale deployment shop-primary -n web --replicas={number}",
                noted(number)
            )
        );
    }
    for (was, number, known) in [
        (3, 1, known(TargetState::Serving, CoarseStage::Running)),
        (3, 0, known(TargetState::Serving, CoarseStage::Running)),
        (0, 5, known(TargetState::Cold, CoarseStage::Building)),
    ] {
        assert_eq!(
            told(request(was, number), known),
            format!("coalmine: shop: {}", noted(number))
        );
    }
    // What is stored as it was sent needs nobody.
    assert_eq!(
        told(request(3, 5), primary(CoarseStage::Rest)),
        "coalmine: shop: means shop: 5 replicas; shop-primary is scaled to 5"
    );
}
