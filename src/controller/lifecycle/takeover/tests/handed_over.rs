//! A Canary that takes the place of another, in an API server.

use super::super::*;
use crate::{
    api::labels,
    controller::context::fake::{self, Fake},
    telemetry::events::Queue,
    testing::ApiServer,
};
use serde_json::json;

const OURS: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const THEIRS: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/mine";
const PRIMARY: &str = "/apis/apps/v1/namespaces/web/deployments/shop-primary";

/// A generated Canary that owns a primary, and one that somebody wrote for the same target.
struct House {
    server: ApiServer,
    context: Fake,
    told: Queue,
    heir: Canary,
}

impl House {
    async fn new() -> Self {
        let server = ApiServer::default();
        let canary = |name: &str, metadata: Value| {
            let mut canary = json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "web"},
                "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
            });
            json_patch::merge(&mut canary["metadata"], &metadata);
            canary
        };
        let marks = json!({"labels": {labels::GENERATED: "true"}, "finalizers": [labels::FINALIZER]});
        server.put(OURS, canary("shop", marks));
        let heir = server.put(THEIRS, canary("mine", json!({})));
        let owner = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": "uid-of-shop", "controller": true,
        });
        let metadata = json!({"name": "shop-primary", "namespace": "web", "ownerReferences": [owner]});
        server.put(
            PRIMARY,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}),
        );
        let (context, told) = fake::with(server.client());
        fake::follow(&context, &server, "web").await;
        Self {
            server,
            context,
            told,
            heir: serde_json::from_value(heir).unwrap(),
        }
    }

    async fn hand_over(&self) -> Result<(), kube::Error> {
        let ours: Canary = serde_json::from_value(self.server.get(OURS).unwrap()).unwrap();
        hand_over(&self.context, &ours, &self.heir).await
    }

    fn owner(&self) -> Value {
        self.server.get(PRIMARY).unwrap()["metadata"]["ownerReferences"][0].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_generated_canary_owns_is_the_heirs_before_it_goes_itself() {
    let mut house = House::new().await;
    house.hand_over().await.unwrap();
    let owner = house.owner();
    assert_eq!((&owner["name"], &owner["uid"]), (&json!("mine"), &json!("uid-of-mine")));
    assert_eq!(
        house.server.writes(),
        [format!("PATCH {PRIMARY}"), format!("DELETE {OURS}")]
    );
    assert_eq!(fake::asked(&house.context), [key(&house.heir)]);
    let said = fake::said(&mut house.told).await;
    assert_eq!(said, ["Canary mine takes over shop from this generated one"]);
    // Its finalizer holds it until its own event has come.
    assert!(house.server.get(OURS).is_some());
    house.hand_over().await.unwrap();
    assert_eq!(house.server.get(OURS), None);
    assert!(house.server.get(PRIMARY).is_some() && house.server.get(THEIRS).is_some());
    assert_eq!(fake::said(&mut house.told).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_generated_canary_stays_as_long_as_it_owns_anything() {
    let house = House::new().await;
    house.server.fail(&format!("PATCH {PRIMARY}"), 500, 1);
    assert!(house.hand_over().await.is_err());
    let ours = house.server.get(OURS).unwrap();
    assert_eq!(ours["metadata"].get("deletionTimestamp"), None);
    assert_eq!(fake::asked(&house.context), []);
    house.hand_over().await.unwrap();
    assert_eq!(house.owner()["name"], "mine");
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_over_in_the_middle_of_a_run() {
    let house = House::new().await;
    for phase in Phase::ALL {
        let mut canary = house.heir.clone();
        canary.status.get_or_insert_default().phase = phase;
        let idle = matches!(
            phase,
            Phase::Unset | Phase::Initializing | Phase::Initialized | Phase::Succeeded | Phase::Failed
        );
        assert_eq!(can_go(&canary), idle, "{}", phase.as_str());
    }
    assert!(can_go(&house.heir), "nobody has looked at it yet");
}
