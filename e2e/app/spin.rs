//! Work for the processor, so that an autoscaler has something to measure.

use std::time::{Duration, Instant};

/// Longest turn `/spin/MS` takes, so that a typo cannot keep a core busy for ever.
const LONGEST: Duration = Duration::from_secs(10);

/// Keeps one core busy for that long, beside the thread that answers probes.
pub async fn spin(millis: u64) {
    let turn = Duration::from_millis(millis).min(LONGEST);
    let work = move || {
        let began = Instant::now();
        while began.elapsed() < turn {
            std::hint::spin_loop();
        }
    };
    // It fails only when the process ends.
    let _ = tokio::task::spawn_blocking(work).await;
}
