//! What is stepped, and when: keys in, each stepped by one task at a time, again at its next due instant.
//!
//! A wake replaces the one before, so that a plan that changed leaves no idle step behind. Only so many steps run at once:
//! the client has a connection for each request under way, and the API server is helped by fewer of them. Whose step found
//! nothing to do rests for a moment, so that one change that is heard of several times is not looked at each time.
//!
//! Before it, [`watch`](super::watch) says which Canaries a change concerns; after it, [`step`](super::step) is what it runs.

pub mod distinct;
pub mod next;
pub mod passes;
mod shared;
pub mod tasks;

use crate::api::Canary;
use futures::FutureExt;
use kube::ResourceExt;
use next::{Next, REST};
use parking_lot::Mutex;
use shared::{Consumer, Producer, shared};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

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
pub struct Sender(Producer<Slots>);

impl Sender {
    /// Asks for a step of `key` as soon as possible, or when it has rested. Whoever stands in the line already does not
    /// stand there twice.
    pub fn send(&self, key: Key) {
        self.0.put(|slots| slots.hear(key, Instant::now()));
    }

    /// The line, for whoever only looks at it.
    pub fn line(&self) -> Line {
        Line(self.0.contents())
    }
}

/// The line of a queue, as it is seen from outside.
#[derive(Debug, Clone)]
pub struct Line(Arc<Mutex<Slots>>);

impl Line {
    /// How many Canaries wait for a step that is due, and how long the one that has waited longest.
    pub fn waits(&self) -> (usize, Duration) {
        self.0.lock().waits(Instant::now())
    }
}

/// The exit of a queue.
#[derive(Debug)]
pub struct Queue(Consumer<Slots>);

/// A new queue.
pub fn queue() -> (Sender, Queue) {
    let (producer, consumer) = shared();
    (Sender(producer), Queue(consumer))
}

/// What is stepped, and what waits for it: each key once.
#[derive(Debug, Default)]
struct Slots {
    // With the instant since when each step is due.
    waiting: VecDeque<(Key, Instant)>,
    listed: BTreeSet<Key>,
    running: BTreeSet<Key>,
    again: BTreeMap<Key, Instant>,
    wakes: HashMap<Key, Instant>,
    due: BTreeSet<(Instant, Key)>,
    // Until when those whose last step found nothing to do are left alone; what is over is taken out by the next step.
    rests: HashMap<Key, Instant>,
}

impl Slots {
    /// Something has happened to a key: asks for its step, at the end of its rest if it rests. Answers whether there is
    /// something to be done, or to be done earlier.
    fn hear(&mut self, key: Key, now: Instant) -> bool {
        let Some(until) = self.rests.get(&key).copied().filter(|until| now < *until) else {
            return self.ask(key, now);
        };
        let sooner = self.wakes.get(&key).is_none_or(|wake| until < *wake);
        let put_off = sooner && !self.listed.contains(&key);
        if put_off {
            self.wake(&key, Some(until));
        }
        put_off
    }

    /// Puts a key at the end of the line, unless it stands there already or runs: then it runs once more. Answers whether
    /// the line is longer now.
    fn ask(&mut self, key: Key, since: Instant) -> bool {
        if self.running.contains(&key) {
            self.again.entry(key).or_insert(since);
            return false;
        }
        let new = self.listed.insert(key.clone());
        if new {
            self.waiting.push_back((key, since));
        }
        new
    }

    /// The next in the line, if another one may run.
    fn next(&mut self) -> Option<Key> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        let (key, _) = self.waiting.pop_front()?;
        self.listed.remove(&key);
        self.wake(&key, None);
        self.rests.remove(&key);
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

    /// Puts those whose time has come into the line.
    fn take_due(&mut self, now: Instant) {
        while let Some((at, key)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.wake(&key, None);
            self.ask(key, at);
        }
    }

    /// A step has ended, and wants to be done again in a while.
    fn end(&mut self, key: Key, next: Next) {
        let now = Instant::now();
        self.running.remove(&key);
        let again = self.again.remove(&key);
        if let Some(since) = again.filter(|_| !next.rests) {
            self.ask(key, since);
            return;
        }
        self.wake(&key, next.wake.map(|wake| now + wake));
        if next.rests {
            self.rests.insert(key.clone(), now + REST);
        }
        // What happened meanwhile is as new as what happens now.
        if again.is_some() {
            self.hear(key, now);
        }
    }

    fn waits(&self, now: Instant) -> (usize, Duration) {
        let overdue = self.due.iter().map(|(at, _)| *at).take_while(|at| *at <= now);
        let waiting = self.waiting.iter().map(|(_, since)| *since);
        let all = waiting.chain(self.again.values().copied()).chain(overdue);
        let (count, oldest) = all.fold((0, now), |(count, oldest), since| (count + 1, oldest.min(since)));
        (count, now.saturating_duration_since(oldest))
    }
}

impl Queue {
    /// Steps keys until the queue's senders are gone. `step` answers when its key is to be stepped again.
    pub async fn run<F, Fut>(mut self, step: F)
    where
        F: Fn(Key) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Next> + Send + 'static,
    {
        let step = Arc::new(step);
        let mut tasks: JoinSet<(Key, Next)> = JoinSet::new();
        loop {
            let next = self.0.with(|slots| slots.due.first().map(|(at, _)| *at));
            tokio::select! {
                woken = self.0.woken() => if woken.is_none() { return },
                Some(done) = tasks.join_next(), if !tasks.is_empty() => self.ended(done),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    self.0.with(|slots| slots.take_due(Instant::now()));
                }
            }
            while let Some(key) = self.0.with(Slots::next) {
                let step = step.clone();
                tasks.spawn(async move {
                    let next = AssertUnwindSafe(async { step(key.clone()).await }).catch_unwind().await;
                    (key, next.unwrap_or_else(|_| Some(AFTER_A_PANIC).into()))
                });
            }
        }
    }

    fn ended(&self, done: Result<(Key, Next), tokio::task::JoinError>) {
        match done {
            Ok((key, next)) => self.0.with(|slots| slots.end(key, next)),
            Err(error) => tracing::error!(%error, "a step did not end"),
        }
    }
}

#[cfg(test)]
impl Queue {
    /// What was asked for next, if anything was.
    pub fn asked(&mut self) -> Option<Key> {
        self.0.with(|slots| {
            let (key, _) = slots.waiting.pop_front()?;
            slots.listed.remove(&key);
            Some(key)
        })
    }
}

#[cfg(test)]
mod tests;
