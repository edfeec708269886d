//! The built-in metrics `request-success-rate` and `request-duration`: which query each mesh or ingress
//! answers them with.

use super::template::{RenderError, Variables, render};
use table::{Latency, OBSERVERS, Observer};

mod table;

/// A metric that needs no query from the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Percent of requests that did not fail.
    SuccessRate,
    /// Latency in milliseconds, whole ones are used; the 99th percentile where there is a histogram.
    Duration,
}

impl Builtin {
    /// By the name a Canary gives, if it is one of ours.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "request-success-rate" => Some(Self::SuccessRate),
            "request-duration" => Some(Self::Duration),
            _ => None,
        }
    }
}

/// The metrics provider of a Canary, which messages name and which selects the queries.
///
/// `mesh` is the controller's `-mesh-provider`, `provider` the Canary's own, empty when unset.
/// `core_service` says that the target is a Service.
pub fn metrics_provider(mesh: &str, provider: &str, core_service: bool) -> String {
    let chosen = match provider {
        "" if mesh.contains("crossover") => "crossover",
        "" => mesh,
        // Linkerd's Prometheus sees all traffic, whatever routes it.
        _ if mesh.contains("linkerd") => "linkerd",
        own => own,
    };
    if core_service {
        format!("{chosen}:service")
    } else {
        chosen.to_owned()
    }
}

/// The query for `metric` as the store of `metrics_provider` understands it; Istio's where the provider
/// is not known, as in Flagger.
pub fn query(metrics_provider: &str, metric: Builtin, variables: &Variables) -> Result<String, RenderError> {
    let observer = observer(metrics_provider);
    let text = match metric {
        Builtin::SuccessRate => success_rate(observer),
        Builtin::Duration => duration(observer),
    };
    if observer.word_characters_only {
        return render(&text, &word_characters(variables));
    }
    render(&text, variables)
}

fn observer(provider: &str) -> &'static Observer {
    let prefixed = ["appmesh", "gloo", "gatewayapi"];
    let name = prefixed
        .into_iter()
        .find(|prefix| provider.starts_with(prefix))
        .unwrap_or(provider);
    OBSERVERS
        .iter()
        .find(|o| o.names.contains(&name))
        .unwrap_or(&table::ISTIO)
}

fn success_rate(o: &Observer) -> String {
    let all = joined(&[o.labels, o.counter_labels]);
    let good = joined(&[o.labels, o.not_failed, o.counter_labels]);
    // Flagger divides without the `or`: when every request fails there is no series of good ones, and
    // the worst release of all looks like one without traffic.
    format!(
        "({} or vector(0)) / {} * 100",
        sum_of_rate(o.counter, &good),
        sum_of_rate(o.counter, &all)
    )
}

fn duration(o: &Observer) -> String {
    let labels = joined(&[o.labels, o.latency_labels]);
    let query = match o.latency {
        Latency::Quantile(metric) => {
            format!("histogram_quantile(0.99, {} by (le))", sum_of_rate(metric, &labels))
        }
        Latency::Mean(metric) => {
            let part = |suffix: &str| sum_of_rate(&format!("{metric}_{suffix}"), &labels);
            format!("{} / {}", part("sum"), part("count"))
        }
    };
    if o.latency_in_seconds {
        format!("{query} * 1000")
    } else {
        query
    }
}

fn sum_of_rate(metric: &str, labels: &str) -> String {
    format!("sum(rate({metric}{{{labels}}}[{{{{ interval }}}}]))")
}

fn joined(matchers: &[&str]) -> String {
    let given: Vec<&str> = matchers.iter().copied().filter(|m| !m.is_empty()).collect();
    given.join(",")
}

/// Skipper writes `_` for everything that is not a word character in the names of its routes.
fn word_characters(v: &Variables) -> Variables {
    let word = |text: &String| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
            .collect()
    };
    Variables {
        name: word(&v.name),
        namespace: word(&v.namespace),
        target: word(&v.target),
        service: word(&v.service),
        ingress: word(&v.ingress),
        ..v.clone()
    }
}

#[cfg(test)]
mod tests;
