//! What is told about a Canary, in its order and beside the steps: one task for each listener that is told something.
//!
//! Whoever listens may be slow for ever, so what waits is bounded in bytes: for each listener, and for all of them.

use crate::controller::queue::tasks::Task;
use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc::{self, Receiver};

/// Most items of one outbox that wait. A run has a few dozen.
const WAITING: usize = 256;
/// Most bytes of one outbox that wait, beyond the first item.
const OF_ONE: usize = 128 * 1024;
/// Most bytes of all outboxes that wait, beyond the first item of each.
const OF_ALL: usize = 16 * 1024 * 1024;
/// An outbox ends when nothing came for this long.
const IDLE: Duration = Duration::from_secs(300);

/// How many bytes wait in all outboxes that share it.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<AtomicUsize>);

/// The outboxes of a Canary, by who listens.
#[derive(Debug)]
pub struct Outboxes<K, T>(HashMap<K, Outbox<T>>);

#[derive(Debug)]
struct Outbox<T> {
    items: mpsc::Sender<(T, usize)>,
    bytes: Arc<AtomicUsize>,
    task: Task,
}

/// What waits in an outbox.
#[derive(Debug)]
pub struct Waiting<T> {
    items: Receiver<(T, usize)>,
    bytes: [Arc<AtomicUsize>; 2],
}

impl<K, T> Default for Outboxes<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, T: Send + 'static> Outboxes<K, T> {
    /// Puts an item of so many `bytes` at the end of an outbox; where there is no outbox, `work` begins one and gets all that
    /// comes. Answers whether there was room.
    pub fn send<F>(
        &mut self,
        Budget(all): &Budget,
        key: K,
        (item, bytes): (T, usize),
        work: impl FnOnce(Waiting<T>) -> F,
    ) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(outbox) = self.take_closed(&key) {
            outbox.task.linger();
        }
        let outbox = self.0.entry(key).or_insert_with(|| begin(all, work));
        let waits = outbox.bytes.load(Ordering::Relaxed);
        let fits = waits + bytes <= OF_ONE && all.load(Ordering::Relaxed) + bytes <= OF_ALL;
        if waits > 0 && !fits {
            return false;
        }
        // Counted before it can be taken out.
        for count in [&outbox.bytes, all] {
            count.fetch_add(bytes, Ordering::Relaxed);
        }
        let sent = outbox.items.try_send((item, bytes)).is_ok();
        if !sent {
            for count in [&outbox.bytes, all] {
                count.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
        sent
    }

    /// An outbox has come to its end, as the last that is done for it: nothing is kept of it.
    pub fn ended(&mut self, key: &K) {
        drop(self.take_closed(key));
    }

    fn take_closed(&mut self, key: &K) -> Option<Outbox<T>> {
        let closed = self.0.get(key).is_some_and(|outbox| outbox.items.is_closed());
        closed.then(|| self.0.remove(key)).flatten()
    }

    /// Ends the outboxes, after what is in them or in a while.
    pub fn linger(&mut self) {
        self.0.drain().for_each(|(_, outbox)| outbox.task.linger());
    }

    /// Whether there is no outbox.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn begin<T: Send + 'static, F>(all: &Arc<AtomicUsize>, work: impl FnOnce(Waiting<T>) -> F) -> Outbox<T>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (items, receiver) = mpsc::channel(WAITING);
    let bytes = Arc::<AtomicUsize>::default();
    let waiting = Waiting {
        items: receiver,
        bytes: [bytes.clone(), all.clone()],
    };
    Outbox {
        items,
        bytes,
        task: Task::of(&tokio::spawn(work(waiting))),
    }
}

impl<T> Waiting<T> {
    /// The next item; `None` when nothing comes any more.
    pub async fn recv(&mut self) -> Option<T> {
        let next = match tokio::time::timeout(IDLE, self.items.recv()).await {
            Ok(next) => next,
            Err(_) => {
                // Whatever comes now begins an outbox of its own, and what came in this moment is here.
                self.items.close();
                self.items.recv().await
            }
        };
        next.map(|(item, bytes)| {
            self.free(bytes);
            item
        })
    }

    fn free(&self, bytes: usize) {
        for count in &self.bytes {
            count.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.items.close();
        while let Ok((_, bytes)) = self.items.try_recv() {
            self.free(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::queue::tasks::LAST_WORDS;
    use parking_lot::Mutex;

    async fn never<T>(_: Waiting<T>) {
        unreachable!("it has an outbox")
    }

    // An outbox whose listener takes the first item and hangs.
    async fn hangs(mut items: Waiting<usize>) {
        items.recv().await;
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn a_lane_keeps_its_order_takes_what_fits_and_ends_when_it_is_forgotten() {
        let (mut outboxes, all) = (Outboxes::default(), Budget::default());
        let (done, over) = tokio::sync::oneshot::channel();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let book = heard.clone();
        let work = |mut items: Waiting<usize>| async move {
            while let Some(item) = items.recv().await {
                book.lock().push(item);
            }
            let _ = done.send(());
        };
        assert!(outboxes.send(&all, "shop", (0, 1), work));
        let taken = (1..WAITING + 9)
            .filter(|item| outboxes.send(&all, "shop", (*item, 1), never))
            .count();
        assert_eq!(taken, WAITING - 1, "nothing was heard yet, nobody waits");
        outboxes.linger();
        over.await.unwrap();
        assert_eq!(*heard.lock(), (0..WAITING).collect::<Vec<_>>());
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_bytes_for_one_and_for_all() {
        let (mut outboxes, budget) = (Outboxes::default(), Budget::default());
        let all = || budget.0.load(Ordering::Relaxed);
        // One item is always taken, however large it is.
        assert!(outboxes.send(&budget, 0, (0, OF_ALL), hangs));
        assert!(!outboxes.send(&budget, 0, (0, 1), never));
        while all() > 0 {
            tokio::task::yield_now().await;
        }
        let taken = (0..WAITING)
            .filter(|_| outboxes.send(&budget, 0, (0, OF_ONE / 8), never))
            .count();
        assert_eq!((taken, all()), (8, OF_ONE));
        for key in 1..1000 {
            for _ in 0..9 {
                outboxes.send(&budget, key, (0, OF_ONE / 8), hangs);
            }
        }
        assert!(
            (OF_ALL..=OF_ALL + 1000 * OF_ONE / 8).contains(&all()),
            "beyond the first of each: {}",
            all()
        );
        outboxes.linger();
        assert!(outboxes.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn outboxes_end_when_nothing_comes_and_when_their_listener_hangs_for_ever() {
        let (mut outboxes, all) = (Outboxes::default(), Budget::default());
        let work = |mut items: Waiting<usize>| async move { while items.recv().await.is_some() {} };
        outboxes.ended(&"idle");
        let since = tokio::time::Instant::now();
        assert!(outboxes.send(&all, "idle", (1, 1), work));
        while !outboxes.0["idle"].items.is_closed() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((IDLE..IDLE * 2).contains(&since.elapsed()), "{:?}", since.elapsed());
        let (begun, again) = tokio::sync::oneshot::channel();
        let begin = |items: Waiting<usize>| async move {
            begun.send(()).unwrap();
            drop(items);
        };
        assert!(outboxes.send(&all, "idle", (2, 1), begin));
        outboxes.ended(&"idle");
        assert!(!outboxes.is_empty(), "another one has begun");
        again.await.unwrap();
        tokio::task::yield_now().await;
        outboxes.ended(&"idle");
        assert!(outboxes.is_empty());

        assert!(outboxes.send(&all, "hangs", (1, 5), hangs));
        assert!(outboxes.send(&all, "hangs", (2, 5), never));
        outboxes.linger();
        let begun = tokio::time::Instant::now();
        // What waited is not kept when its listener is ended.
        while all.0.load(Ordering::Relaxed) > 0 {
            assert!(begun.elapsed() < LAST_WORDS * 2);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(begun.elapsed() >= LAST_WORDS);
    }
}
