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
    let canary = context.canary(&fake::add(&context, "app")).unwrap();
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

#[tokio::test(start_paused = true)]
async fn those_of_a_namespace_share_a_look_and_kinds_that_are_not_there_are_not_asked_for_again_soon() {
    let server = ApiServer::default();
    for kind in reach::FOREIGN {
        server.fail(&format!("GET /apis/{}/*", kind.group), 404, ApiServer::ALWAYS);
    }
    let advice = Advice::default();
    let asked = async |times: usize| {
        server.log.lock().clear();
        let client = server.client();
        futures::future::join_all((0..times).map(|_| advice.look(&client, "shop"))).await;
        server.log.lock().len()
    };
    assert_eq!(asked(5).await, 1 + reach::FOREIGN.len(), "one look for all of them");
    assert_eq!(asked(1).await, 0, "what was found lately serves");
    tokio::time::sleep(FRESH).await;
    assert_eq!(asked(1).await, 1, "only what there is");
    tokio::time::sleep(ABSENT).await;
    assert_eq!(
        asked(1).await,
        1 + reach::FOREIGN.len(),
        "somebody may have installed them"
    );
    advice.forget();
    assert!(!advice.is_empty());
    tokio::time::sleep(FRESH).await;
    advice.forget();
    assert!(advice.is_empty());
}
