//! The versions of the objects that steps wrote. A cache that has an older one would have the same write done again.

use super::{cache::Kind, queue::Key};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Longest wait for the event of a write. Longer than a busy API server takes; an object that was deleted again meanwhile
/// has none any more.
const PATIENCE: Duration = Duration::from_secs(2);

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!written.awaits(&key, Kind::HttpRoute, "shop", None), "another object");
        written.forget(&key);
        assert!(!awaits(None));
    }
}
