//! The versions of the objects that steps wrote. A cache that has an older one would have the same write done again.

use crate::controller::watch::informers::cache::Kind;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Longest wait for the event of a write. Longer than a busy API server takes; an object that was deleted again meanwhile
/// has none any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest wait for the event of a status. A watch that lags behind for longer is the API server's trouble, and a write
/// decided on an old status is refused; but versions that went back, as after a restore of etcd, would be waited for
/// without end.
const LONG_PATIENCE: Duration = Duration::from_secs(15);

/// What was written for a Canary.
#[derive(Debug, Default)]
pub struct Written {
    // The version of itself that was stored last.
    status: Option<(u64, Instant)>,
    objects: HashMap<(Kind, String), (u64, Instant)>,
}

impl Written {
    /// Remembers that a write made the Canary this `version`.
    pub fn note_status(&mut self, version: u64) {
        self.status = Some((version, Instant::now()));
    }

    /// Whether its status was written at that instant or after it.
    pub fn has_status_since(&self, begun: Instant) -> bool {
        self.status.is_some_and(|(_, since)| since >= begun)
    }

    /// Whether the Canary of the version that was `seen` is older than what was written: a cache that has that one would
    /// repeat a step.
    pub fn awaits_status(&mut self, seen: Option<u64>) -> bool {
        let Some((version, since)) = self.status else {
            return false;
        };
        let older = seen.is_some_and(|seen| seen < version);
        if older && since.elapsed() >= LONG_PATIENCE {
            self.status = None;
            return false;
        }
        older
    }

    /// Remembers that a write made an object this `version`.
    pub fn note(&mut self, kind: Kind, name: &str, version: u64) {
        self.objects.insert((kind, name.to_owned()), (version, Instant::now()));
    }

    /// Whether the event of the last write of an object is still to come, when `cached` is the version of it that the
    /// cache has.
    pub fn awaits(&mut self, kind: Kind, name: &str, cached: Option<u64>) -> bool {
        let object = (kind, name.to_owned());
        let Some((version, since)) = self.objects.get(&object).copied() else {
            return false;
        };
        let awaited = cached.is_none_or(|cached| cached < version) && since.elapsed() < PATIENCE;
        if !awaited {
            self.objects.remove(&object);
        }
        awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_went_back_are_not_waited_for_without_end() {
        let mut written = Written::default();
        assert!(!written.awaits_status(Some(1)));
        written.note_status(900);
        assert!(written.awaits_status(Some(7)));
        for seen in [Some(900), Some(901), None] {
            assert!(!written.awaits_status(seen));
        }
        if let Some((_, since)) = &mut written.status {
            *since = Instant::now().checked_sub(LONG_PATIENCE).unwrap();
        }
        assert!(!written.awaits_status(Some(7)), "etcd was restored");
        assert_eq!(written.status, None);
    }

    #[test]
    fn a_write_is_awaited_until_the_cache_has_it() {
        let mut written = Written::default();
        let awaits = |written: &mut Written, cached| written.awaits(Kind::Service, "shop", cached);
        assert!(!awaits(&mut written, None), "nothing was written");
        written.note(Kind::Service, "shop", 7);
        assert!(awaits(&mut written, None), "made, and not seen yet");
        assert!(awaits(&mut written, Some(6)));
        assert!(!awaits(&mut written, Some(7)));
        assert!(
            !awaits(&mut written, Some(6)),
            "what was seen once is not waited for again"
        );
        written.note(Kind::Service, "shop", 9);
        assert!(!written.awaits(Kind::Secret, "shop", None), "another object");
    }
}
