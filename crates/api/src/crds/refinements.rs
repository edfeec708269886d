//! What each schema gains over the derived one, by path.

use super::refine::Change;
use super::rules::{SUBDOMAIN, cel, duration, exactly_one, gateway_reference, integer, one_of, port, text};
use crate::alert_provider::AlertProviderSpec;
use crate::canary::{HookType, Phase};
use crate::metric_template::MetricProvider;
use serde_json::{Value, json};

fn changes<const N: usize>(pairs: [(&str, Value); N]) -> Vec<Change> {
    pairs.map(|(path, change)| (path.to_owned(), change)).to_vec()
}

/// Canary: Flagger's schema, widened as promised (hours, `iterations` beside `stepWeight`, no `threshold`).
pub fn canary(providers: &[&str]) -> Vec<Change> {
    let kind = |kinds: &[&str]| one_of(kinds);
    let replicas = || json!({ "type": "integer", "minimum": 1 });
    let mut all = changes([
        ("spec", json!({ "x-kubernetes-validations": [analysis_is_needed()] })),
        ("spec.provider", one_of(providers)),
        ("spec.targetRef.kind", kind(&["DaemonSet", "Deployment", "Service"])),
        (
            "spec.autoscalerRef.kind",
            kind(&["HorizontalPodAutoscaler", "ScaledObject"]),
        ),
        ("spec.autoscalerRef.primaryScalerReplicas.minReplicas", replicas()),
        ("spec.autoscalerRef.primaryScalerReplicas.maxReplicas", replicas()),
        ("spec.ingressRef.kind", kind(&["Ingress"])),
        ("spec.routeRef.kind", kind(&["ApisixRoute"])),
        ("spec.upstreamRef.kind", kind(&["Upstream"])),
        (
            "spec.analysis",
            json!({ "required": ["interval"], "x-kubernetes-validations": [one_strategy()] }),
        ),
    ]);
    all.extend(service());
    all.extend(traffic_policy());
    all.extend(analysis("spec.analysis"));
    all.extend(status());
    all
}

fn analysis_is_needed() -> Value {
    cel(
        "has(self.analysis) || (has(self.skipAnalysis) && self.skipAnalysis)",
        "analysis is required; set skipAnalysis: true to release without one",
    )
}

fn one_strategy() -> Value {
    cel(
        "has(self.stepWeights) ? !has(self.stepWeight) && !has(self.iterations) : has(self.stepWeight) || has(self.iterations)",
        "choose one of iterations (A/B, blue/green), stepWeight or stepWeights; only stepWeight goes together with iterations",
    )
}

fn service() -> Vec<Change> {
    let string_match = || exactly_one(&["exact", "prefix", "suffix", "regex"], true);
    let has_port = cel(
        "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        "Must have port for Service reference",
    );
    let mut all = changes([
        (
            "spec.service.trafficDistribution",
            one_of(&["PreferClose", "PreferSameZone", "PreferSameNode"]),
        ),
        ("spec.service.gatewayRefs", json!({ "maxItems": 32 })),
        ("spec.service.gatewayRefs[].sectionName", text(1, 253, Some(SUBDOMAIN))),
        ("spec.service.retries.attempts", integer()),
        (
            "spec.service.mirror[].backendRef",
            json!({ "x-kubernetes-validations": [has_port] }),
        ),
        (
            "spec.service.corsPolicy.allowOrigins[]",
            exactly_one(&["exact", "prefix", "regex"], false),
        ),
        ("spec.service.match[].uri", string_match()),
        ("spec.service.match[].scheme", string_match()),
        ("spec.service.match[].method", string_match()),
        ("spec.service.match[].authority", string_match()),
        ("spec.service.match[].headers{}", string_match()),
        ("spec.service.match[].withoutHeaders{}", string_match()),
        ("spec.service.match[].queryParams{}", string_match()),
        ("spec.service.match[].port", integer()),
    ]);
    all.extend(gateway_reference(
        "spec.service.gatewayRefs[]",
        "gateway.networking.k8s.io",
        "Gateway",
    ));
    all.extend(gateway_reference("spec.service.mirror[].backendRef", "", "Service"));
    all
}

fn traffic_policy() -> Vec<Change> {
    let policy = "spec.service.trafficPolicy";
    let hash = exactly_one(
        &["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"],
        false,
    );
    let hashed = json!({ "required": ["consistentHash"], "properties": { "consistentHash": hash } });
    let balancer = json!({ "oneOf": [{ "required": ["simple"] }, hashed] });
    let simple = ["ROUND_ROBIN", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "LEAST_REQUEST"];
    let whole = [
        "loadBalancer.consistentHash.minimumRingSize",
        "loadBalancer.localityLbSetting.distribute[].to{}",
        "connectionPool.http.http1MaxPendingRequests",
        "connectionPool.http.http2MaxRequests",
        "connectionPool.http.maxRequestsPerConnection",
        "connectionPool.http.maxRetries",
        "outlierDetection.consecutive5xxErrors",
        "outlierDetection.consecutiveErrors",
        "outlierDetection.consecutiveGatewayErrors",
        "outlierDetection.consecutiveLocalOriginFailures",
        "outlierDetection.maxEjectionPercent",
        "outlierDetection.minHealthPercent",
    ];
    let upgrade = ["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"];
    let modes = ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"];
    let rules = [
        ("loadBalancer", balancer),
        ("loadBalancer.simple", one_of(&simple)),
        ("connectionPool.http.h2UpgradePolicy", one_of(&upgrade)),
        ("tls.mode", one_of(&modes)),
    ];
    let whole = whole.map(|path| (path, integer()));
    rules
        .into_iter()
        .chain(whole)
        .map(|(path, rule)| (format!("{policy}.{path}"), rule))
        .collect()
}

/// The rules of an analysis at `base`, for a Canary and for a policy's defaults alike.
fn analysis(base: &str) -> Vec<Change> {
    let mut hooks = vec![""];
    hooks.extend(HookType::ALL.map(HookType::as_str));
    changes([
        ("interval", duration()),
        ("delay", duration()),
        (
            "match[].headers{}",
            exactly_one(&["exact", "prefix", "suffix", "regex"], false),
        ),
        (
            "match[].queryParams{}",
            exactly_one(&["exact", "prefix", "suffix", "regex"], true),
        ),
        ("metrics[].interval", duration()),
        ("alerts[].severity", one_of(&["", "info", "warn", "error"])),
        ("webhooks[].type", one_of(&hooks)),
        ("webhooks[].timeout", duration()),
        ("sessionAffinity.sameSite", one_of(&["Strict", "Lax", "None"])),
        ("sessionAffinity.maxAge", json!({ "default": 86400 })),
    ])
    .into_iter()
    .map(|(path, rule)| (format!("{base}.{path}"), rule))
    .collect()
}

fn status() -> Vec<Change> {
    let number = || json!({ "type": "number" });
    let phases = json!({ "type": "string", "enum": Phase::ALL.map(Phase::as_str) });
    changes([
        ("status.phase", phases),
        ("status.failedChecks", number()),
        ("status.canaryWeight", number()),
        ("status.iterations", number()),
        (
            "status.conditions[]",
            json!({ "required": ["type", "status", "reason"] }),
        ),
    ])
}

/// Changes of the schema of MetricTemplates.
pub fn metric_template() -> Vec<Change> {
    changes([("spec.provider.type", one_of(&MetricProvider::TYPES))])
}

/// Changes of the schema of AlertProviders.
pub fn alert_provider() -> Vec<Change> {
    let one = cel(
        "has(self.address) != has(self.secretRef)",
        "set exactly one of address and secretRef",
    );
    changes([
        ("spec", json!({ "x-kubernetes-validations": [one] })),
        ("spec.type", one_of(&AlertProviderSpec::TYPES)),
    ])
}

/// Changes of the schema of CanaryPolicies, which may name these `providers`.
pub fn policy(providers: &[&str]) -> Vec<Change> {
    let percent = || json!({ "type": "integer", "minimum": 1, "maximum": 100 });
    let at_least = |least: u32| json!({ "minimum": least });
    let count = || json!({ "type": "integer", "minimum": 1 });
    let mut all = changes([
        ("spec.provider", one_of(providers)),
        ("spec.gatewayRefs", json!({ "maxItems": 32 })),
        ("spec.gatewayRefs[].sectionName", text(1, 253, Some(SUBDOMAIN))),
        ("spec.service.port", port()),
        ("spec.guardRails.maxStepWeight", percent()),
        ("spec.guardRails.maxWeight", percent()),
        ("spec.guardRails.minInterval", duration()),
        ("spec.guardRails.maxThreshold", count()),
        ("spec.maxConcurrent", count()),
        ("spec.freezeWindows[].duration", duration()),
        ("spec.settleSeconds", at_least(0)),
        ("spec.drainSeconds", at_least(0)),
        ("spec.deletionGraceSeconds", at_least(0)),
    ]);
    all.extend(gateway_reference(
        "spec.gatewayRefs[]",
        "gateway.networking.k8s.io",
        "Gateway",
    ));
    all.extend(analysis("spec.analysis"));
    all
}
