use super::*;
use crate::{controller::context::fake, testing::ApiServer};
use serde_json::json;

const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

fn states() -> (State, State) {
    let (before, mut after) = (
        State::new(jiff::Timestamp::UNIX_EPOCH),
        State::new(jiff::Timestamp::UNIX_EPOCH),
    );
    after.stage = Stage::Switching;
    (before, after)
}

#[tokio::test(start_paused = true)]
async fn what_misses_primary_is_looked_for_when_a_pair_is_built_and_told_to_its_canary() {
    let server = ApiServer::default();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "wall", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "app"}}},
    });
    server.put(&format!("{POLICIES}/wall"), policy);
    let (context, mut told) = fake::with(server.client());
    let canary = context.cluster.canary(&fake::add(&context, "app")).unwrap();
    let target = json!({"metadata": {"name": "app"}, "spec": {"selector": {"matchLabels": {"app": "app"}}, "template": {"metadata": {"labels": {"app": "app"}}}}});
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let (before, after) = states();
    advise(&context, &canary, (&target, &selector), &before, &before);
    assert_eq!(fake::said(&mut told).await, Vec::<String>::new());
    assert!(server.log.lock().is_empty(), "it is not looked for at every step");
    advise(&context, &canary, (&target, &selector), &before, &after);
    let said = fake::said(&mut told).await;
    assert!(
        said.len() == 1 && said[0].contains("NetworkPolicy \"wall\""),
        "{said:?}"
    );
}
