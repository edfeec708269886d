//! Namespaces labelled a moment ago, and until when the controller leaves their existing Deployments to whoever set the
//! label.

use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::time::Instant;

/// Namespaces labelled a moment ago, each with the end of that time.
#[derive(Debug, Default)]
pub struct Labelled(Mutex<HashMap<String, Instant>>);

impl Labelled {
    /// Leaves the Deployments of `namespace` alone until `until`.
    pub fn note(&self, namespace: &str, until: Instant) {
        self.0.lock().insert(namespace.to_owned(), until);
    }

    /// Whether what lives in the namespace may be taken over by now.
    pub fn is_over(&self, namespace: &str) -> bool {
        let mut all = self.0.lock();
        let over = all.get(namespace).is_none_or(|until| Instant::now() >= *until);
        if over {
            all.remove(namespace);
        }
        over
    }

    /// Forgets a namespace that is not worked in any more.
    pub fn forget(&self, namespace: &str) {
        self.0.lock().remove(namespace);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}
