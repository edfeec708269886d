//! One whole new app, from a Deployment and a Canary to a pair that serves and rests.

use super::super::*;
use crate::object::text;
use crate::{
    controller::context::fake::{self, Fake},
    telemetry::events::Queue,
    testing::ApiServer,
};
use serde_json::{Value, json};

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const CANARIES: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/web/deployments";
const SERVICES: &str = "/api/v1/namespaces/web/services";
const HISTORY: &str = "/apis/apps/v1/namespaces/web/controllerrevisions";
const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop";

/// An app that runs, its Canary, and a controller that is stepped by hand.
struct Stage {
    server: ApiServer,
    context: Fake,
    told: Queue,
    key: Key,
}

impl Stage {
    async fn new() -> Self {
        let server = ApiServer::default();
        let pods = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [
            {"name": "shop", "image": "shop:1", "ports": [{"containerPort": 8080}]}]}});
        server.put(
            &format!("{DEPLOYMENTS}/shop"),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "web"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "shop"}}, "template": pods},
            }),
        );
        server.run("web", "shop");
        let canary = server.put(
            CANARY,
            json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
                "spec": {
                    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                    "service": {"port": 80, "targetPort": 8080, "hosts": ["shop.test"], "gatewayRefs": [{"name": "gateway"}]},
                    "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
                },
            }),
        );
        let (context, told) = fake::with(server.client());
        fake::enable(&context, "web");
        fake::policy(&context, &json!({"settleSeconds": 0, "drainSeconds": 0}));
        fake::follow(&context, &server, "web").await;
        let key = fake::learn(&context, canary);
        Self {
            server,
            context,
            told,
            key,
        }
    }

    /// A step by the Canary that is stored, and what it wrote.
    async fn step(&self) -> Vec<String> {
        self.server.log.lock().clear();
        fake::learn(&self.context, self.server.get(CANARY).unwrap());
        step(self.context.clone(), self.key.clone()).await;
        fake::settled().await;
        self.server.writes()
    }

    /// The cluster runs what it is asked to.
    async fn pods(&self) {
        for deployment in self.server.under(DEPLOYMENTS) {
            self.server.run("web", text(&deployment, "/metadata/name"));
        }
        fake::settled().await;
    }

    /// Everything that steps write until they write nothing more; the cluster follows each.
    async fn all(&self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..30 {
            let written = self.step().await;
            if written.is_empty() {
                return all;
            }
            all.extend(written);
            self.pods().await;
        }
        panic!("it never rests: {all:#?}");
    }

    fn condition(&self, pointer: &str) -> Value {
        let canary = self.server.get(CANARY).unwrap();
        canary.pointer(pointer).cloned().unwrap_or_default()
    }
}

fn at(all: &[String], line: &str) -> usize {
    all.iter()
        .position(|one| one == line)
        .unwrap_or_else(|| panic!("no {line} in {all:#?}"))
}

fn last(all: &[String], line: &str) -> usize {
    all.len()
        - 1
        - all
            .iter()
            .rev()
            .position(|one| one == line)
            .unwrap_or_else(|| panic!("no {line} in {all:#?}"))
}

#[tokio::test(start_paused = true)]
async fn its_pair_is_made_in_an_order_in_which_nobody_is_ever_without_an_answer() {
    let mut stage = Stage::new().await;
    let all = stage.all().await;
    // It is held before anything is written for it, and every decision is recorded before it is carried out.
    assert_eq!(at(&all, &format!("PATCH {CANARY}")), 0, "{all:#?}");
    let recorded = at(&all, &format!("PUT {CANARY}/status"));
    let order = [
        recorded,
        at(&all, &format!("PATCH {DEPLOYMENTS}/shop")),
        at(&all, &format!("POST {HISTORY}")),
        at(&all, &format!("PATCH {SERVICES}/shop-primary")),
        at(&all, &format!("POST {DEPLOYMENTS}")),
        at(&all, &format!("PATCH {SERVICES}/shop")),
        at(&all, &format!("PATCH {ROUTE}")),
        last(&all, &format!("PATCH {ROUTE}")),
        last(&all, &format!("PATCH {DEPLOYMENTS}/shop")),
    ];
    assert!(order.is_sorted(), "{order:?} {all:#?}");

    let primary = stage.server.get(&format!("{DEPLOYMENTS}/shop-primary")).unwrap();
    assert_eq!(primary["spec"]["replicas"], 2);
    assert_eq!(
        primary["spec"]["selector"]["matchLabels"],
        json!({"app": "shop-primary"})
    );
    assert_eq!(primary["spec"]["template"]["spec"]["containers"][0]["image"], "shop:1");
    assert_eq!(
        primary["metadata"]["ownerReferences"][0]["uid"],
        stage.condition("/metadata/uid")
    );
    let target = stage.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 0, "it rests");
    assert_eq!(target["metadata"]["labels"]["coalmine.dev/desired-replicas"], "2");
    let apex = stage.server.get(&format!("{SERVICES}/shop")).unwrap();
    assert_eq!(apex["spec"]["selector"], json!({"app": "shop-primary"}));
    let route = stage.server.get(ROUTE).unwrap();
    let backends = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    let weight = |name: &str| backends.iter().find(|one| one["name"] == name).unwrap()["weight"].clone();
    assert_eq!((weight("shop-primary"), weight("shop-canary")), (json!(100), json!(0)));
    assert_eq!(stage.condition("/status/phase"), "Initialized");
    let said = fake::said(&mut stage.told).await;
    assert!(
        said.iter().any(|text| text.contains("Initialization done! shop.web")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn traffic_does_not_move_before_primary_has_pods_that_can_answer() {
    let stage = Stage::new().await;
    // The cluster makes no pods.
    for _ in 0..8 {
        stage.step().await;
    }
    assert!(stage.server.get(&format!("{DEPLOYMENTS}/shop-primary")).is_some());
    assert_eq!(stage.condition("/status/phase"), "Initializing");
    let apex = stage.server.get(&format!("{SERVICES}/shop")).unwrap();
    assert_eq!(apex["spec"]["selector"], json!({"app": "shop"}));
    let target = stage.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_rests_asks_nothing_of_the_api_server() {
    let stage = Stage::new().await;
    stage.all().await;
    stage.step().await;
    assert_eq!(*stage.server.log.lock(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_leaves_no_room_for_primary_is_told_once_and_goes_by_itself() {
    let mut stage = Stage::new().await;
    let create = format!("POST {DEPLOYMENTS}");
    stage
        .server
        .refuse(&create, 403, "exceeded quota: room", ApiServer::ALWAYS);
    for _ in 0..12 {
        stage.step().await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let tried = stage.server.sent(&create).len();
    assert!((1..=3).contains(&tried), "{tried} times within three seconds");
    let said = fake::said(&mut stage.told).await;
    let refused = "Cannot go on, the API server refuses a write: exceeded quota: room";
    assert_eq!(said.iter().filter(|text| *text == refused).count(), 1, "{said:?}");
    let conditions = stage.condition("/status/conditions").to_string();
    assert!(conditions.contains("exceeded quota: room"), "{conditions}");
    let target = stage.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(target["spec"]["replicas"], 2, "it serves meanwhile");

    stage.server.heal();
    tokio::time::sleep(Duration::from_secs(60)).await;
    stage.all().await;
    assert_eq!(stage.condition("/status/phase"), "Initialized");
    let conditions = stage.condition("/status/conditions").to_string();
    assert!(!conditions.contains("exceeded quota"), "{conditions}");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_meanwhile_is_looked_at_again_and_not_written_over() {
    let stage = Stage::new().await;
    stage.step().await;
    // The step sees a Canary that is older than the stored one.
    let seen = stage.server.get(CANARY).unwrap();
    fake::learn(&stage.context, seen);
    stage
        .server
        .edit(CANARY, |canary| canary["metadata"]["labels"] = json!({"team": "red"}));
    stage.server.log.lock().clear();
    let wake = step(stage.context.clone(), stage.key.clone()).await;
    assert_eq!(wake, Some(Duration::from_millis(200)));
    assert_eq!(
        stage.server.writes(),
        [format!("PUT {CANARY}/status")],
        "nothing that is not recorded"
    );
    assert_eq!(stage.server.under(CANARIES).len(), 1);
    assert_eq!(stage.condition("/status"), Value::Null);
}
