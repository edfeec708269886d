//! What is done of what was decided, and what of it an error keeps from being done.

use super::super::{decide::Decided, snapshot::Snapshot, *};
use crate::{
    analysis::StepOutcome,
    api::labels,
    controller::{
        context::fake::{self, Fake},
        difference::write::Write,
        effects::apply::perform::Left,
        watch::{informers::cache::Kind, pair::live::Live},
    },
    plan::{Blueprint, Selector},
    testing::ApiServer,
};
use serde_json::json;

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/shop/canaries/web";
const BUDGET: &str = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web-primary";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";

/// A Canary with a note that a step takes away last of all, and what was decided, to be carried out.
struct House {
    server: ApiServer,
    context: Fake,
    turn: Turn,
    pair: Snapshot,
}

impl House {
    fn new() -> Self {
        let server = ApiServer::default();
        let canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {labels::REPLICAS: "no number"}},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        });
        let canary = server.put(CANARY, canary);
        let (context, _told) = fake::with(server.client());
        let key = fake::learn(&context, canary);
        let canary = context.cluster.canary(&key).unwrap();
        let turn = Turn::of(&context, &key, canary);
        let pair = Snapshot {
            live: Live::default(),
            selector: Selector::by_name("web"),
            blueprint: Blueprint::sample(),
            state: turn.recorded.clone(),
            absence: None,
        };
        Self {
            server,
            context,
            turn,
            pair,
        }
    }

    async fn does(&self, writes: Vec<Write>) -> Result<Left, kube::Error> {
        let decided = Decided {
            outcome: StepOutcome::untouched(),
            writes,
            conflicts: Vec::new(),
        };
        execute::execute(&self.context, &self.turn, &self.pair, &decided).await
    }

    // Whether the step has not got to its end.
    fn is_noted(&self) -> bool {
        let canary = self.server.get(CANARY).unwrap();
        canary["metadata"]["annotations"].get(labels::REPLICAS).is_some()
    }
}

fn budget() -> Write {
    Write::Apply {
        kind: Kind::PodDisruptionBudget,
        object: json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "web-primary", "namespace": "shop"}, "spec": {"minAvailable": 1},
        }),
    }
}

fn primary() -> Write {
    Write::Create {
        kind: Kind::Deployment,
        object: json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web-primary", "namespace": "shop"},
            "spec": {"replicas": 1, "template": {"metadata": {}}},
        }),
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_was_decided_is_done_and_nothing_is_left() {
    let house = House::new();
    let left = house.does(vec![primary(), budget()]).await.unwrap();
    assert_eq!(left, Left::Nothing);
    assert!(house.server.get(&format!("{DEPLOYMENTS}/web-primary")).is_some());
    assert!(house.server.get(BUDGET).is_some());
    assert!(!house.is_noted());
}

#[tokio::test(start_paused = true)]
async fn what_the_pair_can_do_without_ends_no_step_and_is_tried_again() {
    let house = House::new();
    let name = format!("PATCH {BUDGET}");
    house.server.refuse(&name, 403, "no budgets here", ApiServer::ALWAYS);
    let left = house.does(vec![budget()]).await.unwrap();
    assert!(matches!(left, Left::Refused(_)), "{left:?}");
    assert!(!house.is_noted(), "the rest of the step is done");
}

#[tokio::test(start_paused = true)]
async fn what_makes_the_pair_ends_the_step() {
    let house = House::new();
    let name = format!("POST {DEPLOYMENTS}");
    house.server.refuse(&name, 403, "no primaries here", ApiServer::ALWAYS);
    let error = house.does(vec![primary()]).await.unwrap_err();
    assert!(error.to_string().contains("no primaries here"), "{error}");
    assert!(house.is_noted(), "nothing after it was tried");
}
