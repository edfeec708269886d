//! What a decision comes to: which values our own fields are to have, and the patch that gives them these.

use super::overrides::{self, Applied, Overrides};
use super::release::{self, Signature};
use super::target::Target;
use crate::admission::mutate::Mutation;
use crate::admission::mutate::fields::{self, Path};
use crate::admission::review::Decision;
use crate::api::labels::{self, ReleaseState};
use crate::patches;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// The values that our own fields are to have; `None` leaves a field as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DesiredFields {
    pub labels: Vec<(String, Option<String>)>,
    pub replicas: Option<i64>,
    pub paused: Option<bool>,
    pub overrides: Overrides,
    pub signature: Signature,
    pub warnings: Vec<String>,
    pub decision: Decision,
}

impl DesiredFields {
    /// What leaves everything as it was sent.
    pub fn new(decision: Decision) -> Self {
        Self {
            labels: Vec::new(),
            replicas: None,
            paused: None,
            overrides: Overrides::default(),
            signature: Signature::default(),
            warnings: Vec::new(),
            decision,
        }
    }

    pub fn set(&mut self, label: &str, value: impl Into<String>) {
        self.labels.push((label.to_owned(), Some(value.into())));
    }

    pub fn unset(&mut self, label: &str) {
        self.labels.push((label.to_owned(), None));
    }

    /// How far the release of the template is that is brought; no mark for one that nobody releases.
    pub fn mark(&mut self, release: Option<ReleaseState>) {
        match release {
            Some(release) => self.set(labels::RELEASE, release.as_str()),
            None => self.unset(labels::RELEASE),
        }
    }

    /// Whether the template that is brought is marked as one whose release is still to come.
    pub fn is_pending(&self) -> bool {
        let pending = Some(ReleaseState::Pending.as_str());
        self.labels
            .iter()
            .any(|(key, value)| key == labels::RELEASE && value.as_deref() == pending)
    }

    /// The label that tells the controller to leave it alone, and why.
    pub fn denied(mut self, why: &str) -> Self {
        self.labels.retain(|(label, _)| label != labels::DENIED);
        self.set(labels::DENIED, why);
        self.decision = Decision::Unauthorized;
        self
    }

    pub fn into_mutation(
        mut self,
        new: Target<'_>,
        applied: Applied,
        mut annotations: Vec<(String, Option<String>)>,
    ) -> Mutation {
        self.labels.sort();
        annotations.extend(applied.record);
        let mut patch = patches::metadata(new.0, "labels", &self.labels);
        patch.extend(patches::metadata(new.0, "annotations", &annotations));
        patch.extend(applied.operations);
        if let Some(replicas) = self.replicas.filter(|wanted| *wanted != new.replicas()) {
            patch.push(patches::add(["spec", "replicas"], replicas));
        }
        match self.paused {
            Some(true) if !new.paused() => patch.push(patches::add(["spec", "paused"], true)),
            Some(false) if new.paused() => patch.push(patches::remove(["spec", "paused"])),
            _ => {}
        }
        let managed = self
            .labels
            .iter()
            .any(|(key, value)| key == labels::MANAGED && value.is_some());
        let holds_pause = self
            .labels
            .iter()
            .any(|(key, value)| key == labels::HELD && value.is_some());
        patch.extend(disown(new.0, managed, holds_pause, &applied.set));
        Mutation {
            patch,
            warnings: self.warnings,
            decision: self.decision,
        }
    }
}

/// Takes what we hold out of every managedFields entry: replicas while managed, paused while we hold it, our labels,
/// the annotations beside them, the fields `set` for canary pods.
pub(super) fn disown(
    object: &Value,
    managed: bool,
    holds_pause: bool,
    set: &Map<String, Value>,
) -> Vec<PatchOperation> {
    let label_paths = labels::OF_TARGETS.map(|label| ["metadata", "labels", label]);
    let signed = release::ANNOTATIONS.map(|annotation| ["metadata", "annotations", annotation]);
    let mut paths: Vec<Path<'_>> = Vec::new();
    if managed {
        paths.push(&["spec", "replicas"]);
        paths.extend(label_paths.iter().chain(&signed).map(<[&str; 3]>::as_slice));
    }
    if holds_pause {
        paths.push(&["spec", "paused"]);
    }
    if !set.is_empty() {
        paths.push(overrides::RECORD_PATH);
    }
    let marks = overrides::marks(set);
    let marks: Vec<_> = marks.iter().map(|(path, mark)| (path.as_slice(), mark)).collect();
    fields::disown_marking(object, &paths, &marks)
}
