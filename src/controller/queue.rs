//! What is stepped, and when: keys in, each stepped by one task at a time, again at its next due instant.
//!
//! A wake replaces the one before, so that a plan that changed leaves no idle step behind.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
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
    running: BTreeSet<Key>,
    again: BTreeSet<Key>,
    wakes: HashMap<Key, Instant>,
    due: BTreeSet<(Instant, Key)>,
}

impl Slots {
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
            let Some(key) = ready else { continue };
            if !slots.running.insert(key.clone()) {
                slots.again.insert(key);
                continue;
            }
            slots.wake(&key, None);
            let step = step.clone();
            tasks.spawn(async move {
                let wake = step(key.clone()).await;
                (key, wake)
            });
        }
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
