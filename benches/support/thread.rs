//! How much a thread computes.

use std::time::Instant;

/// A thread, since it was asked about.
pub struct Thread {
    stat: String,
    began: Instant,
    before: f64,
}

impl Thread {
    /// The one that asks.
    pub fn own() -> Self {
        let thread = std::fs::read_link("/proc/thread-self").expect("/proc");
        let mut own = Self {
            stat: format!("/proc/{}/stat", thread.display()),
            began: Instant::now(),
            before: 0.0,
        };
        own.before = own.seconds();
        own
    }

    /// Computing time so far, in seconds: user and system time in `stat`, in ticks of 10 ms.
    fn seconds(&self) -> f64 {
        let text = std::fs::read_to_string(&self.stat).unwrap_or_default();
        let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks = fields.into_iter().flatten().skip(11).take(2);
        ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    /// The share of a core it has used.
    pub fn busy(&self) -> f64 {
        (self.seconds() - self.before) / self.began.elapsed().as_secs_f64()
    }
}
