//! One connection, from its place among the others to its end.

use super::guests::{Guest, Guests, Place};
use hyper_util::server::graceful::GracefulConnection;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The next connection, with its place. Never waits for anybody who is there: a newcomer may be an API server, or the
/// kubelet with a probe.
pub(crate) async fn accept(listener: &TcpListener, guests: &Arc<Guests>) -> Option<(TcpStream, Place)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, guests.admit(peer.ip()))),
        Err(error) => {
            // Out of file descriptors, mostly: connections that end will free some.
            guests.make_room();
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Serves `connection` until it ends by itself, `late` says that a head takes too long, `over` completes, or its guest is
/// to go. The last two end it in good order, for which it has `farewell`; but where its room is needed it ends at once.
pub(crate) async fn attend<C>(
    connection: C,
    guest: &Guest,
    late: impl Future<Output = ()>,
    over: impl Future<Output = ()>,
    farewell: impl FnOnce() -> Duration,
) where
    C: GracefulConnection,
    C::Error: Display,
{
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return finished(result),
        () = late => return tracing::debug!("headers took too long"),
        () = over => {}
        () = guest.leaving() => {}
    }
    if guest.is_turned_out() {
        return tracing::debug!("made room");
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(result) = tokio::time::timeout(farewell(), connection).await {
        finished(result);
    }
}

/// Completes when no request has begun or ended there for as long as `limit` says then.
pub(crate) async fn rested(guest: &Guest, limit: impl Fn() -> Duration) {
    loop {
        let left = limit().saturating_sub(guest.activity.quiet_for());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

/// Errors are the client's and are worth a debug line at most.
fn finished<E: Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}
