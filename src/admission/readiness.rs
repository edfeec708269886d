//! Whether the webhook is open, for a health endpoint elsewhere, and what is worth a word although it is.

use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether the webhook is open; for a health endpoint elsewhere.
#[derive(Clone, Default)]
pub struct Readiness {
    check: Arc<OnceLock<Check>>,
    remark: Arc<Mutex<String>>,
}

impl Readiness {
    /// Nothing, or why requests cannot be answered well.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), String> {
        self.check
            .get()
            .map_or_else(|| Err("the webhook is starting".to_owned()), |check| check())
    }

    /// What is worth a word although the webhook is open; empty for nothing.
    pub fn remarked(&self) -> String {
        self.remark.lock().clone()
    }

    /// Has `check` answer from now on; the first one that is given stays.
    pub(super) fn answer_by(&self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        let _ = self.check.set(Box::new(check));
    }

    pub(super) fn remark(&self, text: String) {
        *self.remark.lock() = text;
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&self.check()).finish()
    }
}
