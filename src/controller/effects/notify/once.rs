//! What lasts is told of when it begins and when its words change, and not at each step.

use crate::controller::{
    context::{Context, memory::OfCanary},
    queue::Key,
};
use crate::{api::Canary, messages::Severity};

/// Records `text` as an event of `canary`, unless it was what was told last; nothing is told where there is none.
/// `told_last` is where that is remembered.
pub(super) fn tell_once(
    context: &Context,
    key: &Key,
    canary: &Canary,
    told_last: fn(&mut OfCanary) -> &mut Option<String>,
    text: Option<String>,
) {
    let before = context
        .memory
        .of(key, |canary| std::mem::replace(told_last(canary), text.clone()));
    if let Some(text) = text.filter(|text| before.as_ref() != Some(text)) {
        context.effects.events.record(canary, Severity::Warning, text);
    }
}
