//! The metrics as text, which is rendered now and then, however many ask for it.

use crate::telemetry::exposition::Metrics;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a text is sent again. No scrape comes more often, and whoever has it rendered takes a thread from reviews.
const FRESH: Duration = Duration::from_secs(1);

/// The last text. Clones share it.
#[derive(Clone)]
pub(super) struct Rendered {
    metrics: Metrics,
    last: Arc<Mutex<Option<(Instant, Bytes)>>>,
}

impl Rendered {
    /// Nobody has asked yet.
    pub fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            last: Arc::default(),
        }
    }

    /// What the metrics are, or were within the last second. Who comes while it is rendered waits, and keeps no thread.
    /// Rendering is not waited for, so nobody who hangs up meanwhile has it done once more.
    pub async fn text(&self) -> Bytes {
        let mut last = self.last.lock().await;
        if let Some((made, text)) = last.as_ref()
            && made.elapsed() < FRESH
        {
            return text.clone();
        }
        let text = Bytes::from(self.metrics.render());
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Backlog, StatusEncoding};
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_flood_has_it_rendered_once_a_second() {
        let metrics = Metrics::new("0", "istio", StatusEncoding::default());
        let renderings = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&renderings);
        metrics.ask_for_backlog(move || {
            let steps = counted.fetch_add(1, Ordering::Relaxed) + 1;
            Backlog {
                steps,
                ..Backlog::default()
            }
        });
        let rendered = Rendered::new(metrics);
        for expected in 1..4 {
            let told = format!("coalmine_steps_waiting {expected}\n");
            for text in join_all((0..100).map(|_| rendered.text())).await {
                assert!(std::str::from_utf8(&text).unwrap().contains(&told), "{told}");
            }
            assert_eq!(renderings.load(Ordering::Relaxed), expected);
            tokio::time::advance(FRESH).await;
        }
    }
}
