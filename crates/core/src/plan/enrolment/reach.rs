//! What the user wrote about the target's pods and that would miss primary's: budgets, network policies, and what other
//! tools select pods by. Pure.
//!
//! Primary's pods carry the target's labels but for one value, so whatever selects by that value sees the half that rests.

use crate::plan::Selector;
use serde_json::{Map, Value};
use std::fmt;

/// Something that selects the target's pods and not primary's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// NetworkPolicy, or one of [`FOREIGN`].
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Which of its selectors, as a path.
    pub path: &'static str,
    key: String,
    value: String,
    by: By,
}

/// By what an object finds pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A whole label selector.
    Selector,
    /// Labels, each with one value.
    Labels,
    /// The workload's kind and name.
    Name,
}

/// A kind of another tool that finds the pods of an app by itself.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// Group of its API.
    pub group: &'static str,
    /// Version of its API.
    pub version: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// Where it says which pods it is about, as a JSON pointer.
    at: &'static str,
    path: &'static str,
    by: By,
}

/// Kinds that are looked for where a pair is made, if the cluster has them.
pub const FOREIGN: [Foreign; 6] = [
    foreign(
        ("autoscaling.k8s.io", "v1"),
        ("VerticalPodAutoscaler", "verticalpodautoscalers"),
        ("/spec/targetRef", "spec.targetRef"),
        By::Name,
    ),
    foreign(
        ("monitoring.coreos.com", "v1"),
        ("PodMonitor", "podmonitors"),
        ("/spec/selector", "spec.selector"),
        By::Selector,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("AuthorizationPolicy", "authorizationpolicies"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("PeerAuthentication", "peerauthentications"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("RequestAuthentication", "requestauthentications"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("cilium.io", "v2"),
        ("CiliumNetworkPolicy", "ciliumnetworkpolicies"),
        ("/spec/endpointSelector", "spec.endpointSelector"),
        By::Selector,
    ),
];

const fn foreign(
    (group, version): (&'static str, &'static str),
    (kind, plural): (&'static str, &'static str),
    (at, path): (&'static str, &'static str),
    by: By,
) -> Foreign {
    Foreign {
        group,
        version,
        kind,
        plural,
        at,
        path,
        by,
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            name,
            path,
            key,
            value,
            by,
        } = self;
        write!(f, "{kind} {name:?} does not cover the pods that serve: its {path} ")?;
        match by {
            By::Name => return write!(f, "names {value}, whose pods rest; let it name {value}-primary"),
            By::Selector | By::Labels => write!(
                f,
                "selects {key}={value}, primary's pods have {key}={value}-primary; select "
            )?,
        }
        if *by == By::Selector {
            write!(
                f,
                "both: matchExpressions: [{{key: {key}, operator: In, values: [{value}, {value}-primary]}}]"
            )
        } else {
            f.write_str("by another label that both have")
        }
    }
}

/// The first NetworkPolicy under which primary's pods would not be what the target's are: of the target's own namespace, or
/// of another one that names its pods as peers. `namespace` are the labels of the target's.
pub fn cut_off(
    target: &Value,
    selector: &Selector,
    policies: &[Value],
    namespace: &Map<String, Value>,
) -> Option<Missed> {
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let of = |policy: &Value| text(policy, "/metadata/namespace");
    let own = text(target, "/metadata/namespace");
    let in_reach = |policy: &&Value| of(policy).is_none() || of(policy) == own;
    let (inside, outside): (Vec<&Value>, Vec<&Value>) = policies.iter().partition(in_reach);
    // A peer without a namespace selector is of the policy's own namespace; one with it, of those that have its labels.
    let narrowed = |policy: &Value, own: bool| {
        let mut policy = policy.clone();
        for (rules, side) in [("/spec/ingress", "from"), ("/spec/egress", "to")] {
            let rules = policy.pointer_mut(rules).and_then(Value::as_array_mut);
            let peers = rules
                .into_iter()
                .flatten()
                .filter_map(|rule| rule.get_mut(side)?.as_array_mut());
            for peers in peers {
                peers.retain(|peer| match peer.get("namespaceSelector") {
                    None => own,
                    Some(selector) => matches(selector, namespace),
                });
            }
        }
        if let Some(spec) = policy.get_mut("spec").and_then(Value::as_object_mut).filter(|_| !own) {
            spec.remove("podSelector");
        }
        policy
    };
    let inside = inside.into_iter().map(|policy| narrowed(policy, true));
    let outside = outside.into_iter().map(|policy| narrowed(policy, false));
    let policies: Vec<Value> = inside.chain(outside).collect();
    missed(target, selector, &policies, &[]).into_iter().next()
}

/// Those of `budgets` that cover the target's pods and would miss primary's.
pub fn uncovered<'a>(
    target: &Value,
    selector: &Selector,
    budgets: impl Iterator<Item = &'a Value>,
) -> impl Iterator<Item = &'a Value> {
    let (pods, primary) = labels(target, selector);
    budgets.filter(move |budget| {
        let selects = budget.pointer("/spec/selector");
        selects.is_some_and(|selects| matches(selects, &pods) && !matches(selects, &primary))
    })
}

/// Whether any of `budgets` covers primary's pods.
pub fn covers_primary<'a>(target: &Value, selector: &Selector, mut budgets: impl Iterator<Item = &'a Value>) -> bool {
    let (_, primary) = labels(target, selector);
    budgets.any(|budget| {
        budget
            .pointer("/spec/selector")
            .is_some_and(|selects| matches(selects, &primary))
    })
}

// Those of the target's pods and of primary's.
fn labels(target: &Value, selector: &Selector) -> (Map<String, Value>, Map<String, Value>) {
    let pods = target
        .pointer("/spec/template/metadata/labels")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_else(|| selector.target_labels());
    let mut primary = pods.clone();
    primary.insert(selector.key.clone(), Value::String(selector.primary_value()));
    (pods, primary)
}

/// What of `policies`, and of the objects of other tools, would miss primary; all of the target's namespace.
pub fn missed(target: &Value, selector: &Selector, policies: &[Value], others: &[(Foreign, Value)]) -> Vec<Missed> {
    let (pods, primary) = labels(target, selector);
    let misses = |labels: &Value| matches(labels, &pods) && !matches(labels, &primary);
    let name = |object: &Value| {
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        name.unwrap_or_default().to_owned()
    };
    let policies = policies.iter().filter_map(|policy| {
        Some(Missed {
            kind: "NetworkPolicy",
            name: name(policy),
            path: missing_path(policy, misses)?,
            key: selector.key.clone(),
            value: selector.value.clone(),
            by: By::Selector,
        })
    });
    let own = name(target);
    let names = |reference: &Value| {
        let text = |field: &str| reference.get(field).and_then(Value::as_str);
        text("kind") == target.get("kind").and_then(Value::as_str).or(Some("Deployment")) && text("name") == Some(&own)
    };
    let others = others.iter().filter_map(|(of, object)| {
        let says = object.pointer(of.at)?;
        let (found, value) = match of.by {
            By::Name => (names(says), &own),
            By::Selector | By::Labels => (misses(says), &selector.value),
        };
        found.then(|| Missed {
            kind: of.kind,
            name: name(object),
            path: of.path,
            key: selector.key.clone(),
            value: value.clone(),
            by: of.by,
        })
    });
    policies.chain(others).collect()
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

    fn found(monitors: &[Value], policies: &[Value]) -> Vec<String> {
        let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
        let others: Vec<(Foreign, Value)> = monitors.iter().map(|one| (kind("PodMonitor"), one.clone())).collect();
        let found = missed(&target(), &selector, policies, &others);
        found.iter().map(ToString::to_string).collect()
    }

    fn kind(name: &str) -> Foreign {
        FOREIGN.into_iter().find(|one| one.kind == name).unwrap()
    }

    #[test]
    fn what_other_tools_select_by_is_told_with_what_they_can_say() {
        let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
        let mut web = target();
        web["metadata"] = json!({"name": "web"});
        let said = |name: &str, spec: Value| {
            let object = json!({"metadata": {"name": "one"}, "spec": spec});
            let found = missed(&web, &selector, &[], &[(kind(name), object)]);
            found.first().map(ToString::to_string)
        };
        let scaled = |kind: &str, name: &str| json!({"targetRef": {"kind": kind, "name": name}});
        assert_eq!(
            said("VerticalPodAutoscaler", scaled("Deployment", "web")).unwrap(),
            "VerticalPodAutoscaler \"one\" does not cover the pods that serve: its spec.targetRef names web, whose pods rest; let \
             it name web-primary"
        );
        assert_eq!(said("VerticalPodAutoscaler", scaled("Deployment", "web-primary")), None);
        assert_eq!(said("VerticalPodAutoscaler", scaled("StatefulSet", "web")), None);
        let labels = json!({"selector": {"matchLabels": {"app": "web"}}});
        let of_istio = said("AuthorizationPolicy", labels).unwrap();
        assert!(
            of_istio.ends_with("select by another label that both have"),
            "{of_istio}"
        );
        assert_eq!(said("AuthorizationPolicy", json!({})), None, "all pods");
        let endpoints = json!({"endpointSelector": {"matchLabels": {"app": "web"}}});
        assert!(said("CiliumNetworkPolicy", endpoints).is_some());
    }

    fn monitor(selector: Value) -> Value {
        json!({"metadata": {"name": "keep"}, "spec": {"selector": selector}})
    }

    fn policy(spec: Value) -> Value {
        json!({"metadata": {"name": "wall"}, "spec": spec})
    }

    #[test]
    fn a_selector_by_the_one_label_that_differs_is_named_with_the_fix() {
        assert_eq!(
            found(&[monitor(json!({"matchLabels": {"app": "web"}}))], &[]),
            [
                "PodMonitor \"keep\" does not cover the pods that serve: its spec.selector selects app=web, primary's pods \
              have app=web-primary; select both: matchExpressions: [{key: app, operator: In, values: [web, web-primary]}]"
            ]
        );
        let said = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]});
        assert_eq!(found(&[monitor(said)], &[]).len(), 1);
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
            assert_eq!(found(&[monitor(selector)], &[]), Vec::<String>::new());
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
