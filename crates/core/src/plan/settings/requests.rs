//! Which metrics are about requests: where none can reach a canary they have no values, and every release would fail for
//! want of them. Pure.

use crate::api::{canary::Metric, policy::CanaryPolicySpec};

/// What queries name a route or Service of the pair by.
const NAMES: [&str; 3] = ["service", "ingress", "route"];
/// What the series of gateways call the canary's Service.
const CANARY_SERVICE: &str = "-canary";

/// Whether a metric measures requests that a route or Service has sent: one of the built-in ones, or a query that names a
/// Service or route of the pair. Of a MetricTemplate the text is not known here, see [`query_about_requests`].
pub fn about_requests(metric: &Metric) -> bool {
    let query = metric.query.as_deref().filter(|query| !query.is_empty());
    match (query, &metric.template_ref) {
        (Some(query), _) => query_about_requests(query),
        (None, Some(_)) => false,
        (None, None) => metric.is_builtin(),
    }
}

/// Names of the metrics of a policy whose templates ask about requests. `query` is the text of the template of that namespace
/// and name, where it is known; `namespace` that of the Canary.
pub fn by_template(
    policy: &CanaryPolicySpec,
    namespace: &str,
    query: impl Fn(&str, &str) -> Option<String>,
) -> Vec<String> {
    let metrics = policy
        .analysis
        .iter()
        .flat_map(|analysis| analysis.metrics.iter().flatten());
    let about = |metric: &&Metric| {
        let template = metric.template_ref.as_ref();
        let text = template.and_then(|of| query(of.namespace_or(namespace), &of.name));
        text.is_some_and(|text| query_about_requests(&text))
    };
    metrics.filter(about).map(|metric| metric.name.clone()).collect()
}

/// Whether the text of a query names a Service or route of the pair.
pub fn query_about_requests(query: &str) -> bool {
    query.contains(CANARY_SERVICE) || actions(query).any(|action| words(action).any(|word| NAMES.contains(&word)))
}

/// What stands between `{{` and `}}`.
fn actions(query: &str) -> impl Iterator<Item = &str> {
    let after = query.split("{{").skip(1);
    after.filter_map(|rest| rest.split_once("}}").map(|(action, _)| action))
}

// Keys of `variables` are words after a dot, and mean something else.
fn words(action: &str) -> impl Iterator<Item = &str> {
    action.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_about_requests_name_a_service_or_route_of_the_pair() {
        for (query, expected) in [
            (r#"x{service=~"{{ namespace }}-{{service}}-canary-.*"}"#, true),
            (r#"x{route="{{- route -}}"}"#, true),
            (r#"{{ printf "%s_x" ingress }}"#, true),
            (r#"x{host="shop-canary"}"#, true),
            (r#"queue_depth{app="{{ target }}"}"#, false),
            (r#"x{service="billing"}"#, false),
            ("x{a=\"{{ variables.service }}\"}", false),
            ("x{a=\"{{ service", false),
        ] {
            assert_eq!(query_about_requests(query), expected, "{query}");
        }
    }

    #[test]
    fn the_built_in_metrics_are_about_requests_and_of_templates_nothing_is_known() {
        let named = |name: &str| Metric {
            name: name.into(),
            ..Metric::default()
        };
        assert!(about_requests(&named("request-success-rate")) && about_requests(&named("request-duration")));
        let templated = Metric {
            template_ref: Some(Default::default()),
            ..named("request-duration")
        };
        assert!(!about_requests(&templated) && !about_requests(&named("errors")));
        let inline = Metric {
            query: Some("vector(1)".into()),
            ..named("request-success-rate")
        };
        assert!(!about_requests(&inline));
    }

    #[test]
    fn metrics_of_a_policy_are_about_requests_by_the_text_of_their_templates() {
        let policy: CanaryPolicySpec = serde_json::from_value(serde_json::json!({"analysis": {"metrics": [
            {"name": "errors", "templateRef": {"name": "errors", "namespace": "shared"}},
            {"name": "depth", "templateRef": {"name": "depth"}},
            {"name": "unknown", "templateRef": {"name": "gone"}},
            {"name": "request-success-rate"},
        ]}}))
        .unwrap();
        let texts = |namespace: &str, name: &str| match (namespace, name) {
            ("shared", "errors") => Some(String::from(r#"x{service="{{ service }}-canary"}"#)),
            ("web", "depth") => Some(String::from(r#"queue_depth{app="{{ target }}"}"#)),
            _ => None,
        };
        assert_eq!(by_template(&policy, "web", texts), ["errors"]);
    }
}
