//! What the user wrote about the target's pods and that would miss primary's: budgets and network policies. Pure.
//!
//! Primary's pods carry the target's labels but for one value, so whatever selects by that value sees the half that rests.

use super::Selector;
use serde_json::{Map, Value};
use std::fmt;

/// Something that selects the target's pods and not primary's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// PodDisruptionBudget or NetworkPolicy.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Which of its selectors, as a path.
    pub path: &'static str,
    key: String,
    value: String,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            name,
            path,
            key,
            value,
        } = self;
        write!(
            f,
            "{kind} {name:?} does not cover the pods that serve: its {path} selects {key}={value}, primary's pods have \
             {key}={value}-primary; select both: matchExpressions: [{{key: {key}, operator: In, values: [{value}, {value}-primary]}}]"
        )
    }
}

/// What of `budgets` and `policies` (of the target's namespace) would miss primary.
pub fn missed(target: &Value, selector: &Selector, budgets: &[Value], policies: &[Value]) -> Vec<Missed> {
    let pods = target
        .pointer("/spec/template/metadata/labels")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_else(|| selector.target_labels());
    let mut primary = pods.clone();
    primary.insert(selector.key.clone(), Value::String(selector.primary_value()));
    let misses = |labels: &Value| matches(labels, &pods) && !matches(labels, &primary);
    let named = |kind, object: &Value, path| Missed {
        kind,
        name: object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        path,
        key: selector.key.clone(),
        value: selector.value.clone(),
    };
    let budgets = budgets
        .iter()
        .filter(|budget| budget.pointer("/spec/selector").is_some_and(misses))
        .map(|budget| named("PodDisruptionBudget", budget, "spec.selector"));
    let policies = policies.iter().filter_map(|policy| {
        let path = missing_path(policy, misses)?;
        Some(named("NetworkPolicy", policy, path))
    });
    budgets.chain(policies).collect()
}

// The first of a policy's selectors that misses: whom it protects, whom it lets in, whom it lets out to.
fn missing_path(policy: &Value, misses: impl Fn(&Value) -> bool) -> Option<&'static str> {
    let peers = |rules: &str, side: &str| {
        let rules = policy.pointer(rules).and_then(Value::as_array).into_iter().flatten();
        let peers = rules.filter_map(|rule| rule.get(side)?.as_array()).flatten();
        peers.filter_map(|peer| peer.get("podSelector")).any(&misses)
    };
    if policy.pointer("/spec/podSelector").is_some_and(&misses) {
        Some("spec.podSelector")
    } else if peers("/spec/ingress", "from") {
        Some("spec.ingress.from.podSelector")
    } else if peers("/spec/egress", "to") {
        Some("spec.egress.to.podSelector")
    } else {
        None
    }
}

/// Whether a label selector selects pods with these labels. An empty one selects all, none at all selects nothing.
fn matches(selector: &Value, labels: &Map<String, Value>) -> bool {
    let Some(selector) = selector.as_object() else {
        return false;
    };
    let mut equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut said = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    equal.all(|(key, value)| labels.get(key) == Some(value)) && said.all(|expression| holds(expression, labels))
}

fn holds(expression: &Value, labels: &Map<String, Value>) -> bool {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let values = expression.get("values").and_then(Value::as_array);
    let value = labels.get(text("key"));
    let listed = value.is_some_and(|value| values.is_some_and(|values| values.contains(value)));
    match text("operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target() -> Value {
        json!({"spec": {"selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}}}})
    }

    fn found(budgets: &[Value], policies: &[Value]) -> Vec<String> {
        let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
        let found = missed(&target(), &selector, budgets, policies);
        found.iter().map(ToString::to_string).collect()
    }

    fn budget(selector: Value) -> Value {
        json!({"metadata": {"name": "keep"}, "spec": {"selector": selector}})
    }

    fn policy(spec: Value) -> Value {
        json!({"metadata": {"name": "wall"}, "spec": spec})
    }

    #[test]
    fn a_budget_by_the_one_label_that_differs_is_named_with_the_fix() {
        assert_eq!(
            found(&[budget(json!({"matchLabels": {"app": "web"}}))], &[]),
            [
                "PodDisruptionBudget \"keep\" does not cover the pods that serve: its spec.selector selects app=web, primary's pods \
              have app=web-primary; select both: matchExpressions: [{key: app, operator: In, values: [web, web-primary]}]"
            ]
        );
        let said = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]});
        assert_eq!(found(&[budget(said)], &[]).len(), 1);
    }

    #[test]
    fn what_selects_both_or_neither_is_fine() {
        for selector in [
            json!({}),
            json!({"matchLabels": {"tier": "front"}}),
            json!({"matchLabels": {"app": "other"}}),
            json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "web-primary"]}]}),
            json!({"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "gone", "operator": "DoesNotExist"}]}),
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]}),
            Value::Null,
        ] {
            assert_eq!(found(&[budget(selector)], &[]), Vec::<String>::new());
        }
    }

    #[test]
    fn every_selector_of_a_network_policy_counts() {
        let own = json!({"matchLabels": {"app": "web"}});
        for (spec, path) in [
            (json!({"podSelector": own}), "spec.podSelector"),
            (
                json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{}, {"from": [{"podSelector": own}]}]}),
                "spec.ingress.from.podSelector",
            ),
            (
                json!({"podSelector": {"matchLabels": {"app": "gw"}}, "egress": [{"to": [{"ipBlock": {}}, {"podSelector": own}]}]}),
                "spec.egress.to.podSelector",
            ),
        ] {
            let said = found(&[], &[policy(spec)]);
            assert!(
                said[0].starts_with("NetworkPolicy \"wall\"") && said[0].contains(path),
                "{said:?}"
            );
        }
        assert_eq!(found(&[], &[policy(json!({"podSelector": {}}))]), Vec::<String>::new());
    }
}
