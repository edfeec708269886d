//! The doing of a step's writes.

use super::{
    announce::announce,
    context::{Context, key},
    live::text,
    write::{Write, version},
};
use crate::{analysis::Decision, api::Canary, metrics::Severity};
use std::sync::Arc;

/// Does `writes` in their order. Objects that do not exist yet and stand next to each other are made at once: nothing
/// depends on them before they are there, and the making of a Service waits for an address, which the API server hands
/// out at no more than 50 a second.
///
/// It stops at an object whose last write has not come back by its watch, and answers `true`: there is more to do, once it
/// has.
///
/// # Errors
/// The first that failed; what comes after it in the order was not tried.
pub async fn perform(
    context: &Arc<Context>,
    canary: &Canary,
    decision: &Decision,
    writes: &[Write],
) -> Result<bool, kube::Error> {
    let mut rest = writes;
    while !rest.is_empty() {
        let new = rest.iter().take_while(|write| makes(context, write)).count();
        let (now, later) = rest.split_at(new.max(1));
        if now.iter().any(|write| is_awaited(context, canary, write)) {
            return Ok(true);
        }
        let done = futures::future::join_all(now.iter().map(|write| one(context, canary, decision, write))).await;
        done.into_iter().collect::<Result<(), _>>()?;
        rest = later;
    }
    Ok(false)
}

fn is_awaited(context: &Context, canary: &Canary, write: &Write) -> bool {
    if !matches!(write, Write::Apply { .. } | Write::Patch { .. } | Write::Merge { .. }) {
        return false;
    }
    let (kind, namespace, name) = write.subject();
    let cached = context.cache.get(kind, namespace, name);
    let seen = cached
        .as_ref()
        .and_then(|object| version(Some(text(object, "/metadata/resourceVersion"))));
    if cached.is_some() && seen.is_none() {
        return false; // the cache keeps no versions of that kind
    }
    context.objects_written.awaits(&key(canary), kind, name, seen)
}

fn makes(context: &Context, write: &Write) -> bool {
    let (kind, namespace, name) = write.subject();
    matches!(write, Write::Apply { .. }) && !context.cache.has(kind, namespace, name)
}

async fn one(context: &Arc<Context>, canary: &Canary, decision: &Decision, write: &Write) -> Result<(), kube::Error> {
    let (kind, namespace, name) = write.subject();
    tracing::debug!(
        canary = canary.full_name(),
        ?kind,
        namespace,
        name,
        stage = decision.state.stage.as_str(),
        "write"
    );
    if let Some(version) = write.perform(&context.client).await? {
        context.objects_written.note(&key(canary), kind, name, version);
    }
    if let Write::Copies(copies) = write {
        for copy in copies {
            let text = format!("{} synced", copy.of.copy());
            announce(context, &key(canary), canary, &decision.state, Severity::Normal, text);
        }
    }
    Ok(())
}
