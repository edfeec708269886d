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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::time::Instant;

    const FIRST: Duration = Duration::from_secs(1);

    /// In which seconds something is attempted that fails so often in that way, and what comes of it.
    async fn attempted(most: u32, failure: Failure, times: usize) -> (Vec<u64>, Result<(), Failure>) {
        let (begun, seconds) = (Instant::now(), RefCell::new(Vec::new()));
        let attempt = || async {
            let mut seconds = seconds.borrow_mut();
            seconds.push(begun.elapsed().as_secs());
            if seconds.len() > times {
                Ok(())
            } else {
                Err(failure.clone())
            }
        };
        let result = persist(most, FIRST, attempt).await;
        (seconds.into_inner(), result)
    }

    fn passing(retry_after: Option<u64>) -> Failure {
        Failure::Passing(String::from("busy"), retry_after.map(Duration::from_secs))
    }

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_twice_as_long_as_the_one_before_until_it_is_long_enough() {
        let (seconds, result) = attempted(9, passing(None), 7).await;
        assert_eq!(result, Ok(()));
        assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 61, 91]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_time_gets_it_and_no_more_attempts_than_others() {
        let (seconds, result) = attempted(3, passing(Some(60)), 9).await;
        assert_eq!(seconds, [0, 60, 120]);
        assert_eq!(result, Err(passing(Some(60))));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_good_is_attempted_once() {
        let failure = Failure::Final(String::from("forbidden"));
        assert_eq!(attempted(9, failure.clone(), 9).await, (vec![0], Err(failure)));
    }
}
