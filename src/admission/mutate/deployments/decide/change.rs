//! What an UPDATE changes of a Deployment that is one half of a pair.

use crate::admission::mutate::deployments::desired::DesiredFields;
use crate::admission::mutate::deployments::overrides::Overrides;
use crate::admission::mutate::deployments::release::{self, Signature};
use crate::admission::mutate::deployments::target::Target;
use crate::admission::mutate::deployments::{CoarseStage, Enrolment, TargetFacts};
use crate::api::labels::{self, ReleaseState, TargetState};

/// One UPDATE, as far as the hold is concerned.
pub(super) struct Change<'a> {
    pub old: Target<'a>,
    pub new: Target<'a>,
    pub state: TargetState,
    /// The revision of the template that is sent, where it is another than the stored one's.
    pub template: Option<String>,
    /// It may be held for its pair. Nothing is held for one that cannot be built.
    pub waits: bool,
}

impl<'a> Change<'a> {
    /// The change of `old` to `new`.
    pub fn of(old: Target<'a>, new: Target<'a>, facts: &TargetFacts) -> Self {
        Self {
            old,
            new,
            state: if old.managed() { old.state() } else { entry(old, facts) },
            template: another_revision(old, new),
            waits: facts.unbuilt().is_none(),
        }
    }

    /// The number that is stored. The target's pods are never fewer for a user's write; while they serve, more pass through.
    pub fn replicas(&self, desired: i64) -> i64 {
        let (old, new) = (self.old.replicas(), self.new.replicas());
        match self.state {
            TargetState::Cold | TargetState::Rest => old,
            // A target without pods that nobody will build a pair for starts as it would without us.
            TargetState::Hot if !self.old.managed() && old == 0 => desired,
            TargetState::Hot if !self.waits => desired,
            TargetState::Hot | TargetState::Serving => old.max(new),
        }
    }

    /// Whether the target ends paused, and whether that is our doing. While the target serves, what would roll its pods is
    /// held: a change of the template, and the end of a pause (what was changed meanwhile cannot be seen from here). A
    /// user's own pause stays the user's.
    pub fn pause(&self) -> (bool, bool) {
        let (was, is) = (self.old.paused(), self.new.paused());
        let already_ours = is && (self.old.is_held() || self.new.is_held());
        if !self.state.serves() || self.state == TargetState::Hot && !self.waits {
            return (is, already_ours);
        }
        let hold = !is && (self.template.is_some() || was);
        (is || hold, already_ours || hold)
    }

    fn revision(&self) -> String {
        match (&self.template, self.old.label(labels::REVISION)) {
            (Some(sent), _) => sent.clone(),
            (None, Some(stored)) => stored.to_owned(),
            (None, None) => self.new.revision(),
        }
    }

    /// How far the release of the stored template is, who asked for it, and what canary pods get: anew by a template that
    /// this change brings, else as stored.
    pub fn bring(&self, fields: &mut DesiredFields, facts: &TargetFacts) {
        let Some(revision) = &self.template else {
            (fields.overrides, fields.signature) = (Overrides::Keep, Signature::Keep);
            return;
        };
        let was = self.old.label(labels::RELEASE).and_then(ReleaseState::parse);
        fields.mark(release::of(self.state, was, revision, facts));
        (fields.overrides, fields.signature) = (Overrides::Current, Signature::New);
    }

    /// The labels of one half of a pair. `held_by_us` says whether its pause is our doing.
    pub fn label(&self, fields: &mut DesiredFields, desired: i64, held_by_us: bool) {
        fields.set(labels::MANAGED, "true");
        fields.set(labels::DESIRED_REPLICAS, desired.to_string());
        fields.set(labels::STATE, self.state.as_str());
        fields.set(labels::REVISION, self.revision());
        if held_by_us {
            fields.set(labels::HELD, self.old.label(labels::HELD).unwrap_or("true"));
        } else {
            fields.unset(labels::HELD);
        }
        fields.unset(labels::DENIED);
    }

    /// Everything else of ours that was stored stays, whatever was sent; what was never stored is not taken over.
    pub fn carry(&self, fields: &mut DesiredFields) {
        let decided = |fields: &DesiredFields, key: &str| fields.labels.iter().any(|(label, _)| label == key);
        for label in labels::OF_TARGETS {
            if !decided(fields, label) && self.old.label(label).is_none() {
                fields.unset(label);
            }
        }
        let stored = self
            .old
            .0
            .pointer("/metadata/labels")
            .and_then(serde_json::Value::as_object);
        for (key, value) in stored.into_iter().flatten() {
            let users = key == labels::POLICY || key == labels::ENABLED;
            if key.starts_with(labels::PREFIX) && !users && !decided(fields, key) {
                fields.set(key, value.as_str().unwrap_or_default());
            }
        }
    }
}

// The revision sent, where it is not the stored one.
pub(super) fn another_revision(old: Target<'_>, new: Target<'_>) -> Option<String> {
    if old.0.pointer("/spec/template") == new.0.pointer("/spec/template") {
        return None;
    }
    let sent = new.revision();
    (sent != old.revision()).then_some(sent)
}

/// The state of a target that is not labelled yet (or lost its labels while we were away).
fn entry(old: Target<'_>, facts: &TargetFacts) -> TargetState {
    let (stage, suspended) = match &facts.enrolment {
        Enrolment::Canary(canary) => (canary.stage, canary.suspended),
        _ => (CoarseStage::Building, false),
    };
    let empty = old.replicas() == 0;
    match stage {
        CoarseStage::Building if empty && facts.controller_alive && !suspended => TargetState::Cold,
        CoarseStage::Building => TargetState::Hot,
        _ if empty => TargetState::Rest,
        _ => TargetState::Serving,
    }
}
