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
    assert!(pair.blueprint.provider == Provider::KUBERNETES && pair.live.primary.is_some());
}

#[tokio::test(start_paused = true)]
async fn no_route_is_made_for_a_host_of_another_namespaces_service_and_one_that_is_there_stays() {
    const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop";
    let house = House::new().await;
    house.all().await;
    let alien = json!(["pay.bank.svc.cluster.local"]);
    house
        .server
        .edit(CANARY, |canary| canary["spec"]["service"]["hosts"] = alien.clone());
    let Err(Stop::Unreleased(why)) = snapshot::snapshot(&house.context, &house.turn()).await else {
        panic!("its route would take the requests of others");
    };
    assert!(why.contains("namespace bank"), "{why}");
    house
        .server
        .edit(ROUTE, |route| route["spec"]["hostnames"] = alien.clone());
    fake::settled().await;
    house.pair(&house.turn()).await;
}
