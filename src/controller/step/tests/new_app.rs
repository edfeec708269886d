//! One whole new app, from a Deployment and a Canary to a pair that serves and rests.

use super::super::*;
use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{controller::context::fake, testing::ApiServer};
use serde_json::{Value, json};

const CANARIES: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries";
const SERVICES: &str = "/api/v1/namespaces/web/services";
const HISTORY: &str = "/apis/apps/v1/namespaces/web/controllerrevisions";
const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop";

fn at(all: &[String], line: &str) -> usize {
    all.iter()
        .position(|one| one == line)
        .unwrap_or_else(|| panic!("no {line} in {all:#?}"))
}

fn last(all: &[String], line: &str) -> usize {
    all.len()
        - 1
        - all
            .iter()
            .rev()
            .position(|one| one == line)
            .unwrap_or_else(|| panic!("no {line} in {all:#?}"))
}

#[tokio::test(start_paused = true)]
async fn its_pair_is_made_in_an_order_in_which_nobody_is_ever_without_an_answer() {
    let mut house = House::new().await;
    let all = house.all().await;
    // It is held before anything is written for it, and every decision is recorded before it is carried out.
    assert_eq!(at(&all, &format!("PATCH {CANARY}")), 0, "{all:#?}");
    let recorded = at(&all, &format!("PUT {CANARY}/status"));
    let order = [
        recorded,
        at(&all, &format!("PATCH {DEPLOYMENTS}/shop")),
        at(&all, &format!("POST {HISTORY}")),
        at(&all, &format!("PATCH {SERVICES}/shop-primary")),
        at(&all, &format!("POST {DEPLOYMENTS}")),
        at(&all, &format!("PATCH {SERVICES}/shop")),
        at(&all, &format!("PATCH {ROUTE}")),
        last(&all, &format!("PATCH {ROUTE}")),
        last(&all, &format!("PATCH {DEPLOYMENTS}/shop")),
    ];
    assert!(order.is_sorted(), "{order:?} {all:#?}");

    let primary = house.server.get(&format!("{DEPLOYMENTS}/shop-primary")).unwrap();
    assert_eq!(primary["spec"]["replicas"], 2);
    assert_eq!(
        primary["spec"]["selector"]["matchLabels"],
        json!({"app": "shop-primary"})
    );
    assert_eq!(primary["spec"]["template"]["spec"]["containers"][0]["image"], "shop:1");
    assert_eq!(
        primary["metadata"]["ownerReferences"][0]["uid"],
        house.condition("/metadata/uid")
    );
    let target = house.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 0, "it rests");
    assert_eq!(target["metadata"]["labels"]["coalmine.dev/desired-replicas"], "2");
    let apex = house.server.get(&format!("{SERVICES}/shop")).unwrap();
    assert_eq!(apex["spec"]["selector"], json!({"app": "shop-primary"}));
    let route = house.server.get(ROUTE).unwrap();
    let backends = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    let weight = |name: &str| backends.iter().find(|one| one["name"] == name).unwrap()["weight"].clone();
    assert_eq!((weight("shop-primary"), weight("shop-canary")), (json!(100), json!(0)));
    assert_eq!(house.condition("/status/phase"), "Initialized");
    let said = fake::said(&mut house.told).await;
    assert!(
        said.iter().any(|text| text.contains("Initialization done! shop.web")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn traffic_does_not_move_before_primary_has_pods_that_can_answer() {
    let house = House::new().await;
    // The cluster makes no pods.
    for _ in 0..8 {
        house.step().await;
    }
    assert!(house.server.get(&format!("{DEPLOYMENTS}/shop-primary")).is_some());
    assert_eq!(house.condition("/status/phase"), "Initializing");
    let apex = house.server.get(&format!("{SERVICES}/shop")).unwrap();
    assert_eq!(apex["spec"]["selector"], json!({"app": "shop"}));
    let target = house.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_rests_asks_nothing_of_the_api_server() {
    let house = House::new().await;
    house.all().await;
    house.step().await;
    assert_eq!(*house.server.log.lock(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_leaves_no_room_for_primary_is_told_once_and_goes_by_itself() {
    let mut house = House::new().await;
    let create = format!("POST {DEPLOYMENTS}");
    house
        .server
        .refuse(&create, 403, "exceeded quota: room", ApiServer::ALWAYS);
    for _ in 0..12 {
        house.step().await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let tried = house.server.sent(&create).len();
    assert!((1..=3).contains(&tried), "{tried} times within three seconds");
    let said = fake::said(&mut house.told).await;
    let refused = "Cannot go on, the API server refuses to create Deployment shop-primary: exceeded quota: room";
    assert_eq!(said.iter().filter(|text| *text == refused).count(), 1, "{said:?}");
    let conditions = house.condition("/status/conditions").to_string();
    assert!(conditions.contains("exceeded quota: room"), "{conditions}");
    let target = house.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 2, "it serves meanwhile");

    house.server.heal();
    tokio::time::sleep(Duration::from_secs(60)).await;
    house.all().await;
    assert_eq!(house.condition("/status/phase"), "Initialized");
    let conditions = house.condition("/status/conditions").to_string();
    assert!(!conditions.contains("exceeded quota"), "{conditions}");
}

#[tokio::test(start_paused = true)]
async fn who_looks_at_the_deployment_sees_there_too_that_it_is_not_released_as_a_canary() {
    let mut house = House::new().await;
    let create = format!("POST {DEPLOYMENTS}");
    house
        .server
        .refuse(&create, 403, "exceeded quota: room", ApiServer::ALWAYS);
    for _ in 0..6 {
        house.step().await;
    }
    let all = std::iter::from_fn(|| house.told.try_recv().ok());
    let unbuilt = all.filter(|one| one.message.starts_with("shop-primary.web cannot be built"));
    let of: Vec<String> = unbuilt.filter_map(|one| one.object.kind).collect();
    assert_eq!(of, ["Canary", "Deployment"]);
}

// What a step by the Canary that is stored answers, some time after the last.
async fn next(house: &House) -> Next {
    tokio::time::advance(Duration::from_secs(60)).await;
    fake::learn(&house.context, house.server.get(CANARY).unwrap());
    let next = step(house.context.clone(), house.key.clone()).await;
    fake::settled().await;
    next
}

#[tokio::test(start_paused = true)]
async fn whoever_has_nothing_to_do_rests_and_whoever_writes_or_records_does_not() {
    let house = House::new().await;
    assert!(!next(&house).await.rests, "a pair is to be built");
    house.all().await;
    assert!(next(&house).await.rests);
    house
        .server
        .edit(CANARY, |canary| canary["status"]["conditions"] = json!([]));
    house.server.log.lock().clear();
    assert!(!next(&house).await.rests);
    assert_eq!(
        house.server.writes(),
        [format!("PUT {CANARY}/status")],
        "it is recorded anew"
    );
    assert!(next(&house).await.rests);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_meanwhile_is_looked_at_again_and_not_written_over() {
    let house = House::new().await;
    house.step().await;
    // The step sees a Canary that is older than the stored one.
    let seen = house.server.get(CANARY).unwrap();
    fake::learn(&house.context, seen);
    house
        .server
        .edit(CANARY, |canary| canary["metadata"]["labels"] = json!({"team": "red"}));
    house.server.log.lock().clear();
    let next = step(house.context.clone(), house.key.clone()).await;
    assert_eq!(next, Some(Duration::from_millis(200)).into());
    assert_eq!(
        house.server.writes(),
        [format!("PUT {CANARY}/status")],
        "nothing that is not recorded"
    );
    assert_eq!(house.server.under(CANARIES).len(), 1);
    assert_eq!(house.condition("/status"), Value::Null);
}
