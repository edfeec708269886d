//! A whole app that comes in and leaves by a route of its author's, whose data plane hears of routes and of Services apart.

use super::house::{CANARY, DEPLOYMENTS, House};
use crate::controller::context::fake;
use serde_json::{Value, json};

const FRONT: &str = "/apis/projectcontour.io/v1/namespaces/web/httpproxies/front";

fn to(name: &str, weight: u64) -> Value {
    json!({"name": name, "port": 80, "weight": weight})
}

fn front() -> Value {
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "front", "namespace": "web"},
        "spec": {"virtualhost": {"fqdn": "shop.test"}, "routes": [
            {"timeoutPolicy": {"response": "5s"}, "services": [to("shop", 3), to("old", 1)]},
        ]},
    })
}

async fn house() -> House {
    let house = House::new().await;
    house
        .server
        .edit(CANARY, |canary| canary["spec"]["provider"] = json!("contour"));
    house.server.put(FRONT, front());
    fake::settled().await;
    house
}

// To what the route leads, whenever that is another thing, until nothing is written any more.
async fn ways(house: &House) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for _ in 0..40 {
        if house.server.get(CANARY).is_none() {
            return all;
        }
        let written = house.step().await;
        let route = house.server.get(FRONT).unwrap();
        let services = &route["spec"]["routes"][0]["services"];
        if all.last() != Some(services) {
            all.push(services.clone());
        }
        if written.is_empty() {
            return all;
        }
        house.pods().await;
    }
    panic!("it never rests: {all:#?}");
}

#[tokio::test(start_paused = true)]
async fn its_services_are_named_one_write_before_and_one_write_after_they_are_used() {
    let house = house().await;
    let (primary, canary, old) = (to("shop-primary", 300), to("shop-canary", 0), to("old", 100));
    let outside = json!([to("shop", 300), to("shop-primary", 0), canary, old]);
    let inside = json!([primary, canary, old, to("shop", 0)]);
    let rest = json!([primary, canary, old]);
    let mine = json!([to("shop", 3), to("old", 1)]);
    assert_eq!(
        ways(&house).await,
        [mine.clone(), outside.clone(), inside.clone(), rest.clone()]
    );
    assert_eq!(house.condition("/status/phase"), "Initialized");
    house.server.edit(CANARY, |canary| {
        canary["metadata"]["deletionTimestamp"] = json!("2026-12-02T10:00:00Z");
    });
    let left = ways(&house).await;
    let seen: Vec<&Value> = left.iter().filter(|way| **way != rest).collect();
    assert_eq!(seen, [&inside, &outside, &mine]);
    assert_eq!(house.server.get(FRONT).unwrap()["spec"], front()["spec"]);
    assert_eq!(house.server.get(CANARY), None);
    assert_eq!(house.server.get(&format!("{DEPLOYMENTS}/shop-primary")), None);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_to_halves_while_the_gateway_says_that_it_is_behind() {
    let house = house().await;
    let seen = |generation: Value| {
        let valid = json!({"type": "Valid", "status": "True", "observedGeneration": generation});
        house
            .server
            .edit(FRONT, |route| route["status"] = json!({"conditions": [valid]}));
    };
    seen(json!(1));
    fake::settled().await;
    for _ in 0..8 {
        house.step().await;
        house.pods().await;
    }
    let generation = house.server.get(FRONT).unwrap()["metadata"]["generation"].clone();
    assert_eq!(generation, 2, "the halves are named");
    assert_eq!(house.condition("/status/phase"), "Initializing");
    let services = house.server.get(FRONT).unwrap()["spec"]["routes"][0]["services"].clone();
    assert_eq!(services[0], to("shop", 300));
    seen(generation);
    fake::settled().await;
    house.step().await;
    let services = house.server.get(FRONT).unwrap()["spec"]["routes"][0]["services"].clone();
    assert_eq!(services[0], to("shop-primary", 300));
}
