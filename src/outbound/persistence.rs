//! Trying again what may pass.

use std::time::Duration;

const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt is in vain.
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
    mut backoff: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<(), Failure> {
    let mut left = attempts;
    loop {
        left = left.saturating_sub(1);
        let pause = match attempt().await {
            Err(Failure::Passing(_, wish)) if left > 0 => wish.unwrap_or(backoff),
            outcome => return outcome,
        };
        tokio::time::sleep(pause).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}
