//! Whose occurrence is written next. Pure.
//!
//! One at a time of each namespace, in their order, and of several namespaces at once. A namespace whose last write was not
//! answered well is in trouble: its writes have places and room of their own, so that others wait for none of them, however
//! long they take and however many they are.

use super::Occurrence;
use super::aggregate::{Write, namespace};
use std::collections::{HashMap, VecDeque};

/// Namespaces that are written to at once.
const PLACES: usize = 4;
/// Namespaces in trouble that are tried at once.
const PLACES_IN_TROUBLE: usize = 2;
/// Most that waits here; the rest of it waits in the queue.
const ROOM: usize = 2048;
/// Most that waits for all namespaces in trouble, and for one of them.
const ROOM_IN_TROUBLE: usize = ROOM / 2;
const ROOM_OF_ONE: usize = 256;
/// Namespaces that are remembered although nothing waits for them, because they are in trouble.
const REMEMBERED: usize = 1024;

/// What is to be written.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    /// Something that happened.
    New(Occurrence),
    /// The same, and how it could not be written at the first attempt.
    Again(Occurrence, Write),
    /// An Event is to show the newest text.
    Newest(Write),
}

impl Item {
    /// Where it is written.
    pub fn namespace(&self) -> String {
        match self {
            Self::New(said) | Self::Again(said, _) => namespace(said),
            Self::Newest(write) => write.namespace().to_owned(),
        }
    }
}

/// How a write ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    /// It was answered.
    Well,
    /// It was answered, and this is to be written instead, before everything else of its namespace.
    Instead(Item),
    /// It came to nothing; this may be left of it.
    Badly(Option<Item>),
}

/// A namespace of which something waits or is under way, or that is in trouble.
#[derive(Debug, Default)]
struct NamespaceQueue {
    waiting: VecDeque<Item>,
    busy: bool,
    troubled: bool,
}

/// Namespaces whose turn comes, and what they take.
#[derive(Debug, Default)]
struct Line {
    turns: VecDeque<String>,
    busy: usize,
    waiting: usize,
}

/// The queues of all namespaces.
#[derive(Debug, Default)]
pub(super) struct NamespaceQueues {
    queues: HashMap<String, NamespaceQueue>,
    healthy: Line,
    troubled: Line,
}

impl NamespaceQueues {
    /// Whether more may be taken in.
    pub fn have_room(&self) -> bool {
        self.healthy.waiting + self.troubled.waiting < ROOM
    }

    /// Takes it in; nothing of a namespace in trouble that has no room left. Answers whether it did.
    pub fn push(&mut self, item: Item) -> bool {
        let namespace = item.namespace();
        let mut queue = self.queues.remove(&namespace).unwrap_or_default();
        let full = queue.waiting.len() >= ROOM_OF_ONE || self.troubled.waiting >= ROOM_IN_TROUBLE;
        let taken = !(queue.troubled && full);
        if taken {
            let line = self.line(queue.troubled);
            line.waiting += 1;
            if !queue.busy && queue.waiting.is_empty() {
                line.turns.push_back(namespace.clone());
            }
            queue.waiting.push_back(item);
        }
        self.queues.insert(namespace, queue);
        taken
    }

    /// What may be written now. Until it is said how that [ended](NamespaceQueues::ended), nothing else of its namespace is.
    pub fn next_turn(&mut self) -> Option<Item> {
        let lines = [(&mut self.healthy, PLACES), (&mut self.troubled, PLACES_IN_TROUBLE)];
        for (line, places) in lines {
            if line.busy >= places {
                continue;
            }
            let Some(namespace) = line.turns.pop_front() else {
                continue;
            };
            let Some(queue) = self.queues.get_mut(&namespace) else {
                continue;
            };
            if let Some(item) = queue.waiting.pop_front() {
                queue.busy = true;
                line.busy += 1;
                line.waiting = line.waiting.saturating_sub(1);
                return Some(item);
            }
        }
        None
    }

    /// Takes note of how the write that was under way for the namespace ended. Answers how many have no room any more.
    pub fn ended(&mut self, namespace: &str, how: Ended) -> usize {
        let Some(mut queue) = self.queues.remove(namespace) else {
            return 0;
        };
        let before = self.line(queue.troubled);
        before.busy = before.busy.saturating_sub(1);
        before.waiting = before.waiting.saturating_sub(queue.waiting.len());
        (queue.busy, queue.troubled) = (false, matches!(how, Ended::Badly(_)));
        if let Ended::Instead(item) | Ended::Badly(Some(item)) = how {
            queue.waiting.push_front(item);
        }
        let held = queue.waiting.len();
        if queue.troubled {
            let room = ROOM_IN_TROUBLE.saturating_sub(self.troubled.waiting);
            queue.waiting.truncate(room.clamp(1, ROOM_OF_ONE));
        }
        let kept = queue.waiting.len();
        let after = self.line(queue.troubled);
        after.waiting += kept;
        if kept > 0 {
            after.turns.push_back(namespace.to_owned());
        }
        if kept > 0 || queue.troubled && self.queues.len() < REMEMBERED {
            self.queues.insert(namespace.to_owned(), queue);
        }
        held - kept
    }

    fn line(&mut self, troubled: bool) -> &mut Line {
        if troubled {
            &mut self.troubled
        } else {
            &mut self.healthy
        }
    }
}

#[cfg(test)]
mod tests;
