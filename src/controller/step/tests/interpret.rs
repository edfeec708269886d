//! What the objects of a pair mean, with what is recorded and remembered of it.

use super::super::*;
use super::house::{CANARY, House};
use crate::{
    analysis::{Rollout, Stage},
    api::labels,
    controller::context::memory::primary::Primary,
    routing::Traffic,
    testing::ApiServer,
};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_primary_that_somebody_else_changed_is_not_ready_unless_it_is_being_made() {
    let house = House::new().await;
    house.all().await;
    let turn = house.turn();
    let seen = async |stage: Stage| {
        // As after a restart, when the record alone tells what primary was.
        house
            .context
            .memory
            .of(&house.key, |canary| canary.primary = Primary::default());
        let mut pair = house.pair(&turn).await;
        pair.state.stage = stage;
        let seen = interpret::interpret(&house.context, &turn, &pair).await;
        let primary = seen.primary.unwrap();
        (primary.edited, primary.rollout)
    };
    assert_eq!(seen(Stage::Rest).await, (false, Rollout::Ready));
    let image = |primary: &mut serde_json::Value| {
        primary["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:theirs");
    };
    house.edit("shop-primary", image).await;
    let (edited, rollout) = seen(Stage::Rest).await;
    assert!(edited);
    assert_eq!(
        rollout,
        Rollout::Waiting("somebody else changed its template".to_owned())
    );
    let (edited, _) = seen(Stage::Replacing).await;
    assert!(!edited, "the record is of the one before");
}

#[tokio::test(start_paused = true)]
async fn only_an_app_that_nobody_chose_to_pair_is_asked_whether_it_can_stand_beside_primary() {
    let house = House::new().await;
    house
        .edit("shop", |target| {
            target["spec"]["strategy"] = json!({"type": "Recreate"})
        })
        .await;
    let apart = async || {
        let turn = house.turn();
        let pair = house.pair(&turn).await;
        let seen = interpret::interpret(&house.context, &turn, &pair).await;
        seen.target.unwrap().apart
    };
    assert_eq!(apart().await, None, "its author wrote a Canary");
    house.server.edit(CANARY, |canary| {
        canary["metadata"]["labels"] = json!({labels::GENERATED: "true"});
        canary["metadata"]["annotations"] = json!({labels::TARGET_UID: "uid-of-shop"});
    });
    let why = apart().await.unwrap();
    assert!(why.contains("Recreate"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn pods_are_asked_why_they_do_not_start_only_once_they_are_late() {
    let house = House::new().await;
    let stuck = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"});
    house.server.put(
        "/api/v1/namespaces/web/pods",
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [
            {"metadata": {"name": "shop-1", "namespace": "web"}, "status": {"conditions": [stuck]}},
        ]}),
    );
    // More than there are.
    house.edit("shop", |target| target["spec"]["replicas"] = json!(5)).await;
    let turn = house.turn();
    let a_minute_ago = turn.now - SignedDuration::from_mins(1);
    for (stage, since, late) in [
        (Stage::Rest, Timestamp::UNIX_EPOCH, false),
        (Stage::Scaling, a_minute_ago, false),
        (Stage::Scaling, Timestamp::UNIX_EPOCH, true),
        (Stage::LeavingScale, turn.now, false),
        (Stage::LeavingScale, a_minute_ago, true),
    ] {
        let mut pair = house.pair(&turn).await;
        (pair.state.stage, pair.state.since) = (stage, since);
        let seen = interpret::interpret(&house.context, &turn, &pair).await;
        let trouble = late.then(|| "pod shop-1: Unschedulable: no room".to_owned());
        assert_eq!(seen.target.unwrap().trouble, trouble, "{} {since}", stage.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_profile_that_has_routes_passed_over_is_looked_for_while_a_revision_is_shown() {
    let house = House::new().await;
    house
        .server
        .edit(CANARY, |canary| canary["spec"]["provider"] = json!("linkerd"));
    house.all().await;
    house.server.put(
        "/apis/linkerd.io/v1alpha2/namespaces/web/serviceprofiles/shop.web.svc.cluster.local",
        json!({
            "apiVersion": "linkerd.io/v1alpha2", "kind": "ServiceProfile",
            "metadata": {"name": "shop.web.svc.cluster.local", "namespace": "web"},
        }),
    );
    let turn = house.turn();
    let told = async |stage: Stage, share: u8| {
        let mut pair = house.pair(&turn).await;
        (pair.state.stage, pair.state.intent) = (stage, Traffic::share(share));
        interpret::interpret(&house.context, &turn, &pair).await.bypassed
    };
    let why = told(Stage::Analysing, 20).await.unwrap();
    assert!(why.starts_with("ServiceProfile shop.web.svc.cluster.local"), "{why}");
    assert_eq!(told(Stage::Analysing, 0).await, None);
    assert_eq!(told(Stage::Rest, 20).await, None);
}

#[tokio::test(start_paused = true)]
async fn service_profiles_are_read_a_few_at_once_and_not_by_every_step_and_an_error_changes_nothing() {
    const PROFILES: &str = "/apis/linkerd.io/v1alpha2/namespaces/web/serviceprofiles";
    let house = House::new().await;
    house
        .server
        .edit(CANARY, |canary| canary["spec"]["provider"] = json!("linkerd"));
    house.all().await;
    let put = |of: &str| {
        let name = format!("{of}.web.svc.cluster.local");
        let profile = json!({
            "apiVersion": "linkerd.io/v1alpha2", "kind": "ServiceProfile", "metadata": {"name": name, "namespace": "web"},
        });
        let path = format!("{PROFILES}/{name}");
        house.server.put(&path, profile);
        path
    };
    for n in 0..20 {
        put(&format!("app-{n:02}"));
    }
    let ours = put("shop");
    let turn = house.turn();
    let told = async || {
        house.server.pages.lock().clear();
        let mut pair = house.pair(&turn).await;
        (pair.state.stage, pair.state.intent) = (Stage::Analysing, Traffic::share(20));
        let why = interpret::interpret(&house.context, &turn, &pair).await.bypassed;
        let pages = house.server.pages.lock().clone();
        (why.is_some(), pages)
    };
    let page = (PROFILES.to_owned(), Some(16));
    assert_eq!(told().await, (true, vec![page.clone(); 2]));
    assert_eq!(told().await, (true, Vec::new()), "what was found lately serves");
    let lately = Duration::from_secs(15);
    house.server.fail(&format!("GET {PROFILES}"), 500, ApiServer::ALWAYS);
    tokio::time::sleep(lately).await;
    assert_eq!(told().await, (true, vec![page.clone()]));
    house.server.heal();
    house.server.take(&ours);
    tokio::time::sleep(lately).await;
    assert_eq!(told().await, (false, vec![page; 2]));
}
