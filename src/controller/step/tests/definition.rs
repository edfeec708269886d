//! A definition of Canaries that was applied anew by somebody else, and does not know what is recorded.

use super::super::step;
use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{
    api::{crds, labels},
    controller::{context::fake, watch::informers::cache::Kind},
    routing::registry,
    testing::ApiServer,
};
use serde_json::{Value, json};
use std::time::Duration;

const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/canaries.flagger.app";

fn ours() -> Value {
    let mut all = crds::all(&registry::names()).into_iter();
    let canary = all.find(|crd| crd.spec.names.kind == "Canary").unwrap();
    serde_json::to_value(canary).unwrap()
}

fn flaggers() -> Value {
    let mut definition = ours();
    let status = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties");
    status.unwrap().as_object_mut().unwrap().remove("run").unwrap();
    definition
}

fn without_record(canary: &mut Value) {
    canary["status"].as_object_mut().unwrap().remove("run").unwrap();
}

fn new_image(target: &mut Value) {
    target["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
}

/// A pair at rest, and what was said of it until then is over.
async fn paired() -> House {
    let mut house = House::new().await;
    house.all().await;
    fake::said(&mut house.told).await;
    house
}

/// A step by a Canary that was seen so: when the next one is due, and what was written.
async fn step_by(house: &House, seen: Value) -> (Option<Duration>, Vec<String>) {
    house.server.log.lock().clear();
    fake::learn(&house.context, seen);
    let wake = step(house.context.clone(), house.key.clone()).await.wake;
    fake::settled().await;
    (wake, house.server.writes())
}

fn tells_the_way_out(said: &[String]) {
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["canaries.flagger.app", "status.run", "kubectl apply --server-side"] {
        assert!(said[0].contains(part), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_hidden_is_not_written_over_and_the_way_out_is_told() {
    let mut house = paired().await;
    let run = house.condition("/status/run");
    house.server.put(DEFINITION, flaggers());
    house.server.edit(CANARY, without_record);
    house.edit("shop", new_image).await;
    for _ in 0..3 {
        assert_eq!(house.step().await, Vec::<String>::new());
    }
    tells_the_way_out(&fake::said(&mut house.told).await);
    let failures = "coalmine_step_failures_total{cause=\"definition\"} 3\n";
    assert!(house.context.effects.metrics.render().contains(failures));
    house.server.put(DEFINITION, ours());
    house
        .server
        .edit(CANARY, |canary| canary["status"]["run"] = run.clone());
    assert!(!house.step().await.is_empty(), "it goes on where it was");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_is_not_done() {
    let mut house = paired().await;
    let record = format!("PUT {CANARY}/status");
    let mut pruned = house.server.get(CANARY).unwrap();
    without_record(&mut pruned);
    house.server.put(DEFINITION, flaggers());
    house.server.faults.lock().push((record.clone(), (200, pruned), 1));
    house.edit("shop", new_image).await;
    assert_eq!(house.step().await, [record]);
    tells_the_way_out(&fake::said(&mut house.told).await);
}

#[tokio::test(start_paused = true)]
async fn a_status_of_flaggers_is_taken_over_where_the_definition_is_ours() {
    let house = paired().await;
    house.server.put(DEFINITION, ours());
    house.server.edit(CANARY, without_record);
    house.all().await;
    assert_ne!(house.condition("/status/run"), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_stored_record_is_not_written_over_by_what_was_seen_while_it_was_hidden() {
    let house = paired().await;
    house.server.put(DEFINITION, ours());
    house.edit("shop", new_image).await;
    let mut seen = house.server.get(CANARY).unwrap();
    without_record(&mut seen);
    let waits = (Some(Duration::from_secs(2)), Vec::new());
    for looks in [1, 0] {
        assert_eq!(step_by(&house, seen.clone()).await, waits);
        assert_eq!(
            house.server.requests_for(DEFINITION),
            looks,
            "what was read lately serves"
        );
        assert_eq!(house.server.requests_for(CANARY), 1, "and never instead of the Canary");
    }
    assert!(!house.step().await.is_empty(), "it goes on where it was");
}

#[tokio::test(start_paused = true)]
async fn nor_by_what_is_said_of_objects_that_cannot_be_listed() {
    let house = paired().await;
    house.server.put(DEFINITION, ours());
    fake::cannot_list(&house.context, &house.server, "web", Kind::Service);
    tokio::time::sleep(Duration::from_secs(90)).await;
    let mut seen = house.server.get(CANARY).unwrap();
    without_record(&mut seen);
    let (_, written) = step_by(&house, seen).await;
    assert_eq!(written, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn for_a_moment_after_ours_is_there_again_the_api_server_is_not_believed_either() {
    let house = paired().await;
    house.server.put(DEFINITION, flaggers());
    house.server.edit(CANARY, without_record);
    assert_eq!(house.step().await, Vec::<String>::new());
    house.server.put(DEFINITION, ours());
    assert_eq!(house.step().await, Vec::<String>::new(), "it may hide the record still");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!house.step().await.is_empty(), "there is none");
}

#[tokio::test(start_paused = true)]
async fn a_new_app_is_not_held_for_a_pair_that_cannot_be_recorded() {
    let (target, record) = (format!("{DEPLOYMENTS}/shop"), format!("PUT {CANARY}/status"));
    let house = House::with(|server| {
        server.put(DEFINITION, flaggers());
        server.edit(&target, |target| {
            target["metadata"]["labels"] = json!({
                labels::MANAGED: "true", labels::STATE: "cold", labels::DESIRED_REPLICAS: "2",
            });
            target["spec"]["replicas"] = json!(0);
        });
    })
    .await;
    let mut pruned = house.server.get(CANARY).unwrap();
    pruned["status"] = json!({"phase": "Initializing"});
    house
        .server
        .faults
        .lock()
        .push((record, (200, pruned), ApiServer::ALWAYS));
    let mut written = Vec::new();
    for _ in 0..3 {
        written.extend(house.step().await);
    }
    let freed = format!("PATCH {target}");
    let times = written.iter().filter(|line| **line == freed).count();
    assert_eq!(times, 1, "{written:?}");
    let serves = house.server.get(&target).unwrap();
    assert_eq!(serves["spec"]["replicas"], 2);
    assert_eq!(serves["metadata"]["labels"][labels::STATE], "hot");
}
