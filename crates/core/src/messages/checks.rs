//! Metrics that failed, had nothing to say or could not be asked.
//!
//! Values and bounds are texts already in Go's form (`metrics::number`, `GoDuration`).

/// Which side of a bound a value is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `<`
    Below,
    /// `>`
    Above,
}

impl Side {
    fn sign(self) -> char {
        match self {
            Self::Below => '<',
            Self::Above => '>',
        }
    }
}

/// The success rate is out of bounds; both in percent, without the sign.
pub fn success_rate(canary: &str, namespace: &str, value: &str, side: Side, bound: &str) -> String {
    let sign = side.sign();
    format!("Halt {canary}.{namespace} advancement success rate {value}% {sign} {bound}%")
}

/// The request duration is out of bounds; both Go durations.
pub fn request_duration(canary: &str, namespace: &str, value: &str, side: Side, bound: &str) -> String {
    let sign = side.sign();
    format!("Halt {canary}.{namespace} advancement request duration {value} {sign} {bound}")
}

/// An inline or template metric is out of bounds.
pub fn custom_metric(canary: &str, namespace: &str, metric: &str, value: &str, side: Side, bound: &str) -> String {
    let sign = side.sign();
    format!("Halt {canary}.{namespace} advancement {metric} {value} {sign} {bound}")
}

/// A built-in metric has no values. `error` only for the success rate, as in Flagger.
pub fn no_values_builtin(provider: &str, metric: &str, target: &str, namespace: &str, error: Option<&str>) -> String {
    let end = error.map(|error| format!(": {error}")).unwrap_or_default();
    format!(
        "Halt advancement no values found for {provider} metric {metric} probably \
         {target}.{namespace} is not receiving traffic{end}"
    )
}

/// An inline metric has no values.
pub fn no_values_inline(metric: &str) -> String {
    format!("Halt advancement no values found for metric: {metric}")
}

/// The store has no values, and the run's traffic is younger than the metric's interval; Flagger has no such text.
pub fn no_values_yet(metric: &str, seconds: u64, interval: &str) -> String {
    format!(
        "Waiting for values of metric {metric}: the canary has been tried for {seconds}s of the metric's interval \
         {interval}; this is no failed check"
    )
}

/// A template metric has no values.
pub fn no_values_template(metric: &str, error: &str) -> String {
    format!("Halt advancement no values found for custom metric: {metric}: {error}")
}

/// A built-in metric could not be asked of `store`.
pub fn query_failed_builtin(store: &str, error: &str) -> String {
    format!("{store} query failed: {error}")
}

/// An inline metric could not be asked of `store`.
pub fn query_failed_inline(store: &str, metric: &str, error: &str) -> String {
    format!("{store} query failed for {metric}: {error}")
}

/// A template metric could not be asked.
pub fn query_failed_template(metric: &str, error: &str) -> String {
    format!("Metric query failed for {metric}: {error}")
}

/// A metric says in no way how to measure.
pub const NO_USABLE_QUERY: &str = "Metric query failed for no usable metrics template and query were configured";

/// A MetricTemplate cannot be had.
pub fn template_error(template: &str, namespace: &str, error: &str) -> String {
    format!("Metric template {template}.{namespace} error: {error}")
}

/// The Secret of a MetricTemplate cannot be had.
pub fn template_secret_error(template: &str, namespace: &str, secret: &str, error: &str) -> String {
    format!("Metric template {template}.{namespace} secret {secret} error: {error}")
}

/// The provider of a MetricTemplate cannot be made.
pub fn template_provider_error(template: &str, namespace: &str, provider: &str, error: &str) -> String {
    format!("Metric template {template}.{namespace} provider {provider} error: {error}")
}

/// The query of a MetricTemplate cannot be rendered.
pub fn template_render_error(template: &str, namespace: &str, error: &str) -> String {
    format!("Metric template {template}.{namespace} query render error: {error}")
}

/// The address of the metrics server, a `store`, is unusable.
pub fn client_error(store: &str, url: &str, error: &str) -> String {
    format!("Error building {store} client for URL {url} {error}")
}

/// Ours: a metric that this version cannot ask for. The release waits and is not judged.
pub fn template_unsupported(metric: &str, template: &str, namespace: &str, kind: &str) -> String {
    format!(
        "Halt advancement metric {metric} waits: MetricTemplate {template}.{namespace} is of type {kind}, which is not \
         supported yet; nothing is judged until the Canary or the template changes"
    )
}
