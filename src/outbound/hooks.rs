//! The webhooks a Canary calls: gates, checks, load tests and the event hook.

pub mod call;
mod checksum;
pub mod event;
pub mod payload;

pub use call::{Caller, heard};
pub use checksum::run_checksum;
pub use payload::{Payload, Run};

use crate::api::canary::{HookType, Webhook};

/// What one hook answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// Name of the hook.
    pub hook: String,
    /// Whether the hook's alert is muted.
    pub muted: bool,
    /// The error is a text for the event.
    pub result: Result<(), String>,
}

/// Calls the hooks of one type in their order, one after the other, and says what each answered.
///
/// Ends at the first failure; hooks of type `rollback` at the first success, which is the one that asks
/// for a rollback; hooks of type `event` are all called. Empty when there are none of that type.
pub async fn call_all(caller: &Caller, hooks: &[Webhook], kind: HookType, run: &Run<'_>) -> Vec<HookAnswer> {
    let mut outcomes = Vec::new();
    for hook in hooks.iter().filter(|hook| hook.hook_type() == kind) {
        let payload = Payload::new(run, hook.metadata.as_ref());
        let result = caller.call(hook, &payload).await;
        let last = match kind {
            HookType::Event => false,
            HookType::Rollback => result.is_ok(),
            _ => result.is_err(),
        };
        let muted = hook.mute_alert == Some(true);
        outcomes.push(HookAnswer {
            hook: hook.name.clone(),
            muted,
            result,
        });
        if last {
            break;
        }
    }
    outcomes
}

#[cfg(test)]
mod tests;
