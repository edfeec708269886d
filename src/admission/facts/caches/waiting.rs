//! Which caches are being filled for the first time, and what keeps them.

use crate::foreign::{SAID, cut};
use crate::watched::{refusal, words};
use kube::runtime::watcher;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Caches that must be complete before requests are answered. Not the routes, whose kinds may not be installed.
const NEEDED: [&str; 8] = [
    "canaries",
    "policies",
    "templates",
    "providers",
    "namespaces",
    "targets",
    "lease",
    "services",
];
/// Least time between two warnings about one cache.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// The caches that must be complete before requests are answered and are not: each with the last error of its list.
#[derive(Debug, Clone)]
pub(super) struct Waiting(Arc<RwLock<BTreeMap<&'static str, String>>>);

impl Waiting {
    /// All of them.
    pub fn for_all() -> Self {
        let all = NEEDED.into_iter().map(|what| (what, String::new()));
        Self(Arc::new(RwLock::new(all.collect())))
    }

    /// Nobody waits for any of them.
    pub fn is_over(&self) {
        self.0.write().clear();
    }

    /// Their names, with what keeps them; nothing when all are complete.
    pub fn told(&self) -> Option<String> {
        let left = self.0.read();
        if left.is_empty() {
            return None;
        }
        let shown = |(what, why): (&&str, &String)| {
            if why.is_empty() {
                (*what).to_owned()
            } else {
                format!("{what} ({why})")
            }
        };
        let all: Vec<String> = left.iter().map(shown).collect();
        Some(cut(&all.join(", "), SAID))
    }

    /// How one of them fares.
    pub fn progress(&self, what: &'static str) -> Progress {
        Progress {
            what,
            waiting: self.clone(),
            warned: None,
        }
    }
}

/// How one cache fares: of those that nobody waits for, only what goes wrong is told.
pub(super) struct Progress {
    what: &'static str,
    waiting: Waiting,
    warned: Option<Instant>,
}

impl Progress {
    /// Its list is complete.
    pub fn filled(&mut self) {
        // Most lists are of caches that were complete before.
        if self.waiting.0.read().is_empty() {
            return;
        }
        let mut left = self.waiting.0.write();
        if left.remove(self.what).is_some() {
            tracing::debug!(what = self.what, left = left.len(), "cache filled");
        }
    }

    /// Its list or watch has failed.
    pub fn failed(&mut self, error: &watcher::Error) {
        let why = words(error);
        // A watch that is too old begins anew: that is how they end.
        let usual = refusal(error) == Some(410);
        let rests = self.warned.is_some_and(|at| at.elapsed() < BETWEEN_WARNINGS);
        if usual || rests {
            tracing::debug!(what = self.what, why, "watch failed, trying again");
        } else {
            tracing::warn!(what = self.what, why, "watch failed, trying again");
            self.warned = Some(Instant::now());
        }
        if let Some(known) = self.waiting.0.write().get_mut(self.what) {
            *known = why;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Caches;
    use crate::testing::ApiServer;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_named_with_what_keeps_it() {
        let server = ApiServer::default();
        let services = "GET /api/v1/services";
        server.refuse(services, 500, "the store is away", ApiServer::ALWAYS);
        let (caches, feeds) = Caches::new();
        assert!(caches.waiting().unwrap().starts_with("canaries, lease, namespaces, "));
        let mut run = std::pin::pin!(feeds.run(server.client(), ("coalmine-system", "coalmine")));
        let ended = tokio::time::timeout(Duration::from_secs(30), run.as_mut()).await;
        assert!(ended.is_err());
        // The server of these tests selects nothing by labels.
        let targets = "targets (501 label selectors are not built)";
        let all = format!("services (500 the store is away), {targets}");
        assert_eq!(caches.waiting(), Some(all));
        server.heal();
        let ended = tokio::time::timeout(Duration::from_secs(90), run.as_mut()).await;
        assert!(ended.is_err());
        assert_eq!(caches.waiting().as_deref(), Some(targets));
    }

    #[test]
    fn nobody_waits_for_what_is_fed_by_hand() {
        let (caches, feeds) = Caches::new();
        feeds.mark_filled();
        assert_eq!(caches.waiting(), None);
    }
}
