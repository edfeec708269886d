//! A Canary that was stored before there were limits.

use super::house::{CANARY, House};
use crate::controller::context::fake;
use serde_json::{Value, json};

fn ready(house: &House) -> Value {
    let conditions = house.condition("/status/conditions");
    let mut all = conditions.as_array().unwrap().iter();
    all.find(|condition| condition["type"] == "Ready").unwrap().clone()
}

fn new_image(target: &mut Value) {
    target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
}

fn metrics(house: &House, count: usize) {
    let one = json!({"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}});
    house.server.edit(CANARY, |canary| {
        canary["spec"]["analysis"]["metrics"] = json!(vec![one; count]);
    });
}

#[tokio::test(start_paused = true)]
async fn no_step_is_done_of_it_and_it_says_why_once() {
    let mut house = House::new().await;
    house.all().await;
    fake::said(&mut house.told).await;
    metrics(&house, 65);
    house.edit("shop", new_image).await;
    let status = format!("PUT {CANARY}/status");
    assert_eq!(house.step().await, [status]);
    assert_eq!(ready(&house)["reason"], "NotReleased");
    let message = ready(&house)["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("spec.analysis.metrics: Too many: must have at most 64 items"),
        "{message}"
    );
    assert_eq!(fake::said(&mut house.told).await, [message]);
    assert_eq!(house.step().await, Vec::<String>::new());
    metrics(&house, 1);
    assert!(!house.step().await.is_empty(), "it goes on by itself");
    assert_ne!(ready(&house)["reason"], "NotReleased");
}

#[tokio::test(start_paused = true)]
async fn its_app_is_given_back_all_the_same() {
    let house = House::new().await;
    house.all().await;
    metrics(&house, 65);
    house.step().await;
    assert_eq!(ready(&house)["reason"], "NotReleased");
    house.server.edit(CANARY, |canary| {
        canary["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:10Z".into();
    });
    assert!(!house.step().await.is_empty());
    assert_ne!(ready(&house)["reason"], "NotReleased");
}
