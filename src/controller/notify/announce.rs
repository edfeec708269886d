//! Saying what happened: as an Event, in the log, and to event hooks. Nothing waits for anybody who listens.

use super::lanes::Waiting;
use crate::controller::{
    context::Context,
    queue::{
        Key,
        tasks::{caught, internal_error},
    },
};
use crate::{
    analysis::State,
    api::{
        Canary,
        canary::{HookType, Webhook},
    },
    foreign::{SAID, cut},
    hooks::{Run, event, run_checksum},
    metrics::Severity,
};
use jiff::Timestamp;
use kube::ResourceExt;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// An event on its way.
#[derive(Debug)]
pub struct Message {
    hooks: Arc<[Webhook]>,
    name: String,
    namespace: String,
    phase: &'static str,
    checksum: String,
    canary_weight: i32,
    text: String,
    event_type: &'static str,
    unix_ms: i64,
}

/// The event hooks of each Canary that was heard of last: however many messages wait for them, they are there once.
#[derive(Debug, Default)]
pub struct Listening(Mutex<HashMap<Key, Arc<[Webhook]>>>);

impl Listening {
    // Those of a Canary, and how many bytes they add to what is kept.
    fn hooks(&self, key: &Key, all: &[Webhook]) -> (Arc<[Webhook]>, usize) {
        let own = || all.iter().filter(|hook| hook.hook_type() == HookType::Event);
        if own().next().is_none() {
            self.forget(key);
            return (Arc::default(), 0);
        }
        let mut known = self.0.lock();
        if let Some(hooks) = known.get(key).filter(|hooks| hooks.iter().eq(own())) {
            return (hooks.clone(), 0);
        }
        let hooks: Arc<[Webhook]> = own().cloned().collect();
        known.insert(key.clone(), hooks.clone());
        let bytes = hooks.iter().map(size).sum();
        (hooks, bytes)
    }

    /// Forgets a Canary that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

fn size(hook: &Webhook) -> usize {
    let metadata = hook.metadata.iter().flatten();
    hook.url.len() + hook.name.len() + metadata.map(|(key, value)| key.len() + value.len()).sum::<usize>()
}

/// Records that something happened to a Canary in this state, and tells its event hooks.
pub fn announce(context: &Context, key: &Key, canary: &Canary, state: &State, severity: Severity, text: String) {
    let text = cut(&text, SAID);
    context.events.record(canary, severity, &text);
    let all = canary.analysis().webhooks.as_deref().unwrap_or_default();
    let (hooks, new) = context.listening.hooks(key, all);
    if hooks.is_empty() && context.event_webhook.is_empty() {
        return;
    }
    let message = Message {
        hooks,
        name: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        phase: state.phase.as_str(),
        checksum: run_checksum(canary, state.last_applied.as_deref()),
        canary_weight: i32::from(state.canary_weight()),
        text,
        event_type: match severity {
            Severity::Normal => "Normal",
            Severity::Warning | Severity::Error => "Warning",
        },
        unix_ms: Timestamp::now().as_millisecond(),
    };
    let bytes = size_of::<Message>() + message.text.len() + new;
    let (caller, global) = (context.caller.clone(), context.event_webhook.clone());
    let work = |messages| tell(caller, global, (context.metrics.clone(), key.clone()), messages);
    if !context.listeners.send(key.clone(), (message, bytes), work) {
        tracing::warn!(
            canary = canary.full_name(),
            "event hooks are too slow, an event was left out"
        );
        context.metrics.event_dropped();
    }
}

// A message that cannot be told is not the end of the others.
async fn tell(
    caller: crate::hooks::Caller,
    global: String,
    (metrics, key): (crate::telemetry::Metrics, Key),
    mut messages: Waiting<Message>,
) {
    while let Some(message) = messages.recv().await {
        let told = caught(one(&caller, &global, &message)).await;
        if let Err(why) = told {
            internal_error(&metrics, "telling an event", &format!("{}.{}", key.1, key.0), &why);
        }
    }
}

async fn one(caller: &crate::hooks::Caller, global: &str, message: &Message) {
    let run = Run {
        name: &message.name,
        namespace: &message.namespace,
        phase: message.phase,
        checksum: &message.checksum,
        canary_weight: message.canary_weight,
    };
    let told = event::Told {
        message: &message.text,
        event_type: message.event_type,
        unix_ms: message.unix_ms,
    };
    event::tell(caller, &message.hooks, Some(global), &run, &told).await;
}
