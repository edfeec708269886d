//! Hosts for which no new route is made, since they are other namespaces' Services.

use super::once::tell_once;
use crate::api::Canary;
use crate::controller::{context::Context, queue::Key};

/// Says once why no new route is made for a Canary; nothing is said where one may be.
pub fn tell_unrouted(context: &Context, key: &Key, canary: &Canary, why: Option<String>) {
    let text = why.map(|why| format!("No new route is made, all else goes on: {why}"));
    tell_once(context, key, canary, |memory| &mut memory.unrouted, text);
}
