//! A whole release by steps alone, from a new revision to its end: whom they ask, what they write, and what people see of it.

mod outside;
mod shared;

use super::house::{CANARY, DEPLOYMENTS, House};
use crate::{
    analysis::Stage, api::labels, controller::context::fake, object::text, plan::workload::template, testing::ApiServer,
};
use jiff::SignedDuration;
use outside::Outside;
use serde_json::{Value, json};

const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop";
const CHAT: &str = "/apis/flagger.app/v1beta1/namespaces/web/alertproviders/chat";
const INTERVAL: SignedDuration = SignedDuration::from_secs(20);

/// A pair at rest, whose releases ask a metrics store and a hook and are told to a chat; and what is seen of them.
struct Release {
    house: House,
    outside: Outside,
    phases: Vec<String>,
    /// Of primary and of the canary, by the route.
    weights: Vec<(u64, u64)>,
    /// Of the canary, by the gauge.
    gauges: Vec<String>,
    written: Vec<String>,
}

impl Release {
    async fn new() -> Self {
        let outside = Outside::new().await;
        let mut house = House::with(|server| prepare(server, &outside.url)).await;
        house.all().await;
        fake::said(&mut house.told).await;
        Self {
            house,
            outside,
            phases: Vec::new(),
            weights: Vec::new(),
            gauges: Vec::new(),
            written: Vec::new(),
        }
    }

    /// The author applies another image, and it is stored as the webhook has it.
    async fn applies(&self, image: &str) {
        let change = |target: &mut Value| {
            target["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
            target["metadata"]["labels"][labels::REVISION] = json!(template::revision(target));
        };
        self.house.edit("shop", change).await;
    }

    /// Steps, and what follows from each, until the Canary rests again. Where nothing happens by itself, an interval passes.
    async fn plays(&mut self) {
        self.look();
        for _ in 0..100 {
            let written = self.house.step().await;
            self.house.heard().await;
            self.look();
            let idle = written.is_empty() && fake::asked(&self.house.context).is_empty();
            self.written.extend(written);
            if idle && self.house.condition("/status/run/stage") == Stage::Rest.as_str() {
                return;
            }
            if idle {
                self.house.later(INTERVAL);
            }
            self.house.pods().await;
        }
        panic!("it never rests: {:?} {:?}", self.phases, self.weights);
    }

    fn look(&mut self) {
        let phase = self.house.condition("/status/phase");
        add(&mut self.phases, phase.as_str().unwrap().to_owned());
        let route = self.house.server.get(ROUTE).unwrap();
        let backends = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
        let weight = |name: &str| backends.iter().find(|one| one["name"] == name).unwrap()["weight"].as_u64();
        let weights = ["shop-primary", "shop-canary"].map(|name| weight(name).unwrap());
        add(&mut self.weights, weights.into());
        let gauge = self.metric("flagger_canary_weight{workload=\"shop\",namespace=\"web\"}");
        add(&mut self.gauges, gauge);
    }

    /// What is exposed of a series.
    fn metric(&self, series: &str) -> String {
        let shown = self.house.context.effects.metrics.render();
        let value = shown.lines().find_map(|line| line.strip_prefix(series));
        value.unwrap_or_default().trim().to_owned()
    }

    fn deployment(&self, name: &str) -> Value {
        self.house.server.get(&format!("{DEPLOYMENTS}/{name}")).unwrap()
    }

    async fn said(&mut self) -> Vec<String> {
        fake::said(&mut self.house.told).await
    }
}

fn prepare(server: &ApiServer, url: &str) {
    let provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "chat", "namespace": "web"},
        "spec": {"type": "slack", "channel": "ops", "address": format!("{url}/chat")},
    });
    server.put(CHAT, provider);
    let metric = json!({
        "name": "errors", "interval": "30s", "thresholdRange": {"max": 5}, "query": "errors{ns=\"{{ namespace }}\"}",
    });
    // Longer than the waits that a restart may take anew, so all of its instants are recorded.
    let analysis = json!({
        "interval": "20s", "threshold": 2, "metrics": [metric],
        "webhooks": [{"name": "smoke", "type": "pre-rollout", "url": format!("{url}/hook")}],
        "alerts": [{"name": "chat", "severity": "info", "providerRef": {"name": "chat"}}],
    });
    server.edit(CANARY, |canary| {
        canary["spec"]["metricsServer"] = json!(url);
        json_patch::merge(&mut canary["spec"]["analysis"], &analysis);
    });
}

// What is as before is not seen again.
fn add<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if all.last() != Some(&one) {
        all.push(one);
    }
}

fn ended(counter: &str) -> String {
    let labels = r#"{name="shop",namespace="web",deployment_strategy="canary",analysis_status="completed"}"#;
    format!("flagger_canary_{counter}_total{labels}")
}

fn image(deployment: &Value) -> &str {
    text(deployment, "/spec/template/spec/containers/0/image")
}

#[tokio::test(start_paused = true)]
async fn a_good_revision_is_shown_step_by_step_and_then_serves_everybody() {
    let mut release = Release::new().await;
    release.applies("shop:2").await;
    release.plays().await;
    assert_eq!(
        release.phases,
        ["Initialized", "Progressing", "Promoting", "Finalising", "Succeeded"]
    );
    assert_eq!(release.weights, [(100, 0), (80, 20), (50, 50), (0, 100), (100, 0)]);
    assert_eq!(release.gauges, ["0", "20", "50", "100", "0"]);
    assert_eq!(
        release.said().await,
        [
            "New revision detected! Scaling up shop.web",
            "Starting canary analysis for shop.web",
            "Pre-rollout check smoke passed",
            "Advance shop.web canary weight 20",
            "Advance shop.web canary weight 50",
            "Copying shop.web template spec to shop-primary.web",
            "Routing all traffic to primary",
            "Promotion completed! Scaling down shop.web",
        ]
    );
    assert_eq!(image(&release.deployment("shop-primary")), "shop:2");
    assert_eq!(release.deployment("shop")["spec"]["replicas"], 0, "it rests");

    assert_eq!(
        release.outside.queries(),
        [r#"errors{ns="web"}"#; 2],
        "one check for each share"
    );
    let hooked = release.outside.hooked();
    assert_eq!(hooked.len(), 1, "{hooked:?}");
    assert_eq!(
        (&hooked[0]["phase"], &hooked[0]["canaryWeight"]),
        (&json!("Progressing"), &json!(0))
    );
    assert_eq!(
        release.outside.told(3).await,
        [
            "New Deployment detected, initialization completed.",
            "New revision detected, progressing canary analysis.",
            "Canary analysis completed successfully, promotion finished.",
        ]
    );
    assert_eq!(
        release.metric("flagger_canary_status{name=\"shop\",namespace=\"web\"}"),
        "1"
    );
    assert_eq!(release.metric(&ended("successes")), "1");
    assert_eq!(release.metric(&ended("failures")), "");
    let measured = "flagger_canary_metric_analysis{name=\"shop\",namespace=\"web\",metric=\"errors\"}";
    assert_eq!(release.metric(measured), "1.5");
}

#[tokio::test(start_paused = true)]
async fn a_bad_revision_is_taken_back_and_primary_is_left_as_it_was() {
    let mut release = Release::new().await;
    let before = release.deployment("shop-primary");
    release.outside.says("9.25");
    release.applies("shop:2").await;
    release.plays().await;
    assert_eq!(release.phases, ["Initialized", "Progressing", "Failed"]);
    assert_eq!(release.weights, [(100, 0), (80, 20), (100, 0)]);
    assert_eq!(release.gauges, ["0", "20", "0"]);
    let halt = "Halt shop.web advancement errors 9.25 > 5";
    assert_eq!(
        release.said().await,
        [
            "New revision detected! Scaling up shop.web",
            "Starting canary analysis for shop.web",
            "Pre-rollout check smoke passed",
            "Advance shop.web canary weight 20",
            halt,
            halt,
            "Rolling back shop.web failed checks threshold reached 2",
            "Canary failed! Scaling down shop.web",
        ]
    );
    let write = format!("{DEPLOYMENTS}/shop-primary");
    let written: Vec<&String> = release.written.iter().filter(|line| line.ends_with(&write)).collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(release.deployment("shop-primary")["spec"], before["spec"]);
    assert_eq!(release.deployment("shop")["spec"]["replicas"], 0);
    assert_eq!(
        release.outside.told(3).await[1..],
        [
            "New revision detected, progressing canary analysis.",
            "Failed checks threshold reached 2",
        ]
    );
    assert_eq!(
        release.metric("flagger_canary_status{name=\"shop\",namespace=\"web\"}"),
        "0"
    );
    assert_eq!(release.metric(&ended("failures")), "1");
    assert_eq!(release.metric(&ended("successes")), "");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_analysed_again_once_for_each_annotation_that_asks_for_it() {
    let mut release = Release::new().await;
    release.outside.says("9.25");
    release.applies("shop:2").await;
    release.plays().await;
    release.said().await;
    release.outside.says("1.5");
    release.house.server.edit(CANARY, |canary| {
        canary["metadata"]["annotations"] = json!({labels::RESET: "true", "team": "red"});
    });
    release.plays().await;
    assert_eq!(release.phases.last().unwrap(), "Succeeded");
    assert_eq!(image(&release.deployment("shop-primary")), "shop:2");
    let annotations = release.house.condition("/metadata/annotations");
    assert_eq!(annotations, json!({"team": "red"}), "it is done with");
    let said = release.said().await;
    assert_eq!(said[0], "Analysing shop.web again, its annotation asks for it");
    assert_eq!(said.iter().filter(|text| **text == said[0]).count(), 1, "{said:?}");
}
