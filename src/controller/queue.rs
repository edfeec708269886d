//! What is stepped, and when: keys in, each stepped by one task at a time, again at its next due instant.
//!
//! A wake replaces the one before, so that a plan that changed leaves no idle step behind. Only so many steps run at once:
//! the client has a connection for each request under way, and the API server is helped by fewer of them.
//!
//! Before it, [`watch`](super::watch) says which Canaries a change concerns; after it, [`step`](super::step) is what it runs.

pub mod passes;
pub mod tasks;

use crate::api::Canary;
use futures::FutureExt;
use kube::ResourceExt;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::Instant,
};

/// A Canary: namespace and name.
pub type Key = (String, String);

/// The key of a Canary.
pub fn key(canary: &Canary) -> Key {
    (canary.namespace_name().to_owned(), canary.name_any())
}

/// Steps that run at once; the others wait in the order they were asked for.
const AT_ONCE: usize = 32;

/// Before a key whose step panicked is stepped again.
const AFTER_A_PANIC: Duration = Duration::from_secs(5);

/// The entrance of a queue.
#[derive(Debug, Clone)]
pub struct Sender(UnboundedSender<Key>);

impl Sender {
    /// Asks for a step of `key` as soon as possible.
    pub fn send(&self, key: Key) {
        // The queue only ends with the program.
        drop(self.0.send(key));
    }
}

/// The exit of a queue.
#[derive(Debug)]
pub struct Queue(UnboundedReceiver<Key>);

/// A new queue.
pub fn queue() -> (Sender, Queue) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender(sender), Queue(receiver))
}

#[derive(Default)]
struct Slots {
    waiting: VecDeque<Key>,
    listed: BTreeSet<Key>,
    running: BTreeSet<Key>,
    again: BTreeSet<Key>,
    wakes: HashMap<Key, Instant>,
    due: BTreeSet<(Instant, Key)>,
}

impl Slots {
    /// Puts a key at the end of the line, unless it stands there already or runs: then it runs once more.
    fn ask(&mut self, key: Key) {
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.listed.insert(key.clone()) {
            self.waiting.push_back(key);
        }
    }

    /// The next in the line.
    fn next(&mut self) -> Option<Key> {
        let key = self.waiting.pop_front()?;
        self.listed.remove(&key);
        self.wake(&key, None);
        self.running.insert(key.clone());
        Some(key)
    }

    fn wake(&mut self, key: &Key, at: Option<Instant>) {
        if let Some(old) = self.wakes.remove(key) {
            self.due.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.wakes.insert(key.clone(), at);
            self.due.insert((at, key.clone()));
        }
    }

    fn take_due(&mut self, now: Instant) -> Option<Key> {
        let (at, key) = self.due.first().filter(|(at, _)| *at <= now).cloned()?;
        self.due.remove(&(at, key.clone()));
        self.wakes.remove(&key);
        Some(key)
    }
}

impl Queue {
    /// Steps keys until the queue's senders are gone. `step` answers when it wants to be called again for its key.
    pub async fn run<F, Fut>(mut self, step: F)
    where
        F: Fn(Key) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<Duration>> + Send + 'static,
    {
        let step = Arc::new(step);
        let mut slots = Slots::default();
        let mut tasks: JoinSet<(Key, Option<Duration>)> = JoinSet::new();
        loop {
            let next = slots.due.first().map(|(at, _)| *at);
            let ready = tokio::select! {
                key = self.0.recv() => match key {
                    Some(key) => Some(key),
                    None => return,
                },
                Some(done) = tasks.join_next(), if !tasks.is_empty() => finished(&mut slots, done),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => slots.take_due(Instant::now()),
            };
            if let Some(key) = ready {
                slots.ask(key);
            }
            while slots.running.len() < AT_ONCE
                && let Some(key) = slots.next()
            {
                let step = step.clone();
                tasks.spawn(async move {
                    let wake = AssertUnwindSafe(async { step(key.clone()).await }).catch_unwind().await;
                    (key, wake.unwrap_or(Some(AFTER_A_PANIC)))
                });
            }
        }
    }
}

#[cfg(test)]
impl Queue {
    /// What was asked for next, if anything was.
    pub fn asked(&mut self) -> Option<Key> {
        self.0.try_recv().ok()
    }
}

fn finished(slots: &mut Slots, done: Result<(Key, Option<Duration>), tokio::task::JoinError>) -> Option<Key> {
    let (key, wake) = match done {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a step did not end");
            return None;
        }
    };
    slots.running.remove(&key);
    if slots.again.remove(&key) {
        return Some(key);
    }
    slots.wake(&key, wake.map(|wake| Instant::now() + wake));
    None
}

#[cfg(test)]
mod tests;
