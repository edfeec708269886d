//! The versions of the objects that steps wrote. A cache that has an older one would have the same write done again.

use crate::controller::{queue::Key, watch::cache::Kind};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Longest wait for the event of a write. Longer than a busy API server takes; an object that was deleted again meanwhile
/// has none any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest wait for the event of a status. A watch that lags behind for longer is the API server's trouble, and a write
/// decided on an old status is refused; but versions that went back, as after a restore of etcd, would be waited for
/// without end.
const LONG_PATIENCE: Duration = Duration::from_secs(15);

/// The versions of the statuses that were written last.
#[derive(Debug, Default)]
pub struct Statuses(Mutex<HashMap<Key, (u64, Instant)>>);

impl Statuses {
    /// Remembers that a write made a Canary this `version`.
    pub fn note(&self, key: &Key, version: u64) {
        self.0.lock().insert(key.clone(), (version, Instant::now()));
    }

    /// Whether a Canary of the version that was `seen` is older than what was written: a cache that has that one would
    /// repeat a step.
    pub fn awaits(&self, key: &Key, seen: Option<u64>) -> bool {
        let mut all = self.0.lock();
        let Some((version, since)) = all.get(key).copied() else {
            return false;
        };
        let older = seen.is_some_and(|seen| seen < version);
        if older && since.elapsed() >= LONG_PATIENCE {
            all.remove(key);
            return false;
        }
        older
    }

    /// Forgets a Canary that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// What was written for each Canary.
#[derive(Debug, Default)]
pub struct Written(Mutex<HashMap<Key, Objects>>);

type Objects = HashMap<(Kind, String), (u64, Instant)>;

impl Written {
    /// Remembers that a write for the Canary of `key` made an object this `version`.
    pub fn note(&self, key: &Key, kind: Kind, name: &str, version: u64) {
        let mut all = self.0.lock();
        let objects = all.entry(key.clone()).or_default();
        objects.insert((kind, name.to_owned()), (version, Instant::now()));
    }

    /// Whether the event of the last write of an object is still to come, when `cached` is the version of it that the
    /// cache has.
    pub fn awaits(&self, key: &Key, kind: Kind, name: &str, cached: Option<u64>) -> bool {
        let mut all = self.0.lock();
        let Some(objects) = all.get_mut(key) else { return false };
        let object = (kind, name.to_owned());
        let Some((version, since)) = objects.get(&object).copied() else {
            return false;
        };
        let awaited = cached.is_none_or(|cached| cached < version) && since.elapsed() < PATIENCE;
        if !awaited {
            objects.remove(&object);
        }
        awaited
    }

    /// Forgets a Canary that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_went_back_are_not_waited_for_without_end() {
        let (statuses, key) = (Statuses::default(), ("web".to_owned(), "shop".to_owned()));
        assert!(!statuses.awaits(&key, Some(1)));
        statuses.note(&key, 900);
        assert!(statuses.awaits(&key, Some(7)));
        assert!(!statuses.awaits(&key, Some(900)) && !statuses.awaits(&key, Some(901)) && !statuses.awaits(&key, None));
        if let Some((_, since)) = statuses.0.lock().get_mut(&key) {
            *since = Instant::now().checked_sub(LONG_PATIENCE).unwrap();
        }
        assert!(!statuses.awaits(&key, Some(7)), "etcd was restored");
        assert!(statuses.is_empty());
    }

    #[test]
    fn a_write_is_awaited_until_the_cache_has_it() {
        let (written, key) = (Written::default(), ("web".to_owned(), "shop".to_owned()));
        let awaits = |cached| written.awaits(&key, Kind::Service, "shop", cached);
        assert!(!awaits(None), "nothing was written");
        written.note(&key, Kind::Service, "shop", 7);
        assert!(awaits(None), "made, and not seen yet");
        assert!(awaits(Some(6)));
        assert!(!awaits(Some(7)));
        assert!(!awaits(Some(6)), "what was seen once is not waited for again");
        written.note(&key, Kind::Service, "shop", 9);
        assert!(!written.awaits(&key, Kind::Secret, "shop", None), "another object");
        written.forget(&key);
        assert!(!awaits(None));
    }
}
