//! Which label tells the two halves of a pair apart.

use crate::object::text;
use crate::routing::Pods;
use serde_json::{Map, Value};
use thiserror::Error;

/// The keys Flagger looks for, in its order (`--selector-labels`).
pub const DEFAULT_KEYS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// What a value on primary's pods ends with.
const SUFFIX: &str = "-primary";

/// Longest label value Kubernetes takes.
const MAX_LABEL_VALUE: usize = 63;

/// Why a target cannot be paired by its selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// None of the keys is in `spec.selector.matchLabels`.
    #[error("deployment {name}.{namespace} spec.selector.matchLabels must contain one of [{keys}]")]
    NoKey {
        /// Name of the target.
        name: String,
        /// Namespace of the target.
        namespace: String,
        /// The keys that were looked for.
        keys: String,
    },
    /// `{value}-primary` does not fit.
    #[error("with -primary, the label {key}={value} is longer than 63 characters")]
    TooLong {
        /// The label's key.
        key: String,
        /// Value of that label on the target's pods.
        value: String,
    },
}

/// How the pods of the two halves are told apart. All labels of a target are kept for a new primary and one value changes,
/// so that two releases of one chart never mix; a primary that lives keeps the labels its pods have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The label whose value changes.
    pub key: String,
    /// Its value on the target's pods.
    pub value: String,
    target: Map<String, Value>,
    primary: Map<String, Value>,
}

impl Selector {
    /// What a *new* primary for `target` (a Deployment) gets.
    pub fn of(target: &Value, keys: &[String]) -> Result<Self, SelectorError> {
        let labels = match_labels(target);
        let known = |key: &String| Some((key.clone(), labels.get(key)?.as_str()?.to_owned()));
        let Some((key, value)) = keys.iter().find_map(known) else {
            return Err(no_key(target, keys));
        };
        if value.len() + SUFFIX.len() > MAX_LABEL_VALUE {
            return Err(SelectorError::TooLong { key, value });
        }
        let mut primary = labels.clone();
        primary.insert(key.clone(), Value::String(format!("{value}{SUFFIX}")));
        Ok(Self {
            key,
            value,
            target: labels,
            primary,
        })
    }

    /// The pair as it lives. Each half is selected by the labels its own pods have: a selector never changes in place, so
    /// a target that was made again with another one leaves primary's pods where they are found. Of a half that does not
    /// exist the labels are derived from the other.
    pub fn of_pair(target: Option<&Value>, primary: Option<&Value>, keys: &[String]) -> Result<Self, SelectorError> {
        let kept = primary.map(match_labels).filter(|labels| !labels.is_empty());
        match (target, kept) {
            (Some(target), Some(kept)) => Self::of_both(target, kept, keys),
            (Some(target), None) => Self::of(target, keys),
            (None, Some(kept)) => reversed(kept, keys).ok_or_else(|| no_key(primary.unwrap_or(&Value::Null), keys)),
            (None, None) => Err(no_key(primary.unwrap_or(&Value::Null), keys)),
        }
    }

    // No primary can be made for a target without a known label, but the one that serves can be kept.
    fn of_both(target: &Value, kept: Map<String, Value>, keys: &[String]) -> Result<Self, SelectorError> {
        match Self::of(target, keys) {
            Ok(new) => Ok(Self { primary: kept, ..new }),
            Err(why) => {
                let pair = reversed(kept, keys).ok_or(why)?;
                Ok(Self {
                    target: match_labels(target),
                    ..pair
                })
            }
        }
    }

    /// For a target that selects by itself, such as a core Service: its halves differ by name only.
    pub fn by_name(name: &str) -> Self {
        let key = DEFAULT_KEYS.first().copied().unwrap_or_default().to_owned();
        let primary = Map::from_iter([(key.clone(), Value::String(format!("{name}{SUFFIX}")))]);
        Self {
            key,
            value: name.to_owned(),
            target: Map::new(),
            primary,
        }
    }

    /// Flagger's default keys, as [`Selector::of`] takes them.
    pub fn default_keys() -> Vec<String> {
        DEFAULT_KEYS.iter().map(|key| (*key).to_owned()).collect()
    }

    /// The value of [`Self::key`] on primary's pods.
    pub fn primary_value(&self) -> String {
        let own = self.primary.get(&self.key).and_then(Value::as_str);
        own.map_or_else(|| format!("{}{SUFFIX}", self.value), str::to_owned)
    }

    /// Labels that select the target's pods.
    pub fn target_labels(&self) -> Map<String, Value> {
        self.target.clone()
    }

    /// Labels that select primary's pods.
    pub fn primary_labels(&self) -> Map<String, Value> {
        self.primary.clone()
    }

    /// Both, as a mesh is told of them.
    pub fn pods(&self) -> Pods {
        Pods {
            primary: self.primary_labels(),
            canary: self.target_labels(),
        }
    }

    /// Whether a Service's selector picks primary's pods: one of its labels is theirs and not one of `pods`, which are the
    /// labels of the target's pods.
    pub fn picks_primary(&self, selects: &Map<String, Value>, pods: &Map<String, Value>) -> bool {
        let theirs = |(key, value): (&String, &Value)| self.primary.get(key) == Some(value);
        selects
            .iter()
            .any(|label| theirs(label) && pods.get(label.0) != Some(label.1))
    }
}

/// What is left of a pair of which only primary lives.
fn reversed(primary: Map<String, Value>, keys: &[String]) -> Option<Selector> {
    let stripped = |key: &String| {
        let value = primary.get(key)?.as_str()?.strip_suffix(SUFFIX)?;
        Some((key.clone(), value.to_owned()))
    };
    let (key, value) = keys
        .iter()
        .find_map(stripped)
        .or_else(|| primary.keys().find_map(stripped))?;
    let mut target = primary.clone();
    target.insert(key.clone(), Value::String(value.clone()));
    Some(Selector {
        key,
        value,
        target,
        primary,
    })
}

fn match_labels(workload: &Value) -> Map<String, Value> {
    let labels = workload.pointer("/spec/selector/matchLabels");
    labels.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn no_key(workload: &Value, keys: &[String]) -> SelectorError {
    SelectorError::NoKey {
        name: text(workload, "/metadata/name").to_owned(),
        namespace: text(workload, "/metadata/namespace").to_owned(),
        keys: keys.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(labels: Value) -> Result<Selector, SelectorError> {
        let target =
            json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": labels}}});
        Selector::of(&target, &Selector::default_keys())
    }

    #[test]
    fn one_value_changes_and_the_others_stay() {
        let selector = of(json!({"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "blue"})).unwrap();
        assert_eq!(
            Value::Object(selector.primary_labels()),
            json!({"app.kubernetes.io/name": "web-primary", "app.kubernetes.io/instance": "blue"})
        );
    }

    #[test]
    fn a_selector_without_a_known_key_is_named_in_flaggers_words() {
        assert_eq!(
            of(json!({"tier": "web"})).unwrap_err().to_string(),
            "deployment web.shop spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]"
        );
        assert!(matches!(
            of(json!({"app": "x".repeat(56)})),
            Err(SelectorError::TooLong { .. })
        ));
    }

    fn workload(labels: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": labels}}})
    }

    fn pair(target: Value, primary: Value) -> (Value, Value) {
        let object = |labels: &Value| labels.is_object().then(|| workload(labels));
        let (target, primary) = (object(&target), object(&primary));
        let selector = Selector::of_pair(target.as_ref(), primary.as_ref(), &Selector::default_keys()).unwrap();
        (
            Value::Object(selector.target_labels()),
            Value::Object(selector.primary_labels()),
        )
    }

    #[test]
    fn each_half_is_found_by_the_labels_its_own_pods_have() {
        let named = |value: &str| json!({"app": value});
        let chart = |value: &str| json!({"app.kubernetes.io/name": value, "app.kubernetes.io/instance": "prod"});
        for (what, target, primary, of_target, of_primary) in [
            ("new", named("web"), Value::Null, named("web"), named("web-primary")),
            (
                "gone",
                Value::Null,
                named("web-primary"),
                named("web"),
                named("web-primary"),
            ),
            (
                "gone, chart",
                Value::Null,
                chart("web-primary"),
                chart("web"),
                chart("web-primary"),
            ),
            (
                "another value",
                named("web2"),
                named("web-primary"),
                named("web2"),
                named("web-primary"),
            ),
            (
                "another key",
                chart("web"),
                named("web-primary"),
                chart("web"),
                named("web-primary"),
            ),
            (
                "Flagger's single label",
                json!({"app": "web", "tier": "front"}),
                named("web-primary"),
                json!({"app": "web", "tier": "front"}),
                named("web-primary"),
            ),
            (
                "no known key any more",
                json!({"tier": "front"}),
                named("web-primary"),
                json!({"tier": "front"}),
                named("web-primary"),
            ),
            (
                "primary without a selector",
                named("web"),
                json!({}),
                named("web"),
                named("web-primary"),
            ),
        ] {
            assert_eq!(pair(target, primary), (of_target, of_primary), "{what}");
        }
    }

    #[test]
    fn without_a_half_or_a_known_label_there_is_no_pair() {
        let keys = Selector::default_keys();
        let (unknown, none) = (workload(&json!({"tier": "web"})), None);
        for (target, primary) in [
            (none, none),
            (Some(&unknown), none),
            (none, Some(&unknown)),
            (Some(&unknown), Some(&unknown)),
        ] {
            let why = Selector::of_pair(target, primary, &keys);
            assert!(matches!(why, Err(SelectorError::NoKey { .. })), "{why:?}");
        }
    }

    #[test]
    fn a_value_changes_to_what_primary_really_has() {
        let (target, primary) = (
            workload(&json!({"app": "web2"})),
            workload(&json!({"app": "web-primary"})),
        );
        let selector = Selector::of_pair(Some(&target), Some(&primary), &Selector::default_keys()).unwrap();
        assert_eq!(
            (selector.value.as_str(), selector.primary_value().as_str()),
            ("web2", "web-primary")
        );
    }
}
