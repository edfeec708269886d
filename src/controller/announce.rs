//! Saying what happened: as an Event, in the log, and to event hooks. Nothing waits for anybody who listens.

use super::{context::Context, queue::Key};
use crate::{
    analysis::State,
    api::{
        Canary,
        canary::{HookType, Webhook},
    },
    hooks::{Run, event, run_checksum},
    metrics::Severity,
};
use jiff::Timestamp;
use kube::ResourceExt;
use tokio::sync::mpsc;

/// An event on its way.
#[derive(Debug)]
pub struct Message {
    hooks: Vec<Webhook>,
    name: String,
    namespace: String,
    phase: &'static str,
    checksum: String,
    canary_weight: i32,
    text: String,
    event_type: &'static str,
    unix_ms: i64,
}

/// Records that something happened to a Canary in this state, and tells its event hooks.
pub fn announce(context: &Context, key: &Key, canary: &Canary, state: &State, severity: Severity, text: String) {
    context.events.record(canary, severity, text.clone());
    let all = canary.analysis().webhooks.as_deref().unwrap_or_default();
    let own = all.iter().filter(|hook| hook.hook_type() == HookType::Event);
    let hooks: Vec<Webhook> = own.cloned().collect();
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
    let work = |messages| tell(context.caller.clone(), context.event_webhook.clone(), messages);
    if !context.listeners.send(key.clone(), message, work) {
        tracing::warn!(
            canary = canary.full_name(),
            "event hooks are too slow, an event was left out"
        );
        context.metrics.event_dropped();
    }
}

async fn tell(caller: crate::hooks::Caller, global: String, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
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
        event::tell(&caller, &message.hooks, Some(&global), &run, &told).await;
    }
}
