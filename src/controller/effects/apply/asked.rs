//! How many replicas a scale asked for. The webhook notes it on the Canary, because it writes no workload; from there it goes
//! to the label of the target that says how many are wanted, and the note is taken away.

use super::write::WriteFailure;
use crate::api::{Canary, labels};
use crate::controller::{context::Context, queue::Key, watch::pair::live::Live};
use crate::object::{label, version};
use crate::patches;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};

/// Takes the note away once the target says the same. One that was written meanwhile stays.
///
/// # Errors
/// Those of the API server.
pub async fn answer(context: &Context, key: &Key, canary: &Canary, live: &Live) -> Result<(), kube::Error> {
    let Some(noted) = canary.annotations().get(labels::REPLICAS) else {
        return Ok(());
    };
    let wanted = live
        .target
        .as_ref()
        .and_then(|target| label(target, labels::DESIRED_REPLICAS));
    // What is no number, or is for a target that is gone, asks for nothing.
    if canary.asked_replicas().is_some() && live.target.is_some() && wanted != Some(noted) {
        return Ok(());
    }
    let place = ["metadata", "annotations", labels::REPLICAS];
    let patch = json_patch::Patch(vec![patches::test(place, noted.as_str()), patches::remove(place)]);
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let api = Api::<Canary>::namespaced(context.effects.client.clone(), &key.0);
    match api.patch(&canary.name_any(), &params, &Patch::<()>::Json(patch)).await {
        Ok(stored) => {
            if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
                context.memory.of(key, |canary| canary.written.note_status(version));
            }
            Ok(())
        }
        Err(error) if WriteFailure::of(&error) == WriteFailure::Stale => Ok(()),
        Err(error) => Err(error),
    }
}
