//! What is said of each trouble, and of none.

mod at_rest;
mod first;
mod in_a_run;

use super::{bypassed, silent, unjudged, untested};
use crate::{
    analysis::{Stage, State},
    api::Canary,
    controller::difference::tests::{seen, target},
};
use jiff::Timestamp;
use serde_json::json;

pub fn canary() -> Canary {
    let metrics = json!([
        {"name": "request-success-rate"},
        {"name": "errors", "templateRef": {"name": "own"}},
        {"name": "orders", "templateRef": {"name": "sales", "namespace": "shared"}},
    ]);
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}, "analysis": {"metrics": metrics}},
    }))
    .unwrap()
}

fn said(stage: Stage, skip: bool, asks: (&str, &str)) -> Option<String> {
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    (state.stage, state.skip) = (stage, skip);
    let store = |namespace: &str, name: &str| ((namespace, name) == asks).then(|| "datadog".to_owned());
    unjudged(&canary(), &state, store).map(|trouble| {
        assert!(trouble.stalled);
        trouble.message
    })
}

#[test]
fn a_run_that_no_check_can_judge_says_which_metric_and_template_it_waits_for() {
    let said = |asks| said(Stage::Analysing, false, asks).unwrap();
    assert!(said(("web", "own")).starts_with("metric errors asks datadog by MetricTemplate web/own,"));
    assert!(said(("shared", "sales")).starts_with("metric orders asks datadog by MetricTemplate shared/sales,"));
}

#[test]
fn who_asks_other_stores_or_nobody_has_no_trouble() {
    assert_eq!(said(Stage::Analysing, false, ("web", "sales")), None);
    assert_eq!(said(Stage::Rest, false, ("web", "own")), None);
    assert_eq!(said(Stage::RollingBack, false, ("web", "own")), None);
    assert_eq!(said(Stage::Analysing, true, ("web", "own")), None);
}

#[test]
fn a_test_that_nobody_can_be_in_is_told_while_it_runs() {
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    let mut seen = seen(&target());
    let mut said = |stage: Stage, matched: bool, nobody: bool| {
        state.stage = stage;
        state.intent.matched = matched;
        seen.tests_nobody = nobody;
        untested(&canary(), &state, &seen).map(|trouble| (trouble.reason, trouble.message, trouble.stalled))
    };
    let (reason, message, stalled) = said(Stage::Analysing, true, true).unwrap();
    assert_eq!((reason, stalled), ("NobodyMatches", false));
    assert!(
        message.starts_with(
            "nobody can meet the new revision of Deployment shop in this test: the routes to Service shop"
        ),
        "{message}"
    );
    assert_eq!(said(Stage::Analysing, true, false), None);
    assert_eq!(said(Stage::Analysing, false, true), None);
    assert_eq!(said(Stage::Rest, true, true), None);
}

#[test]
fn routes_that_everybody_passes_over_are_told_while_a_run_goes_by_them() {
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    let mut seen = seen(&target());
    let mut said = |stage: Stage, why: Option<&str>| {
        state.stage = stage;
        seen.bypassed = why.map(str::to_owned);
        bypassed(&state, &seen).map(|trouble| (trouble.reason, trouble.message))
    };
    let (reason, message) = said(Stage::Analysing, Some("Mesh default has none")).unwrap();
    assert_eq!(reason, "RoutesBypassed");
    assert_eq!(
        message,
        "Mesh default has none. Where nobody comes by them, the checks of this run say nothing of users"
    );
    assert_eq!(said(Stage::Rest, Some("Mesh default has none")), None);
    assert_eq!(said(Stage::Analysing, None), None);
}

#[test]
fn an_app_at_rest_that_answers_nobody_says_why() {
    let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5);
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    state.stage = Stage::Rest;
    let mut seen = seen(&target());
    let mut said = |since: Option<i64>, trouble: Option<&str>| {
        state.stalled = since.map(|ago| now - jiff::SignedDuration::from_secs(ago));
        seen.route_trouble = trouble.map(str::to_owned);
        silent(&canary(), &state, &seen, now).map(|trouble| (trouble.reason, trouble.message))
    };
    assert_eq!(said(None, None), None);
    assert_eq!(said(Some(2), None), None, "it may still come");
    let (reason, message) = said(Some(20), None).unwrap();
    assert_eq!(reason, "NotServing");
    assert!(message.starts_with("shop-primary has no ready pod"), "{message}");
    let (_, message) = said(Some(20), Some("the gateway does not accept it")).unwrap();
    assert_eq!(
        message,
        "Traffic of shop does not arrive as asked: the gateway does not accept it"
    );
}
