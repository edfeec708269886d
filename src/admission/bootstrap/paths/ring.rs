//! The generations of paths and their order: pure decisions. All times are seconds since 1970.
//!
//! A rotation moves each generation on by one and makes a fresh one to come. As the one that comes was in the Secret
//! since the rotation before, whoever follows the Secret has known it ever since.

use super::Paths;
use crate::admission::bootstrap::certificates::LEAF_LIFETIME;
use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Age at which paths are changed where no new leaf did it before: the age at which a leaf of ours is renewed.
pub const AGE: i64 = LEAF_LIFETIME * 2 / 3;
/// How long the generation before the current one is accepted: API servers see a new configuration within seconds.
pub const PREVIOUS_LIFE: i64 = 600;
/// Least time between two rotations: replicas hear of the one before within it, with a wide margin.
const SETTLE: i64 = 2;
/// Least age of paths that are changed because the API server did not reach us.
const UNREACHED: i64 = 600;
/// A time that is further ahead of the clock was not written by us.
const AHEAD: i64 = 86_400;

const RECORD: &str = "record.json";
const NEXT: &str = "next";
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The higher one wins; it grows with each change and is at least the time of it.
    serial: i64,
    /// When the current generation became that.
    made: i64,
    /// End of the leaf that was served by then; 0 when that is not known.
    leaf_until: i64,
}

/// The three generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    record: Record,
    next: Paths,
    current: Paths,
    previous: Option<Paths>,
}

/// What is known when a decision is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time of the decision, in seconds since 1970.
    pub now: i64,
    /// End of the leaf that is served, where it is known.
    pub leaf_until: Option<i64>,
    /// The API server did not reach us since the paths were made.
    pub unreached: bool,
}

impl Ring {
    /// The first one: with the paths of the configurations that are installed already, if there are any.
    pub fn begin(at: Moment, installed: Paths, fresh: [Paths; 2]) -> Self {
        let [current, next] = fresh;
        let record = Record {
            serial: at.now,
            made: at.now,
            leaf_until: at.leaf_until.unwrap_or_default(),
        };
        Self {
            record,
            next,
            current: installed.filled(&current),
            previous: None,
        }
    }

    /// The paths that API servers are told.
    pub fn current(&self) -> &Paths {
        &self.current
    }

    /// Every generation that is accepted at `now`.
    pub fn accepted(&self, now: i64) -> Vec<Paths> {
        let lately = now.saturating_sub(self.record.made) < PREVIOUS_LIFE;
        let previous = self.previous.iter().filter(|_| lately).cloned();
        [self.current.clone(), self.next.clone()]
            .into_iter()
            .chain(previous)
            .collect()
    }

    /// What the Secret should hold, given what it holds and what this replica knows; `None` when it is right as it is.
    /// `fresh` are tokens that nobody has seen.
    pub fn wanted(stored: Option<&Self>, memory: Option<&Self>, at: Moment, fresh: &Paths) -> Option<Self> {
        let followed = |ring: &&Self| memory.is_none_or(|memory| ring.follows(memory));
        match (stored.filter(followed), memory) {
            (Some(stored), _) if stored.is_due(at) => Some(stored.rotated(at, fresh)),
            (Some(stored), _) if !stored.is_whole() => Some(stored.filled(at, fresh)),
            (Some(_), _) | (None, None) => None,
            // Somebody deleted, emptied or edited it. That changes the paths, and loses none that is in use.
            (None, Some(memory)) if memory.is_settled(at.now) => Some(memory.rotated(at, fresh)),
            (None, Some(memory)) => Some(memory.clone()),
        }
    }

    /// Whether this is what a replica that knew `memory` goes on with, and not what somebody made of the Secret by hand.
    fn follows(&self, memory: &Self) -> bool {
        match self.record.serial.cmp(&memory.record.serial) {
            // What comes after the current paths are the next ones and no others.
            Ordering::Greater => self.previous.as_ref() != Some(&memory.current) || self.current == memory.next,
            // Two replicas changed something in the same second: the Secret says which was the last.
            Ordering::Equal => self.current == memory.current || self.current == memory.next,
            Ordering::Less => false,
        }
    }

    /// Whether a rotation is due.
    pub fn is_due(&self, at: Moment) -> bool {
        let age = at.now.saturating_sub(self.record.made);
        let new_leaf = at.leaf_until.is_some_and(|until| until > self.record.leaf_until);
        self.is_settled(at.now) && (new_leaf || age >= AGE || (at.unreached && age >= UNREACHED))
    }

    fn is_settled(&self, now: i64) -> bool {
        now.saturating_sub(self.record.made) >= SETTLE
    }

    fn is_whole(&self) -> bool {
        self.current.is_whole() && self.next.is_whole()
    }

    fn rotated(&self, at: Moment, fresh: &Paths) -> Self {
        Self {
            record: Record {
                made: at.now,
                leaf_until: at.leaf_until.unwrap_or_default().max(self.record.leaf_until),
                serial: self.serial_after(at.now),
            },
            next: fresh.clone(),
            current: self.next.clone().filled(fresh),
            previous: Some(self.current.clone()),
        }
    }

    // By a version with entries that the one before did not have.
    fn filled(&self, at: Moment, fresh: &Paths) -> Self {
        let mut filled = self.clone();
        filled.record.serial = self.serial_after(at.now);
        filled.current = filled.current.filled(fresh);
        filled.next = filled.next.filled(fresh);
        filled
    }

    fn serial_after(&self, now: i64) -> i64 {
        self.record.serial.saturating_add(1).max(now)
    }

    /// The Secret's data.
    pub fn write(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |key: &str, text: String| data.insert(key.to_owned(), ByteString(text.into_bytes()));
        put(RECORD, serde_json::to_string(&self.record).unwrap_or_default());
        put(NEXT, self.next.write());
        put(CURRENT, self.current.write());
        if let Some(previous) = &self.previous {
            put(PREVIOUS, previous.write());
        }
        data
    }

    /// Reads a Secret's data at `now`; `None` when it is not what we write.
    pub fn read(data: &BTreeMap<String, ByteString>, now: i64) -> Option<Self> {
        let record: Record = serde_json::from_slice(&data.get(RECORD)?.0).ok()?;
        let paths = |key: &str| data.get(key).map(|bytes| Paths::read(&bytes.0));
        let ring = Self {
            record,
            next: paths(NEXT)??,
            current: paths(CURRENT)??,
            previous: match paths(PREVIOUS) {
                Some(previous) => Some(previous?),
                None => None,
            },
        };
        let latest = now.saturating_add(AHEAD);
        (record.serial <= latest && record.made <= latest).then_some(ring)
    }
}
