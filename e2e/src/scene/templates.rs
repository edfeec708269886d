//! MetricTemplates over what the Envoy that Istio's pilot leads counts for the canary's Service. A plain Envoy does not have the
//! filter of Istio's own proxies that counts `istio_requests_total`.

use serde_json::{Value, json};

use super::Scene;

/// The percentage of its requests that were answered without a server error, copies among them.
pub fn success_rate(scene: &Scene, name: &str, app: &str) -> Value {
    let all = of_canary(app);
    let query = format!(
        "sum(rate(envoy_cluster_upstream_rq{{{all}, response_code!~\"5.*\"}}[{INTERVAL}])) / \
         sum(rate(envoy_cluster_upstream_rq{{{all}}}[{INTERVAL}])) * 100"
    );
    template(scene, name, &query)
}

/// The time within which 99 of a hundred of them were answered, in milliseconds.
pub fn duration(scene: &Scene, name: &str, app: &str) -> Value {
    let all = of_canary(app);
    let query = format!(
        "histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{{{all}}}[{INTERVAL}])) by (le))"
    );
    template(scene, name, &query)
}

const INTERVAL: &str = "{{ interval }}";

fn of_canary(app: &str) -> String {
    format!("cluster_name=\"outbound|9898||{app}-canary.{{{{ namespace }}}}.svc.cluster.local\"")
}

fn template(scene: &Scene, name: &str, query: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": name},
        "spec": {"provider": {"type": "prometheus", "address": scene.cluster.prometheus}, "query": query},
    })
}
