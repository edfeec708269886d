//! Reading a Deployment's JSON: the few fields the hold is about.

use crate::admission::mutate::fields;
use crate::api::labels::{self, TargetState};
use crate::plan::revision::hash::template_hash;
use serde::Deserialize;
use serde_json::Value;

pub(super) mod intent;

/// A Deployment as JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a>(pub &'a Value);

impl<'a> Target<'a> {
    pub fn name(self) -> &'a str {
        self.0
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `spec.replicas`; the API server has defaulted it, and its default is 1.
    pub fn replicas(self) -> i64 {
        self.0.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    pub fn paused(self) -> bool {
        self.0.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn label(self, name: &str) -> Option<&'a str> {
        self.0.pointer("/metadata/labels")?.get(name)?.as_str()
    }

    pub fn managed(self) -> bool {
        self.label(labels::MANAGED) == Some("true")
    }

    /// Paused by us.
    pub fn is_held(self) -> bool {
        self.label(labels::HELD).is_some() && self.paused()
    }

    /// The recorded number, if it is a number of replicas.
    pub fn desired(self) -> Option<i64> {
        self.label(labels::DESIRED_REPLICAS)?
            .parse()
            .ok()
            .filter(|n| (0..=i64::from(i32::MAX)).contains(n))
    }

    /// The target's state. A managed target whose label is lost counts as serving while it has pods: unknown is held, not
    /// released.
    pub fn state(self) -> TargetState {
        let told = self.label(labels::STATE).and_then(TargetState::parse);
        told.unwrap_or(if self.replicas() > 0 {
            TargetState::Serving
        } else {
            TargetState::Rest
        })
    }

    pub fn revision(self) -> String {
        template_hash(self.0.pointer("/spec/template").unwrap_or(&Value::Null))
    }

    /// `spec.replicas` of the manifest that `kubectl apply` last recorded in its annotation.
    pub fn last_applied_replicas(self) -> Option<i64> {
        // Read often, and mostly large: nothing else of it is kept.
        #[derive(Deserialize)]
        struct Manifest {
            spec: Spec,
        }
        #[derive(Deserialize)]
        struct Spec {
            replicas: Option<i64>,
        }
        let manifest: Manifest = serde_json::from_str(fields::last_applied(self.0)?).ok()?;
        manifest.spec.replicas
    }
}
