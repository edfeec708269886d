//! Objects of our kinds, as the webhook and the controller read them.

use coalmine::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate};
use coalmine::controller::replay::replay;
use coalmine::plan::{self, settings::effective};
use coalmine::routing::Traffic;
use coalmine_core::validation::{self, ClusterFacts, ClusterView};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// Facts in which rules have something to compare with.
static FACTS: LazyLock<ClusterFacts> = LazyLock::new(|| facts(read(super::samples::policy())));

fn facts(policy: CanaryPolicy) -> ClusterFacts {
    let template = json!({
        "metadata": {"name": "latency", "namespace": "shop"},
        "spec": {"provider": {"type": "prometheus", "address": "http://p:9090"}, "query": "x{{ variables.a }}"}});
    ClusterFacts::of(ClusterView {
        canaries: vec![Arc::new(read(super::samples::canary("other")))],
        metric_templates: Some([Arc::new(read(template))].into_iter().collect()),
        policy: Some(Arc::new(policy)),
        ..ClusterView::default()
    })
}

/// An object that is known to be one.
pub fn read<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("the object is of its kind")
}

fn given<K: DeserializeOwned>(data: &[u8]) -> Option<K> {
    serde_json::from_slice(data).ok()
}

/// Steps that are done by what a status records: the last ones by what the first ones recorded.
const STEPS: usize = 4;

/// A Canary: judged, completed by a policy, made into what the controller wants, and stepped from where its status says it is.
pub fn canary(data: &[u8]) {
    let Some(canary) = given::<Canary>(data) else { return };
    let first = validation::canary(&canary, None, &FACTS);
    let again = validation::canary(&canary, Some(&canary), &FACTS);
    // Whoever changes nothing is never refused.
    assert!(again.allowed(), "{again:?}");
    assert!(first.causes.len() <= validation::MAX_CAUSES && first.warnings.len() <= validation::MAX_WARNINGS);
    validation::unbuilt(&canary, &FACTS);
    let policy: CanaryPolicy = read(super::samples::policy());
    let around = effective::Circumstances {
        default_provider: "gatewayapi:v1",
        user_route: false,
    };
    let all = effective::effective(&canary, Some(&policy.spec), around);
    if let Ok(blueprint) = plan::blueprint(&all.canary, &super::samples::defaults()) {
        for share in [0, 50, 100] {
            plan::route(&blueprint, Traffic::share(share));
        }
        stepped(&all.canary);
    }
    for hook in canary.analysis().webhooks.iter().flatten() {
        let _ = hook.timeout().saturating_mul(hook.retries());
    }
}

fn stepped(canary: &Canary) {
    let now = "2026-11-26T04:00:12Z".parse().expect("an instant");
    let target = super::samples::target();
    let Ok(stepped) = replay(canary, &target, &super::samples::defaults(), now, STEPS) else {
        return;
    };
    let status = stepped.status.unwrap_or_default();
    assert!((0..=100).contains(&status.canary_weight), "{status:?}");
}

/// A MetricTemplate.
pub fn metric_template(data: &[u8]) {
    let Some(template) = given::<MetricTemplate>(data) else {
        return;
    };
    validation::metric_template(&template, None, &FACTS);
    assert!(validation::metric_template(&template, Some(&template), &FACTS).allowed());
    super::texts::rendered(&template.spec.query);
}

/// An AlertProvider.
pub fn alert_provider(data: &[u8]) {
    let Some(provider) = given::<AlertProvider>(data) else {
        return;
    };
    validation::alert_provider(&provider, None, &FACTS);
    assert!(validation::alert_provider(&provider, Some(&provider), &FACTS).allowed());
    super::texts::rendered(provider.spec.message_template.as_deref().unwrap_or_default());
}

/// A CanaryPolicy, and a Canary completed by it.
pub fn canary_policy(data: &[u8]) {
    let Some(policy) = given::<CanaryPolicy>(data) else {
        return;
    };
    validation::policy(&policy, None, &FACTS);
    assert!(validation::policy(&policy, Some(&policy), &FACTS).allowed());
    let canary: Canary = read(super::samples::canary("web"));
    validation::canary(&canary, None, &facts(policy));
}
