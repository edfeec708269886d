//! What a step finds of a pair, and what has none.

use super::super::*;
use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{analysis::Stage, api::labels, controller::context::fake, routing::Provider};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_pair_is_found_with_its_target_which_is_missed_no_more() {
    let house = House::new().await;
    house.all().await;
    let turn = house.turn();
    let memory = &house.context.memory;
    memory.of(&house.key, |canary| canary.missed = Some(turn.now));
    let pair = house.pair(&turn).await;
    assert!(pair.live.target.is_some() && pair.live.primary.is_some() && pair.live.apex.is_some());
    assert_eq!(pair.blueprint.target_uid.as_deref(), Some("uid-of-shop"));
    assert_eq!(pair.state.stage, Stage::Rest);
    assert!(pair.absence.is_none());
    assert_eq!(memory.of(&house.key, |canary| canary.missed), None);
}

#[tokio::test(start_paused = true)]
async fn a_pair_whose_target_is_gone_is_one_still_with_what_is_to_be_said_of_it() {
    let house = House::new().await;
    house.all().await;
    house.server.take(&format!("{DEPLOYMENTS}/shop"));
    fake::settled().await;
    let pair = house.pair(&house.turn()).await;
    assert!(pair.live.target.is_none() && pair.live.primary.is_some());
    let (trouble, _) = pair.absence.unwrap();
    assert_eq!(trouble.reason, "TargetMissing");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_a_canary_was_not_generated_for_is_no_target_of_it() {
    for (made_for, found) in [("uid-of-another", false), ("uid-of-shop", true)] {
        let house = House::new().await;
        house.server.edit(CANARY, |canary| {
            canary["metadata"]["labels"] = json!({labels::GENERATED: "true"});
            canary["metadata"]["annotations"] = json!({labels::TARGET_UID: made_for});
        });
        let pair = snapshot::snapshot(&house.context, &house.turn()).await;
        assert_eq!(pair.is_ok(), found, "{made_for}");
        assert!(
            found || matches!(pair, Err(Stop::Over(Some(_)))),
            "its own may still come"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_not_there_keeps_no_app_from_being_given_back() {
    let house = House::new().await;
    house.all().await;
    house
        .server
        .edit(CANARY, |canary| canary["spec"]["provider"] = json!("carrier-pigeon"));
    let mut turn = house.turn();
    let Err(Stop::Unreleased(why)) = snapshot::snapshot(&house.context, &turn).await else {
        panic!("released by a provider that is not there");
    };
    assert!(why.contains("carrier-pigeon"), "{why}");
    turn.leaving = true;
    let pair = house.pair(&turn).await;
    assert!(pair.blueprint.provider == Provider::FALLBACK && pair.live.primary.is_some());
}

fn meshed(house: &House, host: &str) {
    house.server.edit(CANARY, |canary| {
        canary["spec"]["provider"] = json!("istio");
        canary["spec"]["service"] = json!({"port": 80, "targetPort": 8080, "hosts": [host]});
    });
}

#[tokio::test(start_paused = true)]
async fn a_new_app_is_not_built_for_a_host_of_another_namespaces_service() {
    let house = House::new().await;
    meshed(&house, "pay.bank.svc.cluster.local");
    let Err(Stop::Unreleased(why)) = snapshot::snapshot(&house.context, &house.turn()).await else {
        panic!("its route would take the requests of others");
    };
    assert!(why.contains("namespace bank"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_serves_goes_on_without_a_new_route_for_such_a_host_which_is_told_once() {
    let mut house = House::new().await;
    house.all().await;
    meshed(&house, "pay.prod.svc.example.com");
    assert!(house.pair(&house.turn()).await.blueprint.route.is_some());
    meshed(&house, "pay.bank.svc.cluster.local");
    for _ in 0..2 {
        let pair = house.pair(&house.turn()).await;
        assert!(pair.live.primary.is_some() && pair.state.stage == Stage::Rest);
        assert_eq!(pair.blueprint.route, None);
    }
    let said = fake::said(&mut house.told).await;
    let said: Vec<&String> = said.iter().filter(|line| line.contains("namespace bank")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_was_made_for_such_a_host_before_is_kept_up() {
    const ROUTE: &str = "/apis/networking.istio.io/v1/namespaces/web/virtualservices/shop";
    let house = House::new().await;
    house.all().await;
    meshed(&house, "pay.bank.svc.cluster.local");
    let half = |name: &str, weight: u8| json!({"destination": {"host": name}, "weight": weight});
    let made = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "shop", "namespace": "web", "labels": {labels::GENERATED: "true"}},
        "spec": {
            "hosts": ["pay.bank.svc.cluster.local", "shop"], "gateways": ["mesh"],
            "http": [{"route": [half("shop-primary", 100), half("shop-canary", 0)]}]},
    });
    house.server.put(ROUTE, made);
    fake::settled().await;
    assert!(house.pair(&house.turn()).await.blueprint.route.is_some());
}
