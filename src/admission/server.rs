//! The HTTPS server behind the webhook: rustls, HTTP/1 and HTTP/2, every wait bounded.
//!
//! Only API servers are heard: they alone know the paths ([`KnownPaths`]). Anybody else is a stranger, who costs one of a fixed
//! number of connections for a few seconds, and of whom nothing is read but the head of a request. A fault of ours answers 5xx,
//! which leaves the decision to the entry's failurePolicy; only a decision answers a review.

use super::bootstrap::paths::KnownPaths;
use crate::connections::{Activity, Guests, accept};
use shares::Shares;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod background;
mod body;
pub mod clients;
mod connection;
mod failure;
pub(super) mod http;
mod judge;
mod reviewer;
mod shares;
pub mod tls;

pub use crate::connections::Room;
pub use body::Bodies;
pub use reviewer::{Internal, Reply, Reviewer};
pub use shares::Amount;

/// Bounds of the server. The defaults are for production; tests shorten them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many may be connected.
    pub room: Room,
    /// Longest time for a TLS handshake.
    pub handshake: Duration,
    /// Handshakes that are computed at once; those that wait for their client do not count.
    pub handshakes: Amount,
    /// Headers of one request, from its first byte on; of the first one, from the handshake on.
    pub headers: Duration,
    /// Pause after which an idle connection is closed in good order. Longer than the 90 s after which API servers close
    /// it: a review sent down a connection that is being closed is lost.
    pub idle: Duration,
    /// The same for a client that has not posted to a path of ours.
    pub idle_stranger: Duration,
    /// Body, verdict and completion of one request.
    pub request: Duration,
    /// Requests to paths of ours that are answered at once, those that wait for their body or their turn among them.
    pub requests: Amount,
    /// How much bodies may take.
    pub bodies: Bodies,
    /// Verdicts made at once, of small reviews.
    pub turns: Amount,
    /// Verdicts made at once, of large ones.
    pub large_turns: Amount,
    /// Longest wait for room for a body, and for a verdict's turn.
    pub queue: Duration,
    /// The same of large ones, each of which takes longer. API servers wait three seconds for an answer.
    pub large_queue: Duration,
    /// After the signal to stop: shortest time of further serving. API servers go on using connections to a pod that
    /// is terminating.
    pub linger: Duration,
    /// After `linger`: the time without a request that counts as quiet, waited for at most another `linger`.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            room: Room {
                all: 1024,
                strangers: 32,
                known: 256,
            },
            handshake: Duration::from_secs(3),
            handshakes: Amount { all: 4, each: 2 },
            headers: Duration::from_secs(3),
            idle: Duration::from_secs(150),
            idle_stranger: Duration::from_secs(3),
            request: Duration::from_secs(10),
            // An API server has at most 200 writes under way, unless it is told otherwise, and asks about each by several
            // entries at once.
            requests: Amount { all: 1024, each: 768 },
            bodies: Bodies::default(),
            turns: Amount { all: 32, each: 24 },
            large_turns: Amount { all: 2, each: 1 },
            queue: Duration::from_secs(1),
            // For room, and then for a turn: together as long as API servers wait.
            large_queue: Duration::from_millis(1500),
            linger: Duration::from_secs(10),
            quiet: Duration::from_secs(2),
        }
    }
}

/// What every connection shares.
pub(in crate::admission) struct Shared<R> {
    pub reviewer: R,
    pub known: Arc<KnownPaths>,
    pub limits: Limits,
    pub guests: Arc<Guests>,
    pub handshakes: Shares,
    pub requests: Shares,
    pub small_memory: Shares,
    pub large_memory: Shares,
    pub turns: Shares,
    pub large_turns: Shares,
    pub stopping: AtomicBool,
    pub activity: Activity,
}

impl<R> Shared<R> {
    /// The state of a server that has not started yet.
    pub fn new(reviewer: R, known: Arc<KnownPaths>, limits: Limits) -> Self {
        Self {
            reviewer,
            known,
            guests: Guests::new(limits.room),
            handshakes: Shares::new(limits.handshakes),
            requests: Shares::new(limits.requests),
            small_memory: Shares::new(limits.bodies.small_memory),
            large_memory: Shares::new(limits.bodies.large_memory),
            turns: Shares::new(limits.turns),
            large_turns: Shares::new(limits.large_turns),
            limits,
            stopping: AtomicBool::new(false),
            activity: Activity::new(),
        }
    }

    /// How long a body waits for room, and its review for its turn.
    pub fn queue(&self, large: bool) -> Duration {
        match large {
            true => self.limits.large_queue,
            false => self.limits.queue,
        }
    }

    /// Whether the server has been told to stop; readiness is off from then on.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Serves until `shutdown` completes, then lingers, then closes every connection in good order.
pub async fn serve<R: Reviewer>(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    reviewer: R,
    known: Arc<KnownPaths>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    serve_with(listener, tls, Arc::new(Shared::new(reviewer, known, limits)), shutdown).await;
}

async fn serve_with<R: Reviewer>(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    shared: Arc<Shared<R>>,
    shutdown: impl Future<Output = ()>,
) {
    let (connections, closing) = (TaskTracker::new(), CancellationToken::new());
    let close = closing.clone().drop_guard();
    let stop = async {
        shutdown.await;
        shared.stopping.store(true, Ordering::Relaxed);
        linger(&shared).await;
    };
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &shared.guests) => accepted,
        };
        if let Some((stream, place)) = accepted {
            let (tls, shared) = (Arc::clone(&tls), Arc::clone(&shared));
            connections.spawn(connection::serve(stream, place, tls, shared, closing.clone()));
        }
    }
    drop(listener);
    drop(close);
    connections.close();
    let _ = tokio::time::timeout(Duration::from_secs(5), connections.wait()).await;
}

async fn linger<R>(shared: &Shared<R>) {
    let linger = shared.limits.linger;
    tracing::info!(?linger, "asked to stop; readiness is off, still serving");
    tokio::time::sleep(linger).await;
    let quiet = async {
        while shared.activity.quiet_for() < shared.limits.quiet {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(linger, quiet).await;
}

#[cfg(test)]
mod tests;
