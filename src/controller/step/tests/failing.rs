//! What people see of a Canary whose steps fail for hours by what may go by itself.

use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{analysis::State, controller::context::fake, testing::ApiServer};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const CONFIG: &str = "/api/v1/namespaces/web/configmaps/settings";

/// A pair at rest, and what was said of it until then is over.
async fn paired() -> House {
    let mut house = House::new().await;
    house.all().await;
    fake::said(&mut house.told).await;
    house
}

fn recorded(written: &[String]) -> usize {
    let record = format!("PUT {CANARY}/status");
    written.iter().filter(|line| **line == record).count()
}

/// A step each minute, and how often the status was written.
async fn minutes(house: &House, minutes: usize) -> usize {
    let mut writes = 0;
    for _ in 0..minutes {
        writes += recorded(&house.step().await);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    writes
}

fn said_by_conditions(house: &House) -> Option<(Value, String)> {
    let conditions = house.condition("/status/conditions");
    let ready = conditions
        .as_array()?
        .iter()
        .find(|one| one["type"] == "Ready")?
        .clone();
    let message = ready["message"].as_str()?.to_owned();
    (ready["reason"] == "ApiErrors").then(|| (ready["status"].clone(), message))
}

fn new_image(target: &mut Value) {
    target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_for_hours_is_in_the_conditions_and_told_every_ten_minutes() {
    let mut house = paired().await;
    let write = format!("PATCH {DEPLOYMENTS}/shop");
    let fails = |house: &House, port: usize| {
        house.server.heal();
        let words = format!("failed calling webhook \"kyverno\": reset by peer of port {port}");
        house.server.refuse(&write, 500, &words, ApiServer::ALWAYS);
    };
    fails(&house, 0);
    house.edit("shop", new_image).await;
    for _ in 0..3 {
        house.step().await;
    }
    assert_eq!(said_by_conditions(&house), None, "it may still go by itself");
    let said = fake::said(&mut house.told).await;
    let first =
        |text: &&String| text.starts_with("Cannot go on for now: failed to ") && text.contains("Deployment shop: ");
    assert_eq!(said.iter().filter(first).count(), 1, "{said:?}");

    minutes(&house, 2).await;
    let (status, message) = said_by_conditions(&house).unwrap();
    assert_eq!(status, "False");
    assert!(message.starts_with("Cannot go on since "), "{message}");
    assert!(message.contains("failed calling webhook") && message.ends_with("tried again every 60 s"));
    fake::said(&mut house.told).await;
    // Each error has other words.
    let mut writes = 0;
    for port in 1..=30 {
        fails(&house, port);
        writes += minutes(&house, 1).await;
    }
    assert!((1..=3).contains(&writes), "{writes} in half an hour");
    let said = fake::said(&mut house.told).await;
    assert!(
        said.iter().all(|text| text.starts_with("Cannot go on since ")),
        "{said:?}"
    );
    assert!((3..=6).contains(&said.len()), "{said:?}");

    house.server.heal();
    for _ in 0..3 {
        house.step().await;
    }
    assert_eq!(said_by_conditions(&house), None);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_before_it_is_recorded_is_in_the_conditions_too() {
    let house = paired().await;
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "web"}, "data": {"key": "value"},
    });
    house.server.put(CONFIG, config);
    let read = format!("GET {CONFIG}");
    house.server.refuse(&read, 500, "etcd is ill", ApiServer::ALWAYS);
    let reads = |target: &mut Value| {
        target["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
            json!([{"configMapRef": {"name": "settings"}}]);
    };
    house.edit("shop", reads).await;
    let writes = minutes(&house, 8).await;
    let (_, message) = said_by_conditions(&house).unwrap();
    assert!(message.contains("etcd is ill"), "{message}");
    assert_eq!(writes, 1, "and nothing else is written");
    house.server.heal();
    house.all().await;
    assert_eq!(said_by_conditions(&house), None);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_busy_is_not_asked_to_take_events_about_it() {
    let mut house = paired().await;
    let write = format!("PATCH {DEPLOYMENTS}/shop");
    house.server.refuse(&write, 429, "too many requests", ApiServer::ALWAYS);
    house.edit("shop", new_image).await;
    minutes(&house, 1).await;
    let said = fake::said(&mut house.told).await;
    assert!(!said.iter().any(|text| text.contains("too many requests")), "{said:?}");
}

/// Steps for as long as each writes the status, which is a reason for another; how often it was written.
async fn restless(house: &House) -> usize {
    let mut writes = 0;
    while writes < 20 {
        let written = recorded(&house.step().await);
        if written == 0 {
            break;
        }
        writes += written;
    }
    writes
}

#[tokio::test(start_paused = true)]
async fn what_matters_more_than_writes_that_fail_is_said_by_the_conditions_and_nothing_else_in_turn() {
    let house = House::new().await;
    let create = format!("POST {DEPLOYMENTS}");
    house.server.refuse(&create, 500, "etcd is ill", ApiServer::ALWAYS);
    for _ in 0..4 {
        house.step().await;
    }
    // The pair has lacked pods for long.
    let past = Timestamp::now() - SignedDuration::from_secs(3600);
    let lacking = State {
        stalled: Some(past),
        ..State::new(past)
    };
    house
        .context
        .memory
        .of(&house.key, |canary| canary.timers.note_lack(&lacking));
    let mut writes = 0;
    for _ in 0..12 {
        writes += restless(&house).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!((1..=2).contains(&writes), "{writes} in two minutes");
    assert!(!house.server.sent(&create).is_empty());
    let conditions = house.condition("/status/conditions").to_string();
    assert!(conditions.contains("NotBuilt"), "{conditions}");
    assert_eq!(said_by_conditions(&house), None);
}
