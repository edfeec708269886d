//! One row for each data plane Flagger has queries for.

/// Where latency comes from.
#[derive(Clone, Copy)]
pub enum Latency {
    /// A histogram's buckets: the 99th percentile.
    Quantile(&'static str),
    /// A sum and a count: the mean. The name is without `_sum` and `_count`.
    Mean(&'static str),
}

/// How one data plane counts requests. All label texts are templates.
#[derive(Clone, Copy)]
pub struct Observer {
    /// Providers this row serves.
    pub names: &'static [&'static str],
    /// Series of all requests.
    pub counter: &'static str,
    /// Matchers of everything below.
    pub labels: &'static str,
    /// Matcher that keeps only requests that did not fail.
    pub not_failed: &'static str,
    /// Further matchers of the counter.
    pub counter_labels: &'static str,
    /// Series of latency.
    pub latency: Latency,
    /// Further matchers of the latency.
    pub latency_labels: &'static str,
    /// The series is in seconds, the metric in milliseconds.
    pub latency_in_seconds: bool,
    /// Names have everything but word characters replaced by `_`.
    pub word_characters_only: bool,
}

// Flagger looks for names of the form `TARGET-x-y`: pods of any revision, of a StatefulSet or Job called after the target,
// and of a DaemonSet only primary's.
const PODS: &str = concat!(
    r#"kubernetes_namespace="{{ namespace }}","#,
    r#"kubernetes_pod_name=~"{{ pods }}""#
);

pub const ISTIO: Observer = Observer {
    names: &["istio"],
    counter: "istio_requests_total",
    labels: concat!(
        r#"reporter="destination",destination_workload_namespace="{{ namespace }}","#,
        r#"destination_workload=~"{{ target }}""#
    ),
    not_failed: r#"response_code!~"5.*""#,
    counter_labels: "",
    latency: Latency::Quantile("istio_request_duration_milliseconds_bucket"),
    latency_labels: "",
    latency_in_seconds: false,
    word_characters_only: false,
};

const ENVOY: Observer = Observer {
    counter: "envoy_cluster_upstream_rq",
    not_failed: r#"envoy_response_code!~"5.*""#,
    latency: Latency::Quantile("envoy_cluster_upstream_rq_time_bucket"),
    ..ISTIO
};

pub const OBSERVERS: &[Observer] = &[
    ISTIO,
    Observer {
        names: &["kubernetes", "gatewayapi"],
        counter: "http_request_duration_seconds_count",
        labels: PODS,
        not_failed: r#"status!~"5.*""#,
        latency: Latency::Quantile("http_request_duration_seconds_bucket"),
        latency_in_seconds: true,
        ..ISTIO
    },
    Observer {
        names: &["linkerd"],
        counter: "response_total",
        labels: r#"namespace="{{ namespace }}",deployment=~"{{ target }}",direction="inbound""#,
        not_failed: r#"classification!="failure""#,
        latency: Latency::Quantile("response_latency_ms_bucket"),
        ..ISTIO
    },
    Observer {
        names: &["nginx"],
        counter: "nginx_ingress_controller_requests",
        labels: r#"namespace="{{ namespace }}",ingress="{{ ingress }}",canary!="""#,
        not_failed: r#"status!~"5.*""#,
        latency: Latency::Mean("nginx_ingress_controller_response_duration_seconds"),
        latency_in_seconds: true,
        ..ISTIO
    },
    Observer {
        names: &["appmesh"],
        labels: PODS,
        ..ENVOY
    },
    Observer {
        names: &["contour"],
        labels: r#"envoy_cluster_name=~"{{ namespace }}_{{ service }}-canary_[0-9a-zA-Z-]+""#,
        ..ENVOY
    },
    Observer {
        names: &["gloo"],
        // Flagger asks for the target's name, where the Upstream it makes has the Service's; and Gloo says more since its
        // version 1.19, and something else where a route names the Service itself.
        labels: concat!(
            r#"envoy_cluster_name=~"(kube-upstream_)?{{ namespace }}-{{ service }}-canaryupstream-[0-9a-zA-Z_-]+"#,
            r#"|kube-svc_{{ namespace }}-{{ service }}-canary-[0-9]+_[0-9a-zA-Z_-]+""#
        ),
        ..ENVOY
    },
    Observer {
        names: &["kuma"],
        // The tag of the Service that selects a proxy's pod. Flagger asks for the target's name, under which there is nothing
        // where the Service is called something else.
        labels: r#"service=~"{{ service }}-canary_{{ namespace }}_svc_[0-9a-zA-Z-]+""#,
        ..ENVOY
    },
    Observer {
        names: &["knative"],
        labels: r#"envoy_cluster_name=~"{{ namespace }}/{{ route }}""#,
        ..ENVOY
    },
    Observer {
        names: &["osm"],
        counter: "osm_request_total",
        labels: concat!(
            r#"destination_namespace="{{ namespace }}",destination_kind="Deployment","#,
            r#"destination_name="{{ target }}""#
        ),
        latency: Latency::Quantile("osm_request_duration_ms_bucket"),
        ..ISTIO
    },
    Observer {
        names: &["apisix"],
        counter: "apisix_http_status",
        // Flagger asks for the target's name, where the route it makes has the Service's.
        labels: r#"route=~"{{ namespace }}_{{ route }}-{{ service }}-canary_.+""#,
        not_failed: r#"code!~"5..""#,
        latency: Latency::Quantile("apisix_http_latency_bucket"),
        latency_labels: r#"type=~"request""#,
        ..ISTIO
    },
    Observer {
        names: &["traefik"],
        counter: "traefik_service_request_duration_seconds_bucket",
        // Flagger asks for the target's name, under which Traefik has nothing where the Service is called something else.
        labels: r#"service=~"{{ namespace }}-{{ service }}-canary-[0-9a-zA-Z-]+@kubernetescrd""#,
        not_failed: r#"code!~"5..""#,
        counter_labels: r#"le="+Inf""#,
        latency: Latency::Quantile("traefik_service_request_duration_seconds_bucket"),
        latency_in_seconds: true,
        ..ISTIO
    },
    Observer {
        names: &["skipper"],
        counter: "skipper_response_duration_seconds_bucket",
        labels: r#"route=~"kube(ew)?_{{ namespace }}__{{ ingress }}_canary__.*__{{ service }}_canary(_[0-9]+)?""#,
        not_failed: r#"code!~"5..""#,
        counter_labels: r#"le="+Inf""#,
        latency: Latency::Mean("skipper_serve_route_duration_seconds"),
        latency_in_seconds: true,
        word_characters_only: true,
        ..ISTIO
    },
];
