use super::*;
use crate::{
    api::labels,
    controller::context::fake::{self, Fake},
    plan::services::pointing::ORIGINAL_SELECTOR,
    routing::Names,
    testing::ApiServer,
};
use serde_json::Value;

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/web";
const SERVICE: &str = "/api/v1/namespaces/shop/services/web";

fn house() -> (ApiServer, Fake) {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    (server, context)
}

fn stored(server: &ApiServer, metadata: &Value, status: &Value) -> Canary {
    let mut canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": "2026-11-23T10:00:00Z"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        "status": status,
    });
    json_patch::merge(&mut canary["metadata"], metadata);
    serde_json::from_value(server.put(CANARY, canary)).unwrap()
}

fn generated() -> Value {
    json!({"labels": {labels::GENERATED: "true"}})
}

fn at_rest() -> Value {
    json!({"phase": "Initialized", "run": {"stage": "Rest"}})
}

// An hour after the Canary was made.
fn now() -> Timestamp {
    "2026-11-23T11:00:00Z".parse().unwrap()
}

async fn absent(context: &Context, canary: &Canary, now: Timestamp) -> Absence {
    let pair = (&Blueprint::sample(), &mut Live::default());
    without_target(context, canary, pair, false, now).await.unwrap()
}

#[tokio::test]
async fn the_pair_of_a_canary_that_somebody_wrote_serves_on_and_its_target_is_missed() {
    let (server, context) = house();
    let canary = stored(&server, &json!({}), &at_rest());
    let Absence::Lasts(trouble, None) = absent(&context, &canary, now()).await else {
        panic!("it has a pair");
    };
    assert_eq!(trouble.reason, "TargetMissing");
    assert_eq!(server.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_canary_that_never_had_a_target_says_so_itself() {
    let (server, context) = house();
    let canary = stored(&server, &json!({}), &Value::Null);
    let absence = absent(&context, &canary, now()).await;
    assert!(matches!(absence, Absence::Over(_)), "there is no pair");
    let status = server.get(CANARY).unwrap()["status"].to_string();
    assert!(status.contains("Deployment web.shop does not exist"), "{status}");
}

#[tokio::test]
async fn a_generated_one_goes_with_its_target_after_a_while() {
    let (server, context) = house();
    let canary = stored(&server, &generated(), &at_rest());
    let grace = Duration::from_secs(30);
    let absence = absent(&context, &canary, now()).await;
    assert!(matches!(absence, Absence::Lasts(_, Some(again)) if again == grace));
    assert!(server.get(CANARY).is_some());
    let absence = absent(&context, &canary, now() + grace).await;
    assert!(matches!(absence, Absence::Over(None)));
    assert_eq!(server.get(CANARY), None);
}

#[tokio::test]
async fn one_that_leaves_gives_back_what_outlives_it_unless_that_is_refused() {
    for (code, given_back, released) in [(None, true, true), (Some(403), false, true), (Some(500), false, false)] {
        let (server, context) = house();
        let leaving = json!({"finalizers": [labels::FINALIZER], "deletionTimestamp": "2026-11-23T10:59:00Z"});
        let canary = stored(&server, &leaving, &at_rest());
        let apex = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {ORIGINAL_SELECTOR: r#"{"app":"web"}"#}},
            "spec": {"selector": {"app": "web-primary"}, "ports": [{"port": 80}]},
        });
        let mut live = Live {
            apex: Some(server.put(SERVICE, apex)),
            // All that tells by now how primary's pods were known.
            primary_service: Some(json!({"spec": {"selector": {"app": "web-primary"}}})),
            ..Live::default()
        };
        let blueprint = Blueprint {
            names: Some(Names::new("web")),
            ..Blueprint::sample()
        };
        if let Some(code) = code {
            server.refuse(&format!("PATCH {SERVICE}"), code, "not now", ApiServer::ALWAYS);
        }
        let absence = without_target(&context, &canary, (&blueprint, &mut live), true, now()).await;
        assert_eq!(matches!(absence, Ok(Absence::Over(None))), released, "{code:?}");
        let selector = &server.get(SERVICE).unwrap()["spec"]["selector"];
        assert_eq!(*selector == json!({"app": "web"}), given_back, "{code:?}");
        assert_eq!(server.get(CANARY).is_none(), released, "{code:?}");
    }
}
