//! The metrics store: a real Prometheus on the host, which pods find as `prometheus.monitoring:9090`.

use std::fs;

use anyhow::{Context, Result};

use super::credentials;
use super::places::{
    API_SERVER, CONTOUR_GATEWAY_ADMIN, GATEWAY_ADMIN, MESH_GATEWAY_ADMIN, PROMETHEUS, Places, SKIPPER_GATEWAY_ADMIN,
};
use super::process;
use super::programs::Programs;

/// Starts Prometheus. It scrapes the gateways, and every pod that asks for it by annotation.
pub fn start(places: &Places, programs: &Programs) -> Result<()> {
    let config = format!(
        r#"global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 10s}}
scrape_configs:
- job_name: traefik
  static_configs: [{{targets: ["{GATEWAY_ADMIN}"]}}]
- job_name: envoy
  metrics_path: /stats/prometheus
  static_configs: [{{targets: ["{MESH_GATEWAY_ADMIN}", "{CONTOUR_GATEWAY_ADMIN}"]}}]
- job_name: skipper
  static_configs: [{{targets: ["{SKIPPER_GATEWAY_ADMIN}"]}}]
- job_name: kubernetes-pods
  kubernetes_sd_configs:
  - role: pod
    api_server: {API_SERVER}
    authorization: {{credentials_file: {token}}}
    tls_config: {{ca_file: {ca}}}
  relabel_configs:
  - {{action: keep, source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true"}}
  - {{action: drop, source_labels: [__meta_kubernetes_pod_phase], regex: "Pending|Succeeded|Failed|Completed"}}
  - {{action: replace, source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme], regex: "(https?)", target_label: __scheme__}}
  - {{action: replace, source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], regex: "(.+)", target_label: __metrics_path__}}
  - action: replace
    source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port]
    regex: '([^:]+)(?::\d+)?;(\d+)'
    replacement: '$1:$2'
    target_label: __address__
  - {{action: labelmap, regex: "__meta_kubernetes_pod_label_(.+)"}}
  - {{action: replace, source_labels: [__meta_kubernetes_namespace], target_label: kubernetes_namespace}}
  - {{action: replace, source_labels: [__meta_kubernetes_pod_name], target_label: kubernetes_pod_name}}
"#,
        token = credentials::token_of(places, "prometheus").display(),
        ca = credentials::ca(places).display(),
    );
    let file = places.run.join("prometheus.yaml");
    fs::write(&file, config)?;
    let args = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", places.run.join("prometheus").display()),
        "--storage.tsdb.retention.time=12h".to_owned(),
        format!("--web.listen-address={PROMETHEUS}"),
        "--scrape.discovery-reload-interval=500ms".to_owned(), // new pods are scraped sooner
        "--web.enable-lifecycle".to_owned(),
    ];
    process::start(places, "prometheus", &programs.prometheus, &args, &[])?;
    Ok(())
}

/// The Service by which pods find it.
pub fn objects() -> Result<String> {
    let (host, port) = PROMETHEUS.rsplit_once(':').context("Prometheus' address has a port")?;
    Ok(format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: monitoring}}
---
apiVersion: v1
kind: Service
metadata: {{name: prometheus, namespace: monitoring}}
spec: {{ports: [{{name: http, port: 9090}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: prometheus-host, namespace: monitoring, labels: {{kubernetes.io/service-name: prometheus}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [\"{host}\"], conditions: {{ready: true}}}}]
"
    ))
}
