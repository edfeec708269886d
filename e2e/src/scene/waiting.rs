//! Waiting with a deadline.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How soon a condition is looked at again: often enough to time what is promised within half a second, and less often
/// the longer it takes, or the looking would take the time of what is looked for.
fn pause(waited: Duration) -> Duration {
    (waited / 20).clamp(Duration::from_millis(50), Duration::from_millis(250))
}

/// Waits until `look` finds something; an error of `look` is taken for "not yet", and told when time is up.
pub async fn wait_for<T: Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        let looked = look().await;
        if let Ok(Some(found)) = looked {
            return Ok(found);
        }
        if began.elapsed() > within {
            match looked {
                Err(error) => bail!("waited {within:?} for {what}: {error:#}"),
                Ok(_) => bail!("waited {within:?} for {what}"),
            }
        }
        tokio::time::sleep(pause(began.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_in_time_is_returned_and_what_does_not_is_named() {
        let mut looks = 0;
        let found = wait_for("three looks", Duration::from_secs(5), async || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.await.unwrap(), 3);
        let missed = wait_for::<()>("a unicorn", Duration::ZERO, async || bail!("none here"));
        let said = missed.await.unwrap_err().to_string();
        assert!(said.contains("a unicorn") && said.contains("none here"), "{said}");
    }
}
