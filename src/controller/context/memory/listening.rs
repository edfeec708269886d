//! The event hooks of a Canary that something was heard of: however many messages wait for them, they are there once.

use crate::api::canary::{HookType, Webhook};
use std::sync::Arc;

/// An event on its way to event hooks.
#[derive(Debug)]
pub struct Message {
    /// Who hears it.
    pub hooks: Arc<[Webhook]>,
    /// The Canary's name.
    pub name: String,
    /// Namespace of the Canary.
    pub namespace: String,
    /// Its phase then.
    pub phase: &'static str,
    /// Names the run.
    pub checksum: String,
    /// Share of the traffic at the canary, percent.
    pub canary_weight: i32,
    /// The text of the event.
    pub text: String,
    /// `Normal` or `Warning`.
    pub event_type: &'static str,
    /// When, in milliseconds since 1970.
    pub unix_ms: i64,
}

/// The event hooks that were heard of last.
#[derive(Debug, Default)]
pub struct Listening(Option<Arc<[Webhook]>>);

impl Listening {
    /// Those among `all` hooks of the Canary, and how many bytes they add to what is kept.
    pub fn hooks(&mut self, all: &[Webhook]) -> (Arc<[Webhook]>, usize) {
        let own = || all.iter().filter(|hook| hook.hook_type() == HookType::Event);
        if own().next().is_none() {
            self.0 = None;
            return (Arc::default(), 0);
        }
        if let Some(hooks) = self.0.as_ref().filter(|hooks| hooks.iter().eq(own())) {
            return (hooks.clone(), 0);
        }
        let hooks: Arc<[Webhook]> = own().cloned().collect();
        self.0 = Some(hooks.clone());
        let bytes = hooks.iter().map(size).sum();
        (hooks, bytes)
    }
}

fn size(hook: &Webhook) -> usize {
    let metadata = hook.metadata.iter().flatten();
    hook.url.len() + hook.name.len() + metadata.map(|(key, value)| key.len() + value.len()).sum::<usize>()
}
