//! The doing of a step's writes.

use crate::controller::{
    context::{
        Context,
        memory::{Memory, primary::Made, repeats::Prospect},
    },
    difference::write::Write,
    effects::{
        apply::{repeated, write::WriteFailure},
        notify::announce::announce,
    },
    queue::{Key, key},
    watch::informers::cache::{Cache, Kind},
};
use crate::object::{text, version};
use crate::{
    analysis::{PrimaryTemplate, StepOutcome},
    api::Canary,
    messages::Severity,
};
use json_patch::PatchOperation;
use kube::core::DynamicObject;
use std::{sync::Arc, time::Duration};

/// What of a step's writes is left to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Everything has been done.
    Nothing,
    /// What follows a write that has not come back by its watch.
    Awaited,
    /// A write that was refused is tried again after that long.
    Refused(Duration),
    /// What follows a write that somebody undoes each time, and that is done again after that long.
    Undone(Duration),
}

/// What has not come back by then is looked for.
const RETRY: Duration = Duration::from_secs(2);

impl Left {
    /// Whether everything is done.
    pub fn is_nothing(self) -> bool {
        self == Self::Nothing
    }

    /// When to do it, if nothing happens before.
    pub fn pause(self) -> Option<Duration> {
        match self {
            Self::Nothing => None,
            Self::Awaited => Some(RETRY),
            Self::Refused(pause) | Self::Undone(pause) => Some(pause),
        }
    }
}

/// Does `writes` in their order. Objects that do not exist yet and stand next to each other are made at once: nothing
/// depends on them before they are there, and the making of a Service waits for an address, which the API server hands
/// out at no more than 50 a second.
///
/// It stops at an object whose last write has not come back by its watch, at a write that was refused lately, and at one that
/// somebody undoes each time: there is more to do then. One that changed nothing last time is passed over.
///
/// # Errors
/// The first that failed; what comes after it in the order was not tried.
pub async fn perform(
    context: &Arc<Context>,
    canary: &Canary,
    outcome: &StepOutcome,
    writes: &[Write],
) -> Result<Left, kube::Error> {
    let (cache, memory, key) = (&context.cluster.cache, &context.memory, &key(canary));
    let mut left = writes;
    while let Some(first) = left.first() {
        let new = left.iter().take_while(|write| makes(cache, write)).count();
        let (now, later) = left.split_at(new.max(1));
        if now.iter().any(|write| is_awaited(cache, (memory, key), write)) {
            return Ok(Left::Awaited);
        }
        let rest = |write: &Write| memory.of(key, |canary| canary.failures.rest(write));
        if let Some(pause) = now.iter().find_map(rest) {
            return Ok(Left::Refused(pause));
        }
        // Several at once are new: they have not been done before, and the cache has no version of their objects.
        let before = repeated::cached(cache, first);
        match repeated::prospect(context, canary, first, before) {
            Prospect::Undone(pause) => return Ok(Left::Undone(pause)),
            Prospect::NoEffect => {
                left = later;
                continue;
            }
            Prospect::Needed => {}
        }
        let done = now.iter().map(|write| one(context, canary, outcome, (write, before)));
        let done = futures::future::join_all(done).await;
        for (write, done) in now.iter().zip(done) {
            done.inspect_err(|_| memory.of(key, |canary| canary.failures.blame(write)))?;
        }
        left = later;
    }
    Ok(Left::Nothing)
}

fn is_awaited(cache: &Cache, (memory, key): (&Memory, &Key), write: &Write) -> bool {
    if matches!(write, Write::Copies(_) | Write::Delete { .. }) {
        return false;
    }
    let (kind, namespace, name) = write.subject();
    let cached = cache.get(kind, namespace, name);
    let seen = cached
        .as_ref()
        .and_then(|object| version(Some(text(object, "/metadata/resourceVersion"))));
    if cached.is_some() && seen.is_none() {
        return false; // the cache keeps no versions of that kind
    }
    memory.of(key, |canary| canary.written.awaits(kind, name, seen))
}

fn makes(cache: &Cache, write: &Write) -> bool {
    let (kind, namespace, name) = write.subject();
    matches!(write, Write::Apply { .. } | Write::Create { .. }) && !cache.has(kind, namespace, name)
}

// A write that brings primary's template, whose answer says what it is from now on.
fn makes_primary(canary: &Canary, write: &Write) -> bool {
    let (kind, _, name) = write.subject();
    let is_primary = matches!(kind, Kind::Deployment | Kind::DaemonSet)
        && name.strip_suffix("-primary") == Some(canary.target_name());
    let replaces = |operation: &PatchOperation| operation.path().as_str() == "/spec/template";
    is_primary
        && match write {
            Write::Create { .. } => true,
            Write::Patch { operations, .. } => operations.iter().any(replaces),
            _ => false,
        }
}

fn made(context: &Arc<Context>, canary: &Canary, outcome: &StepOutcome, object: &DynamicObject) {
    let Some(made) = serde_json::to_value(object).ok().as_ref().and_then(Made::of) else {
        return;
    };
    let restored = matches!(outcome.desired.primary, Some(PrimaryTemplate::Restored(_)));
    let key = key(canary);
    if context.memory.of(&key, |canary| canary.primary.note(made, restored)) {
        let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
        let text = format!(
            "{target}-primary.{} was edited by somebody else; put back to the promoted revision. \
             To change the app, apply {kind} {target}",
            canary.namespace_name()
        );
        announce(context, &key, canary, &outcome.state, Severity::Warning, text);
    }
}

// A write that makes primary: what it makes is ours also where no answer says that it was done.
async fn answered(context: &Context, key: &Key, write: &Write) -> Result<Option<DynamicObject>, kube::Error> {
    let before = context.memory.of(key, |canary| canary.primary.begin());
    let performed = write.perform(&context.effects.client).await;
    if let Err(error) = &performed
        && WriteFailure::of(error) != WriteFailure::Passing
    {
        context.memory.of(key, |canary| canary.primary.was_refused(before));
    }
    performed
}

// Does one, of whose object the cache had that version.
async fn one(
    context: &Arc<Context>,
    canary: &Canary,
    outcome: &StepOutcome,
    (write, before): (&Write, Option<u64>),
) -> Result<(), kube::Error> {
    let (kind, namespace, name) = write.subject();
    let (key, makes_primary) = (key(canary), makes_primary(canary, write));
    tracing::debug!(
        canary = canary.full_name(),
        ?kind,
        namespace,
        name,
        stage = outcome.state.stage.as_str(),
        "write"
    );
    let performed = if makes_primary {
        answered(context, &key, write).await
    } else {
        write.perform(&context.effects.client).await
    };
    if let Some(object) = performed? {
        let after = version(object.metadata.resource_version.as_deref());
        context.memory.of(&key, |canary| {
            canary.repeats.note(write, before, after);
            if let Some(version) = after {
                canary.written.note(kind, name, version);
            }
        });
        if makes_primary {
            made(context, canary, outcome, &object);
        }
    }
    if let Write::Copies(copies) = write {
        for copy in copies {
            let text = format!("{} synced", copy.of.copy());
            announce(context, &key, canary, &outcome.state, Severity::Normal, text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
