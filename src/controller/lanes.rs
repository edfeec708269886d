//! What is told about a Canary, in its order and beside the steps: one task for each listener that is told something.

use parking_lot::Mutex;
use std::{collections::HashMap, future::Future, hash::Hash};
use tokio::sync::mpsc::{self, Receiver};

/// Most items of one lane that wait. A run has a few dozen.
const WAITING: usize = 256;

/// The lanes of all listeners, by whom and what they hear.
#[derive(Debug)]
pub struct Lanes<K, T>(Mutex<HashMap<K, mpsc::Sender<T>>>);

impl<K, T> Default for Lanes<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Send + 'static> Lanes<K, T> {
    /// Puts an item at the end of a lane; where there is no lane, `work` begins one and gets all that comes.
    /// Answers whether there was room.
    pub fn send<F>(&self, key: K, item: T, work: impl FnOnce(Receiver<T>) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut lanes = self.0.lock();
        let start = || {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(work(receiver));
            sender
        };
        lanes.entry(key).or_insert_with(start).try_send(item).is_ok()
    }

    /// Ends the lanes that `are_over`, after what is in them.
    pub fn forget(&self, are_over: impl Fn(&K) -> bool) {
        self.0.lock().retain(|key, _| !are_over(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_lane_keeps_its_order_takes_what_fits_and_ends_when_it_is_forgotten() {
        let lanes = Lanes::default();
        let (done, over) = tokio::sync::oneshot::channel();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let book = heard.clone();
        let work = |mut items: Receiver<usize>| async move {
            while let Some(item) = items.recv().await {
                book.lock().push(item);
            }
            let _ = done.send(());
        };
        assert!(lanes.send("shop", 0, work));
        let never = |_: Receiver<usize>| async { unreachable!("it has a lane") };
        let taken = (1..WAITING + 9).filter(|item| lanes.send("shop", *item, never)).count();
        assert_eq!(taken, WAITING - 1, "nothing was heard yet, nobody waits");
        lanes.forget(|key| *key == "shop");
        over.await.unwrap();
        assert_eq!(*heard.lock(), (0..WAITING).collect::<Vec<_>>());
    }
}
