//! A changed Deployment.

use super::target::Target;
use super::{
    Canary, Context, Enrolment, Held, OUR_LABELS, Overrides, Signature, Stage, intent, release, serves, warnings,
};
use crate::api::labels::{self, Release, TargetState};

/// What becomes of a changed T; `None` leaves it alone.
pub(super) fn decide(old: Target<'_>, new: Target<'_>, context: &Context) -> Option<Held> {
    if let Enrolment::Denied(reason) = &context.enrolment {
        let mut held = strip(old, new, Some(reason)).unwrap_or_default();
        if held.warnings.is_empty() && another_revision(old, new).is_some() {
            held.warnings.push(plain(new, reason));
        }
        return Some(held.denied());
    }
    let refused = match &context.enrolment {
        Enrolment::No => Some(None),
        Enrolment::Refused(reason) => Some(Some(reason)),
        // Once the controller has taken its labels off on the way out, T is not taken in again.
        Enrolment::Canary(Canary {
            stage: Stage::Leaving, ..
        }) if !old.managed() => Some(None),
        Enrolment::Policy(_) | Enrolment::Canary(_) | Enrolment::Denied(_) => None,
    };
    if let Some(reason) = refused {
        return strip(old, new, reason);
    }
    let state = if old.managed() {
        old.state()
    } else {
        entry(old, context)
    };
    let change = Change {
        old,
        new,
        state,
        template: another_revision(old, new),
        waits: context.unbuilt().is_none(),
    };
    let desired = intent::on_update(old, new);
    let mut held = Held {
        decision: state.as_str(),
        ..Held::default()
    };
    let (paused, ours) = change.pause();
    held.replicas = Some(change.replicas(desired));
    (held.overrides, held.signature) = match &change.template {
        Some(revision) => {
            let was = old.label(labels::RELEASE).and_then(Release::parse);
            held.mark(release::of(state, was, revision, context));
            (Overrides::Current, Signature::New)
        }
        None => (Overrides::Keep, Signature::Keep),
    };
    held.paused = Some(paused);
    held.set(labels::MANAGED, "true");
    held.set(labels::DESIRED_REPLICAS, desired.to_string());
    held.set(labels::STATE, state.as_str());
    held.set(labels::REVISION, change.revision());
    if ours {
        held.set(labels::HELD, old.label(labels::HELD).unwrap_or("true"));
    } else {
        held.unset(labels::HELD);
    }
    held.unset(labels::DENIED);
    change.carry(&mut held);
    held.warnings.extend(warnings::line(&change, context, desired, ours));
    Some(held)
}

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

impl Change<'_> {
    /// The number that is stored. T's pods are never fewer for a user's write; while they serve, more pass through.
    fn replicas(&self, desired: i64) -> i64 {
        let (old, new) = (self.old.replicas(), self.new.replicas());
        match self.state {
            TargetState::Cold | TargetState::Rest => old,
            // A T without pods that nobody will build a pair for starts as it would without us.
            TargetState::Hot if !self.old.managed() && old == 0 => desired,
            TargetState::Hot if !self.waits => desired,
            TargetState::Hot | TargetState::Serving => old.max(new),
        }
    }

    /// Whether T ends paused, and whether that is our doing. While T serves, what would roll its pods is held: a change
    /// of the template, and the end of a pause (what was changed meanwhile cannot be seen from here). A user's own pause
    /// stays the user's.
    fn pause(&self) -> (bool, bool) {
        let (was, is) = (self.old.paused(), self.new.paused());
        let already_ours = is && (self.old.is_held() || self.new.is_held());
        if !serves(self.state) || self.state == TargetState::Hot && !self.waits {
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

    /// Everything else of ours that was stored stays, whatever was sent; what was never stored is not taken over.
    fn carry(&self, held: &mut Held) {
        let decided = |held: &Held, key: &str| held.labels.iter().any(|(label, _)| label == key);
        for label in OUR_LABELS {
            if !decided(held, label) && self.old.label(label).is_none() {
                held.unset(label);
            }
        }
        let stored = self
            .old
            .0
            .pointer("/metadata/labels")
            .and_then(serde_json::Value::as_object);
        for (key, value) in stored.into_iter().flatten() {
            let users = key == labels::POLICY || key == labels::ENABLED;
            if key.starts_with(labels::PREFIX) && !users && !decided(held, key) {
                held.set(key, value.as_str().unwrap_or_default());
            }
        }
    }
}

// The revision sent, where it is not the stored one.
fn another_revision(old: Target<'_>, new: Target<'_>) -> Option<String> {
    if old.0.pointer("/spec/template") == new.0.pointer("/spec/template") {
        return None;
    }
    let sent = new.revision();
    (sent != old.revision()).then_some(sent)
}

/// The state of a T that is not labelled yet (or lost its labels while we were away).
fn entry(old: Target<'_>, context: &Context) -> TargetState {
    let (stage, suspended) = match &context.enrolment {
        Enrolment::Canary(canary) => (canary.stage, canary.suspended),
        _ => (Stage::Building, false),
    };
    let empty = old.replicas() == 0;
    match stage {
        Stage::Building if empty && context.controller_alive && !suspended => TargetState::Cold,
        Stage::Building => TargetState::Hot,
        _ if empty => TargetState::Rest,
        _ => TargetState::Serving,
    }
}

fn plain(new: Target<'_>, why: &str) -> String {
    format!("deployment/{} is not released as a canary: {why}", new.name())
}

/// No Canary targets T: our labels go, and so does a pause of ours, which nobody else would end.
fn strip(old: Target<'_>, new: Target<'_>, reason: Option<&String>) -> Option<Held> {
    if !OUR_LABELS
        .iter()
        .any(|label| new.label(label).is_some() || old.label(label).is_some())
    {
        let changed = another_revision(old, new).is_some();
        return reason.filter(|_| changed).map(|why| Held {
            warnings: vec![plain(new, why)],
            decision: "plain",
            ..Held::default()
        });
    }
    let mut held = Held {
        decision: "stripped",
        ..Held::default()
    };
    OUR_LABELS.iter().for_each(|label| held.unset(label));
    // Our own output coming round again: what was held of it is what its author sent.
    if !old.managed() && new.managed() {
        held.replicas = Some(intent::on_update(old, new));
    }
    if new.is_held() || (old.is_held() && new.paused()) {
        held.paused = Some(false);
    }
    Some(held)
}
