//! Trying again what may pass.

use backon::{ExponentialBuilder, Retryable};
use std::time::Duration;

const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt would fail too.
    Final(String),
    /// Another attempt may help, after at least this time where the other side names one.
    Passing(String, Option<Duration>),
}

/// Attempts something until it succeeds, fails for good or `attempts` are spent; answers what the last one said. The first
/// pause is `backoff`, each further one twice as long, up to 30 s.
///
/// # Errors
/// The last failure.
pub async fn persist<F: Future<Output = Result<(), Failure>>>(
    attempts: u32,
    backoff: Duration,
    attempt: impl FnMut() -> F,
) -> Result<(), Failure> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(backoff)
        .with_max_delay(LONGEST_BACKOFF)
        .with_max_times(attempts.saturating_sub(1) as usize);
    attempt
        .retry(pauses)
        .when(|failure| matches!(failure, Failure::Passing(..)))
        .adjust(|failure, pause| match failure {
            Failure::Passing(_, Some(retry_after)) => pause.and(Some(*retry_after)),
            _ => pause,
        })
        .await
}
