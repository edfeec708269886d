//! Which label tells the two halves of a pair apart.

use serde_json::{Map, Value};
use thiserror::Error;

/// The keys Flagger looks for, in its order (`--selector-labels`).
pub const DEFAULT_KEYS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// Longest label value Kubernetes takes.
const MAX_LABEL_VALUE: usize = 63;

/// Why a target cannot be paired by its selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// None of the keys is in `spec.selector.matchLabels`.
    #[error("deployment {name}.{namespace} spec.selector.matchLabels must contain one of [{keys}]")]
    NoKey {
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The keys that were looked for.
        keys: String,
    },
    /// `{value}-primary` does not fit.
    #[error("the label {key}={value} cannot become {value}-primary, which is longer than 63 characters")]
    TooLong {
        /// The label's key.
        key: String,
        /// Its value.
        value: String,
    },
}

/// The selector of a target and what becomes of it: all labels are kept, one value changes, so that two releases of
/// one chart never mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The label whose value changes.
    pub key: String,
    /// Its value on the target's pods.
    pub value: String,
    labels: Map<String, Value>,
}

impl Selector {
    /// Reads the selector of `target` (a Deployment).
    pub fn of(target: &Value, keys: &[String]) -> Result<Self, SelectorError> {
        let text = |pointer| {
            target
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let labels = target
            .pointer("/spec/selector/matchLabels")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let found = keys
            .iter()
            .find_map(|key| Some((key.clone(), labels.get(key)?.as_str()?.to_owned())));
        let Some((key, value)) = found else {
            let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
            return Err(SelectorError::NoKey {
                name,
                namespace,
                keys: keys.join(" "),
            });
        };
        if value.len() + "-primary".len() > MAX_LABEL_VALUE {
            return Err(SelectorError::TooLong { key, value });
        }
        Ok(Self { key, value, labels })
    }

    /// For a target that selects by itself, such as a core Service: its halves differ by name only.
    pub fn by_name(name: &str) -> Self {
        Self {
            key: DEFAULT_KEYS.first().copied().unwrap_or_default().to_owned(),
            value: name.to_owned(),
            labels: Map::new(),
        }
    }

    /// Flagger's default keys, as [`Selector::of`] takes them.
    pub fn default_keys() -> Vec<String> {
        DEFAULT_KEYS.iter().map(|key| (*key).to_owned()).collect()
    }

    /// The value on primary's pods.
    pub fn primary_value(&self) -> String {
        format!("{}-primary", self.value)
    }

    /// Labels that select the target's pods.
    pub fn target_labels(&self) -> Map<String, Value> {
        self.labels.clone()
    }

    /// Labels that select primary's pods.
    pub fn primary_labels(&self) -> Map<String, Value> {
        let mut labels = self.labels.clone();
        labels.insert(self.key.clone(), Value::String(self.primary_value()));
        labels
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
}
