//! A channel on which each value waits once, however often it is sent: for a receiver that looks at everything anew.

use super::shared::{Consumer, Producer, shared};
use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
};

/// The end that values are sent by.
#[derive(Debug)]
pub struct Sender<T>(Producer<Line<T>>);

/// The end that values are taken from.
#[derive(Debug)]
pub struct Receiver<T>(Consumer<Line<T>>);

#[derive(Debug)]
struct Line<T> {
    order: VecDeque<T>,
    listed: HashSet<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            listed: HashSet::new(),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Both ends of a new channel.
pub fn distinct<T>() -> (Sender<T>, Receiver<T>) {
    let (producer, consumer) = shared();
    (Sender(producer), Receiver(consumer))
}

impl<T: Clone + Eq + Hash> Sender<T> {
    /// Sends it, unless it waits to be taken already.
    pub fn send(&self, value: T) {
        self.0.put(|line| {
            let new = line.listed.insert(value.clone());
            if new {
                line.order.push_back(value);
            }
            new
        });
    }
}

impl<T> Receiver<T> {
    /// Waits until something may have been sent; `None` when nobody can send anything any more.
    pub async fn woken(&mut self) -> Option<()> {
        self.0.woken().await
    }

    /// All that was sent since, in the order it was.
    pub fn take(&self) -> VecDeque<T> {
        self.0.with(|line| {
            line.listed.clear();
            std::mem::take(&mut line.order)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_often_is_taken_once_and_again_when_it_is_sent_afterwards() {
        let (sender, mut receiver) = distinct();
        for _ in 0..1000 {
            sender.send("b");
            sender.send("a");
        }
        assert_eq!(receiver.woken().await, Some(()));
        assert_eq!(receiver.take(), ["b", "a"]);
        sender.send("b");
        assert_eq!(receiver.take(), ["b"]);
        assert_eq!(receiver.take(), [""; 0]);
    }
}
