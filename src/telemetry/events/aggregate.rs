//! Which occurrences become new Events, which only raise a count, and which wait. Pure.
//!
//! Events lie in everybody's etcd and are in nobody's quota, and their texts hold what others say. So each object has a
//! budget of new ones; beyond it there is one Event more, which shows the newest text and how many there were.

use super::budget::Budget;
use super::{COMPONENT, Occurrence, REASON};
use crate::foreign::{SAID, cut};
use crate::messages::Severity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// How long after its last repetition an Event can be repeated; client-go's value.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Most texts, and most objects, remembered.
const REMEMBERED: usize = 4096;
/// Repetitions that are written one by one; later ones at most once a [`PAUSE`].
const ONE_BY_ONE: i32 = 10;
/// Least time between two writes of one Event that is repeated again and again.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// client-go's word for an Event that stands for several.
const COMBINED: &str = "(combined from similar events): ";
/// Longest name of an object in the name of its Events, which has 17 characters more and may have 253.
const NAMED: usize = 230;

/// What to write.
#[derive(Debug, PartialEq)]
pub enum Write {
    /// A new Event.
    Create(Box<Event>),
    /// The Event of that namespace and name happened again.
    Repeat {
        /// Namespace of the Event.
        namespace: String,
        /// Name of the Event.
        name: String,
        /// How often it happened by now.
        count: i32,
        /// When it happened last.
        last: Timestamp,
        /// Its text from now on; `None` when that is the same.
        message: Option<String>,
    },
    /// Nothing now: it is counted, and the newest text of its object is written by a [`Aggregate::overdue`] to come.
    Nothing,
}

impl Write {
    /// Where it is written; nowhere when there is nothing to write.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Create(event) => event.metadata.namespace.as_deref().unwrap_or_default(),
            Self::Repeat { namespace, .. } => namespace,
            Self::Nothing => "",
        }
    }
}

/// A text about an object, or an object and how grave what happens to it is, as a hash: what others say is not kept.
type Fingerprint = [u8; 16];

#[derive(Debug)]
struct Known {
    event: String,
    count: i32,
    last: Timestamp,
    written: Timestamp,
}

/// The Event that stands for those beyond the budget.
#[derive(Debug)]
struct Collector {
    namespace: String,
    known: Known,
    newest: Option<String>,
}

#[derive(Debug)]
struct Object {
    budget: Budget,
    collector: Option<Collector>,
}

/// What was written lately.
#[derive(Default)]
pub struct Aggregate {
    texts: HashMap<Fingerprint, Known>,
    objects: HashMap<Fingerprint, Object>,
    due: BTreeSet<(Timestamp, Fingerprint)>,
}

impl Aggregate {
    /// What to write for `occurrence`, which happened at `now`.
    pub fn next(&mut self, occurrence: &Occurrence, now: Timestamp) -> Write {
        let text = fingerprint(occurrence, &occurrence.message);
        if let Some(known) = self.texts.get_mut(&text).filter(|known| known.is_fresh(now)) {
            return match known.again(now) {
                true => known.repeat(namespace(occurrence), None),
                false => Write::Nothing,
            };
        }
        self.make_room(now);
        let object = fingerprint(occurrence, "");
        let new = || Object {
            budget: Budget::new(now),
            collector: None,
        };
        if !self.objects.entry(object).or_insert_with(new).budget.spend(now) {
            return self.collect(object, occurrence, now);
        }
        let event = event(occurrence, now);
        self.texts.insert(text, Known::of(&event, now));
        Write::Create(Box::new(event))
    }

    /// When the next Event is overdue: what it shows is not the newest.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What to write of an Event that is overdue at `now`.
    pub fn overdue(&mut self, now: Timestamp) -> Option<Write> {
        let (_, object) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.pop_first();
        let collector = self.objects.get_mut(&object)?.collector.as_mut()?;
        let message = collector.newest.take()?;
        collector.known.written = now;
        let namespace = collector.namespace.clone();
        Some(collector.known.repeat(namespace, Some(message)))
    }

    /// The Event is gone, or was never written: the next time it is a new one.
    pub fn forget(&mut self, occurrence: &Occurrence) {
        let known = self.texts.remove(&fingerprint(occurrence, &occurrence.message));
        if let Some(object) = self.objects.get_mut(&fingerprint(occurrence, "")) {
            match known {
                Some(_) => object.budget.give_back(),
                None => object.collector = None,
            }
        }
    }

    fn collect(&mut self, fingerprint: Fingerprint, occurrence: &Occurrence, now: Timestamp) -> Write {
        let Some(object) = self.objects.get_mut(&fingerprint) else {
            return Write::Nothing;
        };
        let message = cut(&format!("{COMBINED}{}", occurrence.message), SAID);
        let Some(collector) = object.collector.as_mut().filter(|one| one.known.is_fresh(now)) else {
            let event = Event {
                message: Some(message),
                ..event(occurrence, now)
            };
            object.collector = Some(Collector {
                namespace: namespace(occurrence),
                known: Known::of(&event, now),
                newest: None,
            });
            return Write::Create(Box::new(event));
        };
        collector.known.count = collector.known.count.saturating_add(1);
        collector.known.last = now;
        if collector.newest.replace(message).is_none() {
            let due = collector.known.written.checked_add(PAUSE).unwrap_or(now);
            self.due.insert((due.max(now), fingerprint));
        }
        Write::Nothing
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.texts.len() >= REMEMBERED {
            self.texts.retain(|_, known| known.is_fresh(now));
        }
        if self.objects.len() >= REMEMBERED {
            self.objects.retain(|_, object| {
                let collects = object.collector.as_ref().is_some_and(|one| one.known.is_fresh(now));
                collects || !object.budget.is_whole(now)
            });
        }
        // Rather a few Events too many than memory without bound.
        if self.texts.len() >= REMEMBERED {
            self.texts.clear();
        }
        if self.objects.len() >= REMEMBERED {
            self.objects.clear();
            self.due.clear();
        }
    }
}

impl Known {
    fn of(event: &Event, now: Timestamp) -> Self {
        Self {
            event: event.metadata.name.clone().unwrap_or_default(),
            count: 1,
            last: now,
            written: now,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.last) < WINDOW
    }

    // Counts it once more; whether that is to be written.
    fn again(&mut self, now: Timestamp) -> bool {
        self.count = self.count.saturating_add(1);
        self.last = now;
        let writes = self.count <= ONE_BY_ONE || now.duration_since(self.written) >= PAUSE;
        if writes {
            self.written = now;
        }
        writes
    }

    fn repeat(&self, namespace: String, message: Option<String>) -> Write {
        Write::Repeat {
            namespace,
            name: self.event.clone(),
            count: self.count,
            last: self.last,
            message,
        }
    }
}

/// Where the Events about its object are.
pub fn namespace(occurrence: &Occurrence) -> String {
    let own = occurrence.object.namespace.clone();
    own.unwrap_or_else(|| "default".to_owned())
}

fn fingerprint(occurrence: &Occurrence, message: &str) -> Fingerprint {
    let object = &occurrence.object;
    let warning = if occurrence.severity == Severity::Normal {
        "0"
    } else {
        "1"
    };
    let mut hash = Sha256::new();
    for part in [&object.namespace, &object.name, &object.uid] {
        hash.update(part.as_deref().unwrap_or_default());
        hash.update([0]);
    }
    hash.update(warning);
    hash.update(message);
    let mut first = Fingerprint::default();
    for (to, from) in first.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    first
}

fn event(occurrence: &Occurrence, now: Timestamp) -> Event {
    // client-go's names: the object and the time in nanoseconds.
    let object = cut(occurrence.object.name.as_deref().unwrap_or_default(), NAMED);
    let name = format!("{}.{:x}", object.trim_end_matches(['.', '-']), now.as_nanosecond());
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace(occurrence)),
            ..ObjectMeta::default()
        },
        involved_object: occurrence.object.clone(),
        reason: Some(REASON.to_owned()),
        message: Some(occurrence.message.clone()),
        type_: Some(occurrence.event_type().to_owned()),
        source: Some(EventSource {
            component: Some(COMPONENT.to_owned()),
            host: None,
        }),
        reporting_component: Some(COMPONENT.to_owned()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests;
