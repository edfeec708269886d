//! Where the values of metrics come from, and in which order they are asked for.

use super::builtin::Builtin;
use crate::api::canary::Metric;

/// Where a value came from, which decides bounds and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A built-in query.
    Builtin(Builtin),
    /// The metric's own `query`.
    Inline,
    /// The query of a MetricTemplate.
    Template,
}

/// Each metric with each of its sources, in Flagger's order: first built-in and inline ones, then templates.
pub fn in_order(metrics: &[Metric]) -> impl Iterator<Item = (&Metric, Source)> {
    let first = metrics.iter().flat_map(direct);
    let then = metrics
        .iter()
        .filter(|metric| needs_template(metric))
        .map(|metric| (metric, Source::Template));
    first.chain(then)
}

/// The metric's own query.
pub fn inline_query(metric: &Metric) -> Option<&str> {
    metric.query.as_deref().filter(|query| !query.is_empty())
}

/// The ways of a metric that need no template: its name, its query, or both.
fn direct(metric: &Metric) -> impl Iterator<Item = (&Metric, Source)> {
    let builtin = Builtin::named(&metric.name).map(Source::Builtin);
    let inline = inline_query(metric).map(|_| Source::Inline);
    builtin.into_iter().chain(inline).map(move |source| (metric, source))
}

/// Whether a template is named, or nothing at all is, which is an error of the template pass.
fn needs_template(metric: &Metric) -> bool {
    metric.template_ref.is_some() || direct(metric).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::canary::NamespacedRef;

    #[test]
    fn templates_come_last_and_a_metric_without_a_source_among_them() {
        let metric = |name: &str, query: Option<&str>, template: bool| Metric {
            name: name.to_owned(),
            query: query.map(str::to_owned),
            template_ref: template.then(NamespacedRef::default),
            ..Metric::default()
        };
        let metrics = [
            metric("nothing", Some(""), false),
            metric("request-duration", None, true),
            metric("request-success-rate", Some("up"), false),
        ];
        let asked: Vec<_> = in_order(&metrics)
            .map(|(metric, source)| (metric.name.as_str(), source))
            .collect();
        assert_eq!(
            asked,
            [
                ("request-duration", Source::Builtin(Builtin::Duration)),
                ("request-success-rate", Source::Builtin(Builtin::SuccessRate)),
                ("request-success-rate", Source::Inline),
                ("nothing", Source::Template),
                ("request-duration", Source::Template),
            ]
        );
    }
}
