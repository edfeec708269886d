//! Kinds of which nothing is known, because every list of them has failed so far. That is not the same as a kind of which
//! there are no objects: nobody may conclude that.

use super::{Cache, Kind};
use std::{fmt, time::Duration};
use tokio::time::Instant;

/// When lists of a kind have failed for that long, only those who need it go on waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// When they have failed for that long, people are told.
const TOLD_AFTER: Duration = Duration::from_secs(30);
/// How long the words of an error stay: some name another port each time, and each change of a word is a write.
const WORDS: Duration = Duration::from_secs(300);

/// A kind that could not be listed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// Kind of the objects.
    pub kind: Kind,
    /// Since when it is tried.
    pub since: Instant,
    why: String,
    worded: Instant,
    late: bool,
}

impl Unlisted {
    /// Whether nobody waits for it any more but those who need it.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// How long it may go on before people are told; nothing when they are to be told now.
    pub fn until_told(&self) -> Duration {
        TOLD_AFTER.saturating_sub(self.since.elapsed())
    }

    // Answers whether it is late now, and was not before.
    fn grows_late(&mut self) -> bool {
        let late = !self.late && self.since.elapsed() >= PATIENCE;
        self.late |= late;
        late
    }
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.kind.resource();
        let (kind, version) = (resource.kind, resource.api_version);
        write!(f, "objects of kind {kind} ({version}) cannot be listed: {}", self.why)
    }
}

impl Cache {
    /// The kinds of a namespace of which every list has failed so far.
    pub fn unlisted(&self, namespace: &str) -> Vec<Unlisted> {
        let found = self.with(namespace, |shelf| shelf.unlisted.values().cloned().collect());
        let mut all: Vec<Unlisted> = found.unwrap_or_default();
        all.sort_unstable_by_key(|unlisted| unlisted.kind);
        all
    }

    // Notes that a list has failed, of those that are tried since then. Answers whether from now on only those who need the
    // kind wait for it. What has been listed once stays known.
    pub(super) fn could_not_list(&self, kind: Kind, namespace: &str, (since, why): (Instant, &str)) -> bool {
        let mut shelves = self.shelves.write();
        let shelf = shelves.get_mut(namespace);
        let Some(shelf) = shelf.filter(|shelf| !shelf.complete.contains(&kind)) else {
            return false;
        };
        let now = Instant::now();
        let known = shelf.unlisted.entry(kind).or_insert_with(|| Unlisted {
            kind,
            since,
            why: why.to_owned(),
            worded: now,
            late: false,
        });
        if now.duration_since(known.worded) >= WORDS {
            (known.why, known.worded) = (why.to_owned(), now);
        }
        known.grows_late()
    }

    // The same while a list only waits for its turn.
    pub(super) fn waits_to_list(&self, kind: Kind, namespace: &str) -> bool {
        let mut shelves = self.shelves.write();
        let known = shelves
            .get_mut(namespace)
            .and_then(|shelf| shelf.unlisted.get_mut(&kind));
        known.is_some_and(Unlisted::grows_late)
    }
}
