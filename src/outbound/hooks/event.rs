//! Telling every event to hooks of type `event`, or to the controller's own event hook.

use super::call::Caller;
use super::payload::{Payload, Run};
use crate::api::canary::{HookType, Webhook};
use std::collections::BTreeMap;

/// An event to be told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Text of the event.
    pub message: &'a str,
    /// `Normal` or `Warning`.
    pub event_type: &'a str,
    /// When it happened, milliseconds since 1970.
    pub unix_ms: i64,
}

/// Tells `event` to all event hooks among `hooks`; only if there are none, to `global`
/// (`-event-webhook`). A hook that fails is logged and changes nothing. Callers that must not wait spawn
/// this.
pub async fn tell(caller: &Caller, hooks: &[Webhook], global: Option<&str>, run: &Run<'_>, event: &Told<'_>) {
    for hook in receivers(hooks, global) {
        let payload = payload(&hook, run, event);
        if let Err(error) = caller.call(&hook, &payload).await {
            let canary = format!("{}.{}", run.name, run.namespace);
            tracing::error!(canary, "error sending event to webhook {}: {error}", hook.name);
        }
    }
}

/// Who is told; the global hook has the default time-out and no retries.
fn receivers(hooks: &[Webhook], global: Option<&str>) -> Vec<Webhook> {
    let own: Vec<_> = hooks
        .iter()
        .filter(|hook| hook.hook_type() == HookType::Event)
        .cloned()
        .collect();
    if !own.is_empty() {
        return own;
    }
    let url = global.filter(|url| !url.is_empty());
    url.map(|url| Webhook {
        name: "event-webhook".to_owned(),
        url: url.to_owned(),
        ..Webhook::default()
    })
    .into_iter()
    .collect()
}

fn payload(hook: &Webhook, run: &Run<'_>, event: &Told<'_>) -> Payload {
    let mut payload = Payload::new(run, hook.metadata.as_ref());
    // After the hook's own, which cannot override them.
    payload.metadata.extend(BTreeMap::from([
        ("eventMessage".to_owned(), event.message.to_owned()),
        ("eventType".to_owned(), event.event_type.to_owned()),
        ("timestamp".to_owned(), event.unix_ms.to_string()),
    ]));
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run<'static> = Run {
        name: "app",
        namespace: "test",
        phase: "Progressing",
        checksum: "abc",
        canary_weight: 20,
    };

    fn hook(name: &str, kind: &str) -> Webhook {
        Webhook {
            name: name.into(),
            kind: Some(kind.into()),
            url: "http://x".into(),
            ..Webhook::default()
        }
    }

    #[test]
    fn the_global_hook_hears_only_what_no_other_does() {
        let names =
            |hooks: &[Webhook], global| receivers(hooks, global).into_iter().map(|h| h.name).collect::<Vec<_>>();
        assert_eq!(
            names(&[hook("a", "event"), hook("b", "event")], Some("http://g")),
            ["a", "b"]
        );
        assert_eq!(names(&[hook("a", "rollout")], Some("http://g")), ["event-webhook"]);
        assert!(names(&[hook("a", "rollout")], Some("")).is_empty());
        assert!(names(&[], None).is_empty());
    }

    #[test]
    fn the_event_wins_over_the_hooks_own_metadata() {
        let metadata = [("team", "red"), ("eventType", "mine")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let hook = Webhook {
            metadata: Some(BTreeMap::from(metadata)),
            ..hook("a", "event")
        };
        let told = Told {
            message: "Advance",
            event_type: "Normal",
            unix_ms: 1_700_000_000_123,
        };
        let expected = [
            ("eventMessage", "Advance"),
            ("eventType", "Normal"),
            ("team", "red"),
            ("timestamp", "1700000000123"),
        ];
        let metadata = payload(&hook, &RUN, &told).metadata;
        assert_eq!(metadata, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }
}
