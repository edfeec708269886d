//! Saying what happened: as an Event, in the log, and to event hooks. Nothing waits for anybody who listens.

use crate::controller::{
    context::{
        Context,
        memory::{
            Memory,
            lanes::{Lanes, Waiting},
            listening::Message,
        },
    },
    queue::{
        Key,
        tasks::{caught, internal_error},
    },
};
use crate::{
    analysis::State,
    api::{Canary, canary::Webhook},
    foreign::{SAID, cut},
    hooks::{Caller, Run, event, run_checksum},
    messages::Severity,
    telemetry::Metrics,
};
use jiff::Timestamp;
use kube::ResourceExt;
use std::sync::Arc;

/// Records that something happened to a Canary in this state, and tells its event hooks.
pub fn announce(context: &Context, key: &Key, canary: &Canary, state: &State, severity: Severity, text: String) {
    let text = cut(&text, SAID);
    context.effects.events.record(canary, severity, &text);
    let all = canary.analysis().webhooks.as_deref().unwrap_or_default();
    let (hooks, new) = context.memory.of(key, |canary| canary.listening.hooks(all));
    if hooks.is_empty() && context.options.event_webhook.is_empty() {
        return;
    }
    let message = message(canary, state, hooks, (severity, text));
    let bytes = size_of::<Message>() + message.text.len() + new;
    let teller = Teller {
        caller: context.effects.caller.clone(),
        global: context.options.event_webhook.clone(),
        metrics: context.effects.metrics.clone(),
        memory: context.memory.clone(),
        key: key.clone(),
    };
    let all = &context.memory.waiting_events;
    let work = |messages| teller.tell(messages);
    let sent = |lanes: &mut Lanes<(), Message>| lanes.send(all, (), (message, bytes), work);
    if !context.memory.of(key, |canary| sent(&mut canary.events)) {
        tracing::warn!(
            canary = canary.full_name(),
            "event hooks are too slow, an event was left out"
        );
        context.effects.metrics.event_dropped();
    }
}

fn message(canary: &Canary, state: &State, hooks: Arc<[Webhook]>, (severity, text): (Severity, String)) -> Message {
    Message {
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
    }
}

// Tells the event hooks of one Canary.
struct Teller {
    caller: Caller,
    global: String,
    metrics: Metrics,
    memory: Arc<Memory>,
    key: Key,
}

impl Teller {
    // A message that cannot be told is not the end of the others.
    async fn tell(self, mut messages: Waiting<Message>) {
        while let Some(message) = messages.recv().await {
            let told = caught(one(&self.caller, &self.global, &message)).await;
            if let Err(why) = told {
                let of = format!("{}.{}", self.key.1, self.key.0);
                internal_error(&self.metrics, "telling an event", &of, &why);
            }
        }
        self.memory.of_known(&self.key, |canary| canary.events.ended(&()));
    }
}

async fn one(caller: &Caller, global: &str, message: &Message) {
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
