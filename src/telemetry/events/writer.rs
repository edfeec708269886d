//! Writes occurrences to the API server: those of a namespace one after the other, and those of several at once, so that
//! one that takes no events keeps nobody else's waiting.

mod send;

use self::send::{answered, is, is_there, refused};
use super::aggregate::{Aggregate, Write};
use super::namespace_queues::{Ended, Item, NamespaceQueues};
use super::{Occurrence, Queue};
use crate::telemetry::exposition::Metrics;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use kube::Client;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// For what still waits at shutdown.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The only reader of a recorder's queue.
pub struct Writer {
    client: Client,
    queue: Queue,
    metrics: Metrics,
    aggregate: Aggregate,
    queues: NamespaceQueues,
    under_way: FuturesUnordered<BoxFuture<'static, Sent>>,
}

/// A write that was sent.
struct Sent {
    said: Option<Occurrence>,
    write: Write,
    namespace: String,
    again: bool,
    answer: Result<(), kube::Error>,
}

impl Writer {
    /// A writer; does nothing before [`Writer::run`].
    pub fn new(client: Client, queue: Queue, metrics: Metrics) -> Self {
        Self {
            client,
            queue,
            metrics,
            aggregate: Aggregate::default(),
            queues: NamespaceQueues::default(),
            under_way: FuturesUnordered::new(),
        }
    }

    /// Writes until `shutdown`, and then for a moment what still waits.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.work() => return,
            () = shutdown.cancelled() => {}
        }
        self.catch_up();
        while let Ok(occurrence) = self.queue.try_recv() {
            self.take(Item::New(occurrence));
        }
        let _ = tokio::time::timeout(LAST_WORDS, self.rest()).await;
    }

    // Until nobody records any more.
    async fn work(&mut self) {
        loop {
            self.begin();
            tokio::select! {
                biased;
                Some(sent) = self.under_way.next() => self.ended(sent),
                occurrence = self.queue.recv(), if self.queues.have_room() => match occurrence {
                    Some(occurrence) => self.take(Item::New(occurrence)),
                    None => break,
                },
                () = due(self.aggregate.next_due()) => self.catch_up(),
            }
        }
        self.rest().await;
    }

    // Until nothing waits any more.
    async fn rest(&mut self) {
        self.begin();
        while let Some(sent) = self.under_way.next().await {
            self.ended(sent);
            self.begin();
        }
    }

    fn take(&mut self, item: Item) {
        if !self.queues.push(item) {
            self.metrics.event_dropped();
        }
    }

    // What the Events of those that say too much show is brought up to date. What cannot be written is the next one's.
    fn catch_up(&mut self) {
        while let Some(write) = self.aggregate.overdue(Timestamp::now()) {
            self.take(Item::Newest(write));
        }
    }

    fn begin(&mut self) {
        while let Some(item) = self.queues.next_turn() {
            let (namespace, again) = (item.namespace(), matches!(item, Item::Again(..)));
            let (said, write) = match item {
                Item::New(said) => {
                    let write = self.aggregate.next(&said, Timestamp::now());
                    (Some(said), write)
                }
                Item::Again(said, write) => (Some(said), write),
                Item::Newest(write) => (None, write),
            };
            let client = self.client.clone();
            let sent = async move {
                Sent {
                    answer: answered(client, &write, again).await,
                    said,
                    write,
                    namespace,
                    again,
                }
            };
            self.under_way.push(sent.boxed());
        }
    }

    fn ended(&mut self, sent: Sent) {
        let namespace = sent.namespace.clone();
        let went_well = sent.answer.as_ref().err().is_none_or(is_there);
        let how = if went_well { Ended::Well } else { self.failed(sent) };
        for _ in 0..self.queues.ended(&namespace, how) {
            self.metrics.event_dropped();
        }
    }

    fn failed(&mut self, sent: Sent) -> Ended {
        let Sent {
            said,
            write,
            again,
            answer,
            ..
        } = sent;
        let Err(error) = answer else {
            return Ended::Well;
        };
        let refused = refused(&error) || is(&error, 404);
        if let Some(said) = said {
            // The same once more: where it was carried out after all, it is not said twice.
            if !refused && !again {
                return Ended::Badly(Some(Item::Again(said, write)));
            }
            self.aggregate.forget(&said);
            // A repeated Event that is gone is written anew at once.
            if is(&error, 404) && matches!(write, Write::Repeat { .. }) {
                return Ended::Instead(Item::New(said));
            }
            tracing::debug!("event {:?} not written: {error}", said.message);
        } else {
            tracing::debug!("event not brought up to date: {error}");
        }
        self.metrics.event_dropped();
        // Who is refused is answered, and delays nobody.
        if refused { Ended::Well } else { Ended::Badly(None) }
    }
}

async fn due(at: Option<Timestamp>) {
    match at {
        Some(at) => {
            let wait = at.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
