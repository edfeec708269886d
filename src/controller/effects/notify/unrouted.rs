//! Hosts for which no new route is made, since they are other namespaces' Services.

use crate::controller::{context::Context, queue::Key};
use crate::{api::Canary, messages::Severity};

/// Says once why no new route is made for a Canary; nothing is said where one may be.
pub fn tell_unrouted(context: &Context, key: &Key, canary: &Canary, why: Option<String>) {
    let told = context
        .memory
        .of(key, |canary| std::mem::replace(&mut canary.unrouted, why.clone()));
    if let Some(why) = why.filter(|why| told.as_ref() != Some(why)) {
        let message = format!("No new route is made, all else goes on: {why}");
        context.effects.events.record(canary, Severity::Warning, message);
    }
}
