//! What the user wrote about the target's pods and that would miss primary's: budgets, network policies, and what other
//! tools select pods by. Pure.
//!
//! Primary's pods carry the target's labels but for one value, so whatever selects by that value sees the half that rests.

mod foreign;
mod large;
mod policies;
mod selects;

use crate::object::text;
use crate::plan::Selector;
pub use foreign::{By, FOREIGN, Foreign};
pub use large::{MOST_SELECTORS, TOO_LARGE, slim, too_large};
use policies::missing_path;
pub use policies::{Outsider, cut_off, cut_off_by_others};
use selects::matches;
use serde_json::{Map, Value};
use std::fmt;

/// Something that selects the target's pods and not primary's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// NetworkPolicy, or one of [`FOREIGN`].
    pub kind: &'static str,
    /// Name of the object that selects.
    pub name: String,
    /// Which of its selectors, as a path.
    pub path: &'static str,
    key: String,
    value: String,
    by: By,
}

impl Missed {
    fn new(kind: &'static str, object: &Value, path: &'static str, (key, value): (&str, &str), by: By) -> Self {
        Self {
            kind,
            name: text(object, "/metadata/name").to_owned(),
            path,
            key: key.to_owned(),
            value: value.to_owned(),
            by,
        }
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
    let policies = policies.iter().filter_map(|policy| {
        let path = missing_path(policy, misses)?;
        let label = (selector.key.as_str(), selector.value.as_str());
        Some(Missed::new("NetworkPolicy", policy, path, label, By::Selector))
    });
    let own = text(target, "/metadata/name");
    let names = |reference: &Value| {
        let text = |field: &str| reference.get(field).and_then(Value::as_str);
        text("kind") == target.get("kind").and_then(Value::as_str).or(Some("Deployment")) && text("name") == Some(own)
    };
    let others = others.iter().filter_map(|(of, object)| {
        let says = object.pointer(of.at)?;
        let (found, value) = match of.by {
            By::Name => (names(says), own),
            By::Selector | By::Labels => (misses(says), selector.value.as_str()),
        };
        found.then(|| Missed::new(of.kind, object, of.path, (selector.key.as_str(), value), of.by))
    });
    policies.chain(others).collect()
}

#[cfg(test)]
mod tests;
