//! The hold: what a CREATE or UPDATE of a Deployment becomes before it is stored.
//!
//! Pure: the request and what the caches said, in; a patch and warnings, out. No clock, no randomness, and running it on
//! its own output changes nothing (the API server runs it again when another webhook changed the object, and Flux
//! compares a dry run with what is stored). Everything that protects a serving target needs only the request itself, so a
//! stale cache can delay an enrolment but never take pods away.

use super::fields::{self, Path};
use crate::admission::review::{Decision, Operation, Request, Response};
use crate::api::labels::{self, Release, TargetState};
use crate::api::policy::{Announce, OnNewRevision};
use crate::patches;
use crate::plan::workload::overrides::Record;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

mod change;
mod create;
mod intent;
mod overrides;
mod release;
mod second;
mod target;
mod update;
mod warnings;

use overrides::{Applied, Overrides};
pub(in crate::admission) use overrides::{mark_of, was_dropped};
use release::Signature;
pub(in crate::admission) use release::to_announce;
pub use second::refused;
use target::Target;

/// What is known about the target when the request arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// User names of our own service accounts.
    pub ours: Vec<String>,
    /// Why this Deployment is one half of a pair, or is not.
    pub enrolment: Enrolment,
    /// The controller's Lease was renewed less than 15 s ago; decided by the caller, who has a clock.
    pub controller_alive: bool,
    /// Fields of canary pods only that the Canary wants; `None` when that is not known.
    pub overrides: Option<Map<String, Value>>,
    /// What the policy makes of a second revision during a run.
    pub on_new_revision: OnNewRevision,
    /// When the Canary is told of a template, by the policy.
    pub announce: Announce,
}

impl Context {
    // Why the pair cannot be built as things are.
    fn unbuilt(&self) -> Option<&str> {
        match &self.enrolment {
            Enrolment::Canary(canary) => canary.unbuilt.as_deref(),
            _ => None,
        }
    }
}

/// Why a Deployment is one half of a pair, or is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Enrolment {
    /// Nothing targets it and no policy would: it is a plain Deployment. The reason is worth a warning if it is there.
    #[default]
    No,
    /// Not enrolled although a policy applies; says why.
    Refused(String),
    /// Not enrolled because whoever sends it may not make a Canary; says so.
    Denied(String),
    /// Not enrolled as long as it is not known whether whoever sends it may make a Canary; says so.
    Unasked(String),
    /// No Canary yet, but the policy of this name renders one.
    Policy(String),
    /// A Canary targets it.
    Canary(Canary),
}

/// What the hold wants to know of the Canary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canary {
    /// The Canary's name.
    pub name: String,
    /// Where its run stands.
    pub stage: Stage,
    /// Hash of the template that serves production.
    pub promoted: Option<String>,
    /// Hash of the template that failed last, while the Canary is Failed.
    pub failed: Option<String>,
    /// Whether these revisions read ConfigMaps or Secrets, which may have changed since.
    pub reads_configs: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Why its pair cannot be built as things are: nothing is held meanwhile.
    pub unbuilt: Option<String>,
}

/// Where a Canary's run stands, as coarse as the webhook needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// The pair is still being built: primary does not serve yet.
    #[default]
    Building,
    /// Primary serves, nothing runs.
    Rest,
    /// A run waits for confirm-rollout: nothing has started.
    Waiting,
    /// A run is in progress, or waits for confirm-promotion.
    Running,
    /// The verified revision is being promoted, which goes on to its end.
    Promoting,
    /// Primary serves; the last run failed.
    Failed,
    /// The Canary is being taken down.
    Leaving,
}

/// What the webhook does with the request. Only a second workload for one Service is refused (`second`).
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Operations on our own paths only.
    pub patch: Vec<PatchOperation>,
    /// Lines for the person who applied.
    pub warnings: Vec<String>,
    /// What was decided.
    pub decision: Decision,
}

/// The wanted end of our own fields; `None` leaves a field as it was sent.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    labels: Vec<(String, Option<String>)>,
    replicas: Option<i64>,
    paused: Option<bool>,
    overrides: Overrides,
    signature: Signature,
    warnings: Vec<String>,
    decision: Decision,
}

/// Decides one request.
///
/// Writes by our own controller keep their values and only lose their field ownership.
pub fn mutate(request: &Request, context: &Context) -> Outcome {
    if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Outcome::pass(Decision::Subresource);
    }
    let new = Target(&request.object);
    if context.ours.contains(&request.user_info.username) {
        let set = Record::of(&request.object).map(|record| record.set).unwrap_or_default();
        let patch = disown(&request.object, new.managed(), new.is_held(), &set);
        return Outcome {
            patch,
            warnings: Vec::new(),
            decision: Decision::OwnWrite,
        };
    }
    let (old, meant) = (
        overrides::plain(&request.old_object),
        overrides::read(&request.old_object, &request.object),
    );
    let held = match request.operation {
        Operation::Create => create::decide(Target(&meant), context),
        Operation::Update => update::decide(Target(&old), Target(&meant), context),
        Operation::Delete | Operation::Connect => return Outcome::pass(Decision::Deletion),
    };
    let current = context.overrides.as_ref();
    held.map_or_else(
        || Outcome::pass(Decision::Unmanaged),
        |held| {
            let applied = overrides::apply(&held, &request.old_object, &request.object, &meant, current);
            let signed = release::annotations(&held, request, context);
            held.into_outcome(new, applied, signed)
        },
    )
}

/// The hold without any cache: what a stored target says of itself is enough to hold it. Nothing for a target that says
/// nothing, which cannot be decided.
pub fn mutate_blindly(request: &Request, ours: &[String]) -> Option<Outcome> {
    let managed = request.operation == Operation::Update && Target(&request.old_object).managed();
    if !managed && !ours.contains(&request.user_info.username) {
        return None;
    }
    // That a policy applies is no more than an assumption: only its warnings would show it.
    let enrolment = Enrolment::Policy(String::new());
    let context = Context {
        ours: ours.to_vec(),
        enrolment,
        ..Context::default()
    };
    Some(Outcome {
        warnings: Vec::new(),
        ..mutate(request, &context)
    })
}

impl Outcome {
    /// The answer of a mutating entry.
    pub fn into_response(self) -> Response {
        Response {
            patch: self.patch,
            ..Response::default()
        }
        .with_warnings(self.warnings)
        .with_decision(self.decision)
    }

    fn pass(decision: Decision) -> Self {
        Self {
            patch: Vec::new(),
            warnings: Vec::new(),
            decision,
        }
    }
}

impl Held {
    /// What leaves everything as it was sent.
    fn new(decision: Decision) -> Self {
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

    fn set(&mut self, label: &str, value: impl Into<String>) {
        self.labels.push((label.to_owned(), Some(value.into())));
    }

    fn unset(&mut self, label: &str) {
        self.labels.push((label.to_owned(), None));
    }

    /// How far the release of the template is that is brought; no mark for one that nobody releases.
    fn mark(&mut self, release: Option<Release>) {
        match release {
            Some(release) => self.set(labels::RELEASE, release.as_str()),
            None => self.unset(labels::RELEASE),
        }
    }

    /// The label that tells the controller to leave it alone, and why.
    fn denied(mut self, why: &str) -> Self {
        self.labels.retain(|(label, _)| label != labels::DENIED);
        self.set(labels::DENIED, why);
        self.decision = Decision::Unauthorized;
        self
    }

    fn into_outcome(
        mut self,
        new: Target<'_>,
        applied: Applied,
        mut annotations: Vec<(String, Option<String>)>,
    ) -> Outcome {
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
        Outcome {
            patch,
            warnings: self.warnings,
            decision: self.decision,
        }
    }
}

/// Whether the target's pods carry traffic.
fn serves(state: TargetState) -> bool {
    matches!(state, TargetState::Hot | TargetState::Serving)
}

/// Takes what we hold out of every managedFields entry: replicas while managed, paused while we hold it, our labels,
/// the annotations beside them, the fields `set` for canary pods.
fn disown(object: &Value, managed: bool, holds_pause: bool, set: &Map<String, Value>) -> Vec<PatchOperation> {
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

#[cfg(test)]
mod overridden;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verb_table;
#[cfg(test)]
mod verbs;
