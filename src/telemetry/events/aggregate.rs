//! Which notes become new Events and which only raise a count. Pure.

use super::{COMPONENT, Note, REASON};
use crate::metrics::Severity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use std::collections::HashMap;

/// How long after its last repetition an Event can be repeated; client-go's value.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Most texts remembered.
const REMEMBERED: usize = 4096;

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
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    namespace: String,
    name: String,
    uid: String,
    warning: bool,
    message: String,
}

struct Known {
    event: String,
    count: i32,
    last: Timestamp,
}

/// What was written lately.
#[derive(Default)]
pub struct Aggregate(HashMap<Key, Known>);

impl Aggregate {
    /// What to write for `note`, which happened at `now`.
    pub fn next(&mut self, note: &Note, now: Timestamp) -> Write {
        let key = key(note);
        let fresh = |known: &&mut Known| now.duration_since(known.last) < WINDOW;
        if let Some(known) = self.0.get_mut(&key).filter(fresh) {
            known.count = known.count.saturating_add(1);
            known.last = now;
            let (namespace, name) = (key.namespace, known.event.clone());
            return Write::Repeat {
                namespace,
                name,
                count: known.count,
                last: now,
            };
        }
        self.make_room(now);
        let event = event(note, now);
        let name = event.metadata.name.clone().unwrap_or_default();
        self.0.insert(
            key,
            Known {
                event: name,
                count: 1,
                last: now,
            },
        );
        Write::Create(Box::new(event))
    }

    /// The Event is gone, or was never written: the next time it is a new one.
    pub fn forget(&mut self, note: &Note) {
        self.0.remove(&key(note));
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.0.len() < REMEMBERED {
            return;
        }
        self.0.retain(|_, known| now.duration_since(known.last) < WINDOW);
        if self.0.len() >= REMEMBERED {
            self.0.clear(); // rather a few Events too many than memory without bound
        }
    }
}

fn key(note: &Note) -> Key {
    let object = &note.object;
    Key {
        namespace: object.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        name: object.name.clone().unwrap_or_default(),
        uid: object.uid.clone().unwrap_or_default(),
        warning: note.severity != Severity::Normal,
        message: note.message.clone(),
    }
}

fn event(note: &Note, now: Timestamp) -> Event {
    let key = key(note);
    // client-go's names: the object and the time in nanoseconds.
    let name = format!("{}.{:x}", key.name, now.as_nanosecond());
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(key.namespace),
            ..ObjectMeta::default()
        },
        involved_object: note.object.clone(),
        reason: Some(REASON.to_owned()),
        message: Some(note.message.clone()),
        type_: Some(note.event_type().to_owned()),
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
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ObjectReference;

    fn note(message: &str) -> Note {
        let object = ObjectReference {
            kind: Some("Canary".into()),
            name: Some("app".into()),
            namespace: Some("test".into()),
            uid: Some("u".into()),
            ..ObjectReference::default()
        };
        Note {
            object,
            severity: Severity::Warning,
            message: message.into(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn an_event_looks_like_flaggers() {
        let Write::Create(event) = Aggregate::default().next(&note("halt"), at(0)) else {
            panic!()
        };
        insta::assert_json_snapshot!("event", event);
    }

    #[test]
    fn repeating_a_text_raises_the_count_while_it_is_fresh() {
        let mut aggregate = Aggregate::default();
        assert!(matches!(aggregate.next(&note("halt"), at(0)), Write::Create(_)));
        assert!(matches!(aggregate.next(&note("other"), at(1)), Write::Create(_)));
        let repeated = aggregate.next(&note("halt"), at(599));
        assert!(matches!(repeated, Write::Repeat { count: 2, .. }), "{repeated:?}");
        assert!(matches!(
            aggregate.next(&note("halt"), at(1198)),
            Write::Repeat { count: 3, .. }
        ));
        assert!(matches!(aggregate.next(&note("halt"), at(1798)), Write::Create(_)));
    }

    #[test]
    fn a_forgotten_event_is_made_anew() {
        let mut aggregate = Aggregate::default();
        aggregate.next(&note("halt"), at(0));
        aggregate.forget(&note("halt"));
        assert!(matches!(aggregate.next(&note("halt"), at(1)), Write::Create(_)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut aggregate = Aggregate::default();
        for n in 0..3 * REMEMBERED {
            aggregate.next(&note(&n.to_string()), at(0));
        }
        assert!(aggregate.0.len() <= REMEMBERED);
    }
}
