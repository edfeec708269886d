//! Patches of which nothing comes, or that somebody undoes each time: an admission policy that puts its own into a route, a
//! definition that lacks a field, another controller that writes the same object. Written at every step they would be written for
//! ever.

use crate::controller::{difference::write::Write, watch::informers::cache::Kind};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};
use tokio::time::Instant;

/// A route is changed in the same way so often before that is bounded.
pub const MOST: u32 = 10;
/// Least time between two such changes from then on.
const PAUSE: Duration = Duration::from_secs(60);
/// What was not done for so long is done as if for the first time.
const LONG: Duration = Duration::from_secs(600);
/// Most objects of which the last patch is remembered.
const OBJECTS: usize = 64;

/// The last patch of each object that was done.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<(Kind, String), Repeat>);

#[derive(Debug)]
struct Repeat {
    /// A hash of what it asks for.
    asked: u64,
    /// How often, without a long pause.
    times: u32,
    last: Instant,
    /// The version of the object that it left as it was.
    unchanged: Option<u64>,
    told: bool,
}

/// What is to become of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect {
    /// It is to be done.
    Needed,
    /// It changed nothing last time, and its object is what it was then.
    NoEffect,
    /// Somebody undoes it each time; not before that long.
    Undone(Duration),
}

impl Repeats {
    /// What is to become of `write`, where the cache has this version of its object.
    pub fn prospect(&self, write: &Write, cached: Option<u64>) -> Prospect {
        let Some(known) = self.last(write).filter(|known| known.last.elapsed() < LONG) else {
            return Prospect::Needed;
        };
        if known.unchanged.is_some() && known.unchanged == cached {
            return Prospect::NoEffect;
        }
        let is_route = matches!(write.subject().0, Kind::Route(_));
        let rest = PAUSE.saturating_sub(known.last.elapsed());
        if is_route && known.times >= MOST && !rest.is_zero() {
            Prospect::Undone(rest)
        } else {
            Prospect::Needed
        }
    }

    /// Remembers a write that was done, by the versions of its object before it and after it.
    pub fn note(&mut self, write: &Write, before: Option<u64>, after: Option<u64>) {
        let Some(object) = object(write) else { return };
        let asked = hash(write);
        let known = self.0.remove(&object).filter(|known| known.asked == asked);
        let recent = known.as_ref().filter(|known| known.last.elapsed() < LONG);
        let repeat = Repeat {
            asked,
            times: recent.map_or(1, |known| known.times.saturating_add(1)),
            last: Instant::now(),
            unchanged: after.filter(|_| after == before),
            told: known.is_some_and(|known| known.told),
        };
        if self.0.len() >= OBJECTS {
            self.0.retain(|_, other| other.last.elapsed() < LONG);
        }
        if self.0.len() >= OBJECTS {
            self.0.clear();
        }
        self.0.insert(object, repeat);
    }

    /// Whether it is news that `write` is not done.
    pub fn is_news(&mut self, write: &Write) -> bool {
        let Some(object) = object(write) else { return false };
        let known = self.0.get_mut(&object);
        known.is_some_and(|known| !std::mem::replace(&mut known.told, true))
    }

    // What is known of the object of `write`, where that asks for the same as the last one.
    fn last(&self, write: &Write) -> Option<&Repeat> {
        let known = self.0.get(&object(write)?)?;
        (known.asked == hash(write)).then_some(known)
    }
}

// Only patches are remembered: they carry what they were decided on.
fn object(write: &Write) -> Option<(Kind, String)> {
    let (kind, _, name) = write.subject();
    matches!(write, Write::Patch { .. }).then(|| (kind, name.to_owned()))
}

fn hash(write: &Write) -> u64 {
    let mut hasher = DefaultHasher::new();
    write.desired().to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches;
    use serde_json::json;

    fn kind() -> Kind {
        let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"});
        Kind::of_route(&route).unwrap()
    }

    fn patch(kind: Kind, name: &str, weight: u8) -> Write {
        Write::Patch {
            kind,
            namespace: "shop".into(),
            name: name.into(),
            operations: json_patch::Patch(vec![patches::add(["spec", "weight"], weight)]),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_changed_nothing_is_done_again_when_its_object_is_another_or_it_asks_for_more() {
        let (mut repeats, write) = (Repeats::default(), patch(kind(), "web", 5));
        assert_eq!(repeats.prospect(&write, Some(7)), Prospect::Needed);
        repeats.note(&write, Some(7), Some(7));
        assert_eq!(repeats.prospect(&write, Some(7)), Prospect::NoEffect);
        assert!(repeats.is_news(&write) && !repeats.is_news(&write));
        for (other, cached) in [
            (patch(kind(), "web", 6), Some(7)),
            (patch(kind(), "mail", 5), Some(7)),
            (patch(Kind::Deployment, "web", 5), Some(7)),
            (write.clone(), Some(8)),
            (write.clone(), None),
        ] {
            assert_eq!(repeats.prospect(&other, cached), Prospect::Needed, "{other:?}");
        }
        tokio::time::sleep(LONG).await;
        assert_eq!(
            repeats.prospect(&write, Some(7)),
            Prospect::Needed,
            "the policy may be gone"
        );
        repeats.note(&write, Some(7), Some(7));
        assert!(!repeats.is_news(&write));
        repeats.note(&write, Some(7), Some(8));
        assert_eq!(repeats.prospect(&write, Some(8)), Prospect::Needed);
        repeats.note(&write, None, None);
        assert_eq!(repeats.prospect(&write, None), Prospect::Needed, "no version is known");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_undone_each_time_is_done_once_a_minute_unless_it_asks_for_something_else() {
        let (mut repeats, write) = (Repeats::default(), patch(kind(), "web", 5));
        let target = patch(Kind::Deployment, "web", 5);
        for version in 0..u64::from(MOST) {
            assert_eq!(repeats.prospect(&write, Some(2 * version)), Prospect::Needed);
            for done in [&write, &target] {
                repeats.note(done, Some(2 * version), Some(2 * version + 1));
            }
        }
        assert_eq!(repeats.prospect(&write, Some(90)), Prospect::Undone(PAUSE));
        assert_eq!(repeats.prospect(&target, Some(90)), Prospect::Needed);
        assert_eq!(repeats.prospect(&patch(kind(), "web", 6), Some(90)), Prospect::Needed);
        tokio::time::sleep(PAUSE).await;
        assert_eq!(repeats.prospect(&write, Some(90)), Prospect::Needed);
        repeats.note(&write, Some(90), Some(91));
        assert_eq!(repeats.prospect(&write, Some(92)), Prospect::Undone(PAUSE));
        tokio::time::sleep(LONG).await;
        repeats.note(&write, Some(92), Some(93));
        assert_eq!(repeats.prospect(&write, Some(94)), Prospect::Needed);
    }

    #[test]
    fn of_more_objects_than_a_pair_has_not_all_are_remembered() {
        let mut repeats = Repeats::default();
        for n in 0..3 * OBJECTS {
            repeats.note(&patch(kind(), &format!("web-{n}"), 5), Some(1), Some(2));
            assert!(repeats.0.len() <= OBJECTS);
        }
    }
}
