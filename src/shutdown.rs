//! Telling every part of the process that it is time to go.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: 128 + SIGINT, what a shell shows for an interrupted program.
const ABORTED: i32 = 130;

/// Follows SIGTERM and SIGINT: the first asks everything to stop, which is what the token tells, the second ends the process
/// at once. Needs a tokio runtime.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
            if first {
                tracing::info!("Stopping; a second signal aborts");
                stop.cancel();
            }
        }
        std::process::exit(ABORTED);
    });
    Ok(shutdown)
}
