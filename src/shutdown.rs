//! Telling every part of the process that it is time to go.

use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exit status after a second signal: 128 + SIGINT, what a shell shows for an interrupted program.
const ABORTED: i32 = 130;

/// Knows whether the process is to stop. Clones share the knowledge.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Makes the [`Shutdown`]s it came with true. Dropping it does so too.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// A trigger and what it triggers.
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Time to go.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Follows SIGTERM and SIGINT: the first asks everything to stop, the second ends the process at
    /// once. Errors when the handlers cannot be installed. Needs a tokio runtime.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, shutdown) = Trigger::new();
        tokio::spawn(async move {
            for first in [true, false] {
                tokio::select! {
                    _ = terminate.recv() => (),
                    _ = interrupt.recv() => (),
                }
                if first {
                    tracing::info!("Stopping; a second signal aborts");
                    trigger.fire();
                }
            }
            std::process::exit(ABORTED);
        });
        Ok(shutdown)
    }

    /// Whether it is time to go.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is time to go.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the trigger is gone, and with it whoever kept us running.
        let _ = receiver.wait_for(|stop| *stop).await;
    }

    /// Waits for `duration`; `false` when it is time to go instead.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.requested() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_hears_of_it_however_late_they_listen() {
        let (trigger, shutdown) = Trigger::new();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.sleep(Duration::from_secs(3600)).await }
        });
        trigger.fire();
        assert!(!early.await.unwrap());
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_trigger_that_is_gone_counts_as_fired() {
        let (trigger, shutdown) = Trigger::new();
        drop(trigger);
        shutdown.requested().await;
    }
}
