//! A copy of a ConfigMap or Secret that primary is to read, without its data: that is read when it is written.

use crate::plan::configs::Reference;
use serde_json::{Value, json};

/// One copy to make or to bring up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// The ConfigMap or Secret that is copied.
    pub of: Reference,
    /// The namespace of both.
    pub namespace: String,
    /// The checksum of the data that was verified.
    pub checksum: String,
    /// The owner reference to our Canary, as a list.
    pub owner: Value,
    /// What the cache has of the copy.
    pub existing: Option<Value>,
    /// `--include-label-prefix`.
    pub label_prefixes: Vec<String>,
}

impl Copy {
    /// Who owns it from now on. Canaries that share a config share its copy. One of them is the controller: the first.
    pub fn owners(&self) -> Vec<Value> {
        let ours = self.owner.as_array().cloned().unwrap_or_default();
        let existing = self
            .existing
            .as_ref()
            .and_then(|e| e.pointer("/metadata/ownerReferences")?.as_array());
        let mut owners = existing.cloned().unwrap_or_default();
        let controlled = owners.iter().any(|owner| owner.get("controller") == Some(&json!(true)));
        for mut owner in ours {
            if owners.iter().any(|known| known.get("uid") == owner.get("uid")) {
                continue;
            }
            if controlled && let Some(member) = owner.get_mut("controller") {
                *member = json!(false);
            }
            owners.push(owner);
        }
        owners
    }

    /// Whether the live copy has to go before it can be as it is to be. The API server lets nobody take the promise of an
    /// immutable one back, nor change the type of a Secret. We make none that is immutable, but one that was adopted may be.
    pub fn must_be_made_anew(&self, existing: &Value, object: &Value) -> bool {
        let frozen = existing.get("immutable") == Some(&json!(true));
        let kind = |of: &Value| of.get("type").filter(|kind| !kind.is_null()).cloned();
        frozen || kind(existing) != kind(object)
    }
}
