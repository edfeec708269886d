//! What the cluster's own definition of Canaries drops of a status. An older one, or Flagger's, may be applied anew at any
//! time, and the API server says nothing of the fields that it takes away since, neither to whoever writes a Canary nor to
//! whoever reads one. So it is noticed where it shows: in the answer to a write, and in a status without our record.
//!
//! What it hides is stored still, until somebody writes the Canary; and what watches told under it stays in the cache for a
//! while after ours is there again.

use crate::api::canary::CanaryStatus;
use crate::api::crds::{self, served::complaint};
use crate::api::{Canary, labels};
use crate::controller::{context::Context, queue::key};
use crate::routing::registry;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;
use std::time::Duration;

/// When a Canary whose record may still be hidden is looked at again: no event need tell of it.
const RETRY: Duration = Duration::from_secs(2);

/// The definition of Canaries does not keep what is recorded. Nothing is done by what cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Dropped(String);

impl Dropped {
    /// Whether a step failed by that.
    pub fn is(error: &kube::Error) -> bool {
        matches!(error, kube::Error::Service(inner) if inner.is::<Self>())
    }
}

impl From<Dropped> for kube::Error {
    fn from(dropped: Dropped) -> Self {
        Self::Service(Box::new(dropped))
    }
}

/// Whether a status without our record is really one: it may be Flagger's, or its record is hidden by the definition while it
/// is still stored, and a step would write over it. Where the definition is ours, the cache may be of the time before: so such
/// a Canary is read itself, and costs two questions, of which others that are looked at soon share the first. Answers when to
/// look again where its record is hidden for now.
///
/// # Errors
/// [`Dropped`] where the definition has not all our fields, and those of the API server.
pub async fn hidden(context: &Context, canary: &Canary) -> Result<Option<Duration>, kube::Error> {
    let unrecorded = canary.status.as_ref().is_some_and(|status| status.run.is_none());
    if !unrecorded {
        return Ok(None);
    }
    let definition = &context.memory.definition;
    if !definition.is_sound()
        && let Some(said) = complains(context).await?
    {
        return Err(Dropped(said).into());
    }
    let hidden = definition.was_amiss() || is_recorded(context, canary).await?;
    Ok(hidden.then_some(RETRY))
}

// Whether the one that is stored has our record.
async fn is_recorded(context: &Context, canary: &Canary) -> Result<bool, kube::Error> {
    let (namespace, name) = key(canary);
    let canaries = Api::<Canary>::namespaced(context.effects.client.clone(), &namespace);
    let stored = canaries.get_opt(&name).await?.and_then(|stored| stored.status);
    Ok(stored.is_some_and(|status| status.run.is_some()))
}

/// Whether all that was `written` to a status is `stored`.
///
/// # Errors
/// [`Dropped`] where it is not, and those of the API server.
pub async fn unless_lost(
    context: &Context,
    written: Option<&CanaryStatus>,
    stored: Option<&CanaryStatus>,
) -> Result<(), kube::Error> {
    let value = |status: Option<&CanaryStatus>| serde_json::to_value(status).unwrap_or_default();
    let Some(field) = lost("status", &value(written), &value(stored)) else {
        return Ok(());
    };
    // The definition's own words name the way out.
    let said = complains(context).await?;
    let said = said.unwrap_or_else(|| {
        format!(
            "{field} was written and is not stored, although the definition of Canaries has it: an admission webhook may take \
             it away. Nothing is released meanwhile; let it leave writes of {} alone",
            labels::FIELD_MANAGER
        )
    });
    Err(Dropped(said).into())
}

// The first field of `written` that `stored` has not; what is in lists Flagger's definition knows as well.
fn lost(path: &str, written: &Value, stored: &Value) -> Option<String> {
    let written = written.as_object()?;
    written.iter().find_map(|(name, value)| {
        let path = format!("{path}.{name}");
        match stored.get(name) {
            Some(kept) => lost(&path, value, kept),
            None => Some(path),
        }
    })
}

// What the cluster's definition lacks, as a sentence for people, and noted. Where it may not be read nothing is known of it,
// and one that is not there has no Canaries.
async fn complains(context: &Context) -> Result<Option<String>, kube::Error> {
    let all = crds::all(&registry::names()).into_iter();
    let mut all = all.filter(|crd| crd.spec.names.kind == Canary::kind(&()));
    let Some(ours) = all.next() else {
        return Ok(None);
    };
    let definitions: Api<CustomResourceDefinition> = Api::all(context.effects.client.clone());
    let served = match definitions.get_opt(&ours.name_any()).await {
        Err(kube::Error::Api(status)) if status.code == 403 => None,
        read => read?,
    };
    let said = served.and_then(|served| complaint(&ours, Some(&served)));
    match said {
        Some(_) => context.memory.definition.note_amiss(),
        None => context.memory.definition.note_sound(),
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_written_and_is_not_stored_is_named() {
        let written = json!({"phase": "Progressing", "run": {"stage": "Scaling", "intent": {"canary": 0}}});
        assert_eq!(lost("status", &written, &written), None);
        let more = json!({"phase": "Progressing", "run": {"stage": "X", "intent": {"canary": 0, "sticky": true}}});
        assert_eq!(
            lost("status", &written, &more),
            None,
            "what is there besides does not matter"
        );
        for (stored, expected) in [
            (json!({"phase": "Progressing"}), "status.run"),
            (
                json!({"phase": "Progressing", "run": {"stage": "Scaling"}}),
                "status.run.intent",
            ),
            (json!(null), "status.phase"),
        ] {
            assert_eq!(lost("status", &written, &stored).as_deref(), Some(expected));
        }
    }
}
