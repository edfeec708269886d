//! The HTTPS server behind the door: rustls, HTTP/1 and HTTP/2, every wait bounded.
//!
//! A slow or hostile client costs one of a fixed number of connections for a few seconds. A fault of ours answers 5xx,
//! which leaves the decision to the entry's failurePolicy; only a decision answers a review.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

mod activity;
mod connection;
mod head;
pub mod http;
pub mod tls;

use activity::Activity;
pub use http::{Entry, Internal, Observed, Reviewer};

/// Bounds of the server. The defaults are for production; tests shorten them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// TLS handshake.
    pub handshake: Duration,
    /// Headers of one request, from its first byte on; of the first one, from the handshake on.
    pub headers: Duration,
    /// Pause after which an idle connection is closed in good order. Longer than the 90 s after which API servers close
    /// it: a review sent down a connection that is being closed is lost.
    pub idle: Duration,
    /// Body, verdict and completion of one request.
    pub request: Duration,
    /// Longest body in bytes.
    pub body: usize,
    /// Verdicts made at once.
    pub verdicts: usize,
    /// Longest wait for a verdict's turn.
    pub queue: Duration,
    /// After the signal to stop: shortest time of further serving. API servers go on using connections to a pod that
    /// is terminating.
    pub linger: Duration,
    /// After `linger`: the time without a request that counts as quiet, waited for at most another `linger`.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(5),
            headers: Duration::from_secs(5),
            idle: Duration::from_secs(150),
            request: Duration::from_secs(10),
            // controller-runtime's arithmetic: old and new object of 3 MiB each, and the rest.
            body: 7 * 1024 * 1024,
            verdicts: 32,
            queue: Duration::from_secs(1),
            linger: Duration::from_secs(10),
            quiet: Duration::from_secs(2),
        }
    }
}

/// What every connection shares.
pub(in crate::admission) struct Shared<R> {
    pub reviewer: R,
    pub limits: Limits,
    pub turns: Semaphore,
    pub stopping: AtomicBool,
    pub activity: Activity,
}

impl<R> Shared<R> {
    /// The state of a server that has not started yet.
    pub fn new(reviewer: R, limits: Limits) -> Self {
        let turns = Semaphore::new(limits.verdicts.max(1));
        Self {
            reviewer,
            limits,
            turns,
            stopping: AtomicBool::new(false),
            activity: Activity::new(),
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
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections.max(1)));
    let shared = Arc::new(Shared::new(reviewer, limits));
    let acceptor = TlsAcceptor::from(tls);
    let (close, closing) = watch::channel(false);
    let stop = async {
        shutdown.await;
        shared.stopping.store(true, Ordering::Relaxed);
        linger(&shared).await;
    };
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let connection = connection::serve(stream, acceptor.clone(), Arc::clone(&shared), closing.clone());
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = close.send(true);
    drop(closing);
    // Every connection holds a receiver: all gone means all closed.
    let _ = tokio::time::timeout(Duration::from_secs(5), close.closed()).await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // Out of file descriptors, mostly: connections that end will free some.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
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
