//! A Canary that is larger than its schema allows, which it may be when it was stored under an older one: nothing of it is
//! read further than that, and no step is done of it.

use super::{Done, turn};
use crate::api::Canary;
use crate::controller::{
    context::{Context, memory::Edition},
    lifecycle::unreleased::unreleased,
    queue::Key,
};
use coalmine_core::validation::too_large;

/// Says why no step of `canary` is done, if that is so. On its way out, an app is given back whatever its Canary says.
///
/// # Errors
/// Those of the API server.
pub async fn of(context: &Context, key: &Key, canary: &Canary) -> Result<Option<Done>, kube::Error> {
    if turn::leaves(context, key, canary) {
        return Ok(None);
    }
    let Some(excess) = excess(context, key, canary) else {
        return Ok(None);
    };
    let why = format!(
        "this Canary is larger than one may be, so nothing of it is read and no release is analysed: {excess}. Make that \
         smaller (docs/limits.md)"
    );
    let wake = unreleased(context, canary, why, false, turn::now()).await?;
    Ok(Some(Done::All(wake)))
}

// Measured once for each of its editions.
fn excess(context: &Context, key: &Key, canary: &Canary) -> Option<String> {
    let edition = Edition::of(canary);
    let known = context.memory.of(key, |own| own.excess.clone());
    match known {
        Some((of, excess)) if edition.is_some() && of == edition => excess,
        _ => {
            let excess = too_large("Canary", &canary.spec);
            context
                .memory
                .of(key, |own| own.excess = Some((edition, excess.clone())));
            excess
        }
    }
}
