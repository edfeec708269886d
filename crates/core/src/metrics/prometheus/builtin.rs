//! The built-in metrics in PromQL: which query each mesh or ingress answers them with.

use crate::metrics::builtin::Builtin;
use crate::template::{RenderError, Variables, render};
use table::{Latency, OBSERVERS, Observer};

mod table;

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
