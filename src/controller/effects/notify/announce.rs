//! Saying what happened: as an Event, in the log, and to event hooks. Nothing waits for anybody who listens.

use crate::controller::{
    context::{
        Context,
        memory::{
            Memory,
            listening::Message,
            outbox::{Outboxes, Waiting},
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
    messages::Severity,
    outbound::hooks::{Caller, Run, event, run_checksum},
    telemetry::Metrics,
};
use jiff::Timestamp;
use kube::ResourceExt;
use std::sync::{Arc, Weak};

/// Records that something happened to a Canary in this state, and tells its event hooks.
pub fn announce(context: &Context, key: &Key, canary: &Canary, state: &State, severity: Severity, text: String) {
    let text = cut(&text, SAID);
    context.effects.events.record(canary, severity, &text);
    let all = canary.analysis().webhooks.as_deref().unwrap_or_default();
    // What is said beside the steps, of a hook say, may come when its Canary has just gone: that one stays forgotten.
    let Some((hooks, new)) = context.memory.of_known(key, |canary| canary.listening.hooks(all)) else {
        return;
    };
    if hooks.is_empty() && context.options.event_webhook.is_empty() {
        return;
    }
    let message = message(canary, state, hooks, (severity, text));
    let bytes = size_of::<Message>() + message.text.len() + new;
    let teller = Teller {
        caller: context.effects.caller.clone(),
        global: context.options.event_webhook.clone(),
        metrics: context.effects.metrics.clone(),
        memory: Arc::downgrade(&context.memory),
        key: key.clone(),
    };
    let all = &context.memory.waiting_events;
    let work = |messages| teller.tell(messages);
    let sent = |outboxes: &mut Outboxes<(), Message>| outboxes.send(all, (), (message, bytes), work);
    if context.memory.of_known(key, |canary| sent(&mut canary.events)) == Some(false) {
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
    // Weak: the memory owns the outbox, which owns this.
    memory: Weak<Memory>,
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
        if let Some(memory) = self.memory.upgrade() {
            memory.of_known(&self.key, |canary| canary.events.ended(&()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake;
    use serde_json::json;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    fn said(context: &Context, key: &Key, canary: &Canary) {
        let state = State::new(Timestamp::UNIX_EPOCH);
        announce(context, key, canary, &state, Severity::Normal, String::from("said"));
    }

    #[tokio::test]
    async fn what_is_said_of_a_canary_that_has_gone_is_an_event_and_is_remembered_nowhere() {
        let (context, mut told) = fake::context();
        let key = fake::add(&context, "app");
        let canary = context.cluster.canary(&key).unwrap();
        let waits = || context.memory.of_known(&key, |canary| !canary.events.is_empty());
        context.memory.of(&key, |_| ());
        said(&context, &key, &canary);
        assert_eq!(waits(), Some(true));
        context.forget(&key);
        said(&context, &key, &canary);
        assert_eq!(waits(), None);
        assert_eq!(fake::said(&mut told).await, ["said", "said"]);
    }

    #[tokio::test]
    async fn who_tells_keeps_no_memory_and_tells_what_waits_when_that_is_gone() {
        let (context, _told) = fake::context();
        let key = fake::add(&context, "app");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut canary = serde_json::to_value(&*context.cluster.canary(&key).unwrap()).unwrap();
        canary["spec"]["analysis"]["webhooks"] = json!([{"name": "e", "type": "event", "url": url}]);
        let canary: Canary = serde_json::from_value(canary).unwrap();
        context.memory.of(&key, |_| ());
        said(&context, &key, &canary);
        let memory = Arc::downgrade(&context.memory);
        drop(context);
        assert!(memory.upgrade().is_none());
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4];
        connection.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"POST");
    }
}
