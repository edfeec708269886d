//! What becomes of a Canary when the API server cannot list a kind of objects.

use super::super::*;
use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{
    controller::{context::fake, watch::informers::cache::Kind},
    routing::Provider,
};
use serde_json::Value;

const STATUS: &str = "PUT /apis/flagger.app/v1beta1/namespaces/web/canaries/shop/status";
/// Longer than it takes until people are told, and than the lists of a server that has healed take.
const LONG: Duration = Duration::from_secs(90);

fn routes() -> Kind {
    Kind::routes().find(|kind| kind.is_first_route()).unwrap()
}

fn ready(house: &House) -> Value {
    let conditions = house.condition("/status/conditions");
    let mut all = conditions.as_array().unwrap().iter();
    all.find(|condition| condition["type"] == "Ready").unwrap().clone()
}

fn stalled(house: &House) -> bool {
    let conditions = house.condition("/status/conditions");
    let mut all = conditions.as_array().unwrap().iter();
    all.any(|condition| condition["type"] == "Stalled" && condition["reason"] == "NotRead")
}

// Whoever needs `kind` is told once, does nothing meanwhile, and goes on by itself.
async fn waits_for(kind: Kind) {
    let mut house = House::new().await;
    house.all().await;
    let (run, phase) = (house.condition("/status/run"), house.condition("/status/phase"));
    fake::said(&mut house.told).await;
    fake::cannot_list(&house.context, &house.server, "web", kind);
    house
        .edit("shop", |app| {
            app["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:2".into()
        })
        .await;
    assert_eq!(house.step().await, Vec::<String>::new(), "{kind:?}: it may pass");
    tokio::time::sleep(LONG).await;
    assert_eq!(house.step().await, [STATUS], "{kind:?}");
    assert_eq!(
        (ready(&house)["reason"].as_str(), stalled(&house)),
        (Some("NotRead"), true)
    );
    let message = ready(&house)["message"].as_str().unwrap().to_owned();
    let named = format!("objects of kind {} ", kind.resource().kind);
    assert!(message.contains(&named), "{message}");
    assert!(
        message.ends_with("cannot be listed: 500 the conversion webhook is away"),
        "{message}"
    );
    assert_eq!(fake::said(&mut house.told).await, [message]);
    assert_eq!(
        (house.condition("/status/run"), house.condition("/status/phase")),
        (run, phase)
    );
    assert_eq!(house.step().await, Vec::<String>::new(), "{kind:?}: once is enough");
    house.server.heal();
    tokio::time::sleep(LONG).await;
    assert!(house.step().await.contains(&STATUS.to_owned()), "{kind:?}");
    assert!(ready(&house)["reason"] != "NotRead" && !stalled(&house), "{kind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_canary_whose_routes_cannot_be_listed_waits_and_says_so() {
    waits_for(routes()).await;
}

#[tokio::test(start_paused = true)]
async fn what_every_canary_needs_keeps_all_of_them_waiting_and_they_say_so() {
    waits_for(Kind::Service).await;
}

#[tokio::test(start_paused = true)]
async fn routes_of_other_providers_that_cannot_be_listed_keep_nobody_waiting() {
    let house = House::new().await;
    let foreign = |kind: &Kind| matches!(kind, Kind::Route(resource) if !Provider::STANDARD.writes_kind(*resource));
    let foreign: Vec<Kind> = Kind::routes().filter(foreign).collect();
    assert!(foreign.len() > 1);
    for kind in foreign {
        fake::cannot_list(&house.context, &house.server, "web", kind);
    }
    assert_eq!(house.step().await, Vec::<String>::new(), "it may pass");
    tokio::time::sleep(LONG).await;
    let all = house.all().await;
    assert!(all.contains(&format!("POST {DEPLOYMENTS}")), "{all:#?}");
    assert_eq!(house.condition("/status/phase"), "Initialized");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_stepped_gets_conditions_and_no_record() {
    let house = House::new().await;
    fake::cannot_list(&house.context, &house.server, "web", Kind::Service);
    tokio::time::sleep(LONG).await;
    assert_eq!(house.step().await, [STATUS]);
    assert_eq!(ready(&house)["reason"], "NotRead");
    assert_eq!(house.condition("/status/run"), Value::Null);
    // Told once, it is not asked for again, however often it is looked at.
    assert_eq!(house.step().await, Vec::<String>::new());
    let asked = house.server.log.lock().clone();
    assert!(!asked.iter().any(|one| one.starts_with("GET ")), "{asked:?}");
    house.server.heal();
    tokio::time::sleep(LONG).await;
    house.all().await;
    assert_eq!(house.condition("/status/phase"), "Initialized");
}

#[tokio::test(start_paused = true)]
async fn an_app_is_not_given_back_while_its_routes_are_not_known() {
    let house = House::new().await;
    house.all().await;
    fake::cannot_list(&house.context, &house.server, "web", routes());
    house.server.edit(CANARY, |canary| {
        canary["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:10Z".into();
        canary["spec"]["revertOnDeletion"] = true.into();
    });
    tokio::time::sleep(LONG).await;
    assert_eq!(house.step().await, [STATUS], "it is told, and nothing is taken apart");
    assert!(house.server.get(&format!("{DEPLOYMENTS}/shop-primary")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_although_what_every_canary_needs_cannot_be_listed_there() {
    let house = House::new().await;
    house.all().await;
    fake::cannot_list(&house.context, &house.server, "web", Kind::Service);
    house.server.edit(CANARY, |canary| {
        canary["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:10Z".into();
    });
    assert_eq!(house.step().await, Vec::<String>::new(), "an app is to be given back");
    fake::terminates(&house.context, "web");
    assert_eq!(house.step().await, [format!("PATCH {CANARY}")]);
    assert!(house.server.get(CANARY).is_none(), "nobody holds it any more");
}
