//! A collection that many producers put something into and one consumer takes it out of. The consumer is woken once for
//! however much was put in meanwhile, and what waits is bounded by what it is: putting it in again adds nothing.

use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// The end by which something is put in; there may be many.
#[derive(Debug)]
pub struct Producer<S> {
    shared: Arc<Mutex<S>>,
    wake: Sender<()>,
}

/// The end by which it is taken out; there is one.
#[derive(Debug)]
pub struct Consumer<S> {
    shared: Arc<Mutex<S>>,
    woken: Receiver<()>,
}

/// Both ends of an empty collection.
pub fn shared<S: Default>() -> (Producer<S>, Consumer<S>) {
    let shared = Arc::<Mutex<S>>::default();
    let (wake, woken) = mpsc::channel(1);
    let producer = Producer {
        shared: shared.clone(),
        wake,
    };
    (producer, Consumer { shared, woken })
}

impl<S> Clone for Producer<S> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            wake: self.wake.clone(),
        }
    }
}

impl<S> Producer<S> {
    /// Lends it to `put`, which answers whether there is more to take out than before.
    pub fn put(&self, put: impl FnOnce(&mut S) -> bool) {
        if put(&mut self.shared.lock()) {
            // A word that is on its way already is enough, and nobody hears it when the work is over.
            let _ = self.wake.try_send(());
        }
    }

    /// What is in it, for somebody who only looks and keeps nobody waiting for more.
    pub fn contents(&self) -> Arc<Mutex<S>> {
        self.shared.clone()
    }
}

impl<S> Consumer<S> {
    /// Waits until something may have been put in; `None` when nobody can put anything in any more.
    pub async fn woken(&mut self) -> Option<()> {
        self.woken.recv().await
    }

    /// Lends it to `take`.
    pub fn with<T>(&self, take: impl FnOnce(&mut S) -> T) -> T {
        take(&mut self.shared.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_takes_out_is_woken_once_for_much_and_told_when_nobody_puts_in_any_more() {
        let (producer, mut consumer) = shared::<Vec<u32>>();
        let put = |number: u32| {
            producer.put(|all| {
                let new = !all.contains(&number);
                if new {
                    all.push(number);
                }
                new
            });
        };
        for number in [1, 2, 1, 2, 1] {
            put(number);
        }
        assert_eq!(consumer.woken().await, Some(()));
        assert_eq!(consumer.with(std::mem::take), [1, 2]);
        put(3);
        drop(producer);
        assert_eq!(consumer.woken().await, Some(()), "what was put in last is not lost");
        assert_eq!(consumer.woken().await, None);
        assert_eq!(consumer.with(std::mem::take), [3]);
    }
}
