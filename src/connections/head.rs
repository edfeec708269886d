//! The head of the next request: how long it has been on its way.
//!
//! hyper's own limit counts from the end of the request before, so it also ends connections that merely rest. An API
//! server keeps those for 90 s and may send the next review down one that is just being closed: a review of more than
//! one write is lost then, and an entry that fails open lets the change pass unseen. So the pause between requests is
//! the client's to end, and only a head that has begun is in a hurry.

use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The head that is on its way on one connection, if one is.
#[derive(Debug)]
pub(crate) struct Head {
    state: Mutex<State>,
    /// Whatever is read between two requests begins the next one: so it is in HTTP/1, not in HTTP/2.
    by_bytes: bool,
    begun: Notify,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A head is on its way since then.
    OnItsWay(Instant),
    /// Complete, and its request is being answered.
    Answered,
    /// Between two requests.
    Resting,
}

/// A request that is being answered.
pub(crate) struct Answering(Arc<Head>);

impl Head {
    /// The first one, due from now on.
    pub fn expected(by_bytes: bool) -> Self {
        Self {
            state: Mutex::new(State::OnItsWay(Instant::now())),
            by_bytes,
            begun: Notify::new(),
        }
    }

    /// It is complete.
    pub fn complete(self: &Arc<Self>) -> Answering {
        *self.state.lock() = State::Answered;
        Answering(Arc::clone(self))
    }

    /// Completes when a head takes longer than `limit`.
    pub async fn late(&self, limit: Duration) {
        loop {
            let state = *self.state.lock();
            match state {
                State::OnItsWay(since) if since.elapsed() >= limit => return,
                State::OnItsWay(since) => tokio::time::sleep(limit.saturating_sub(since.elapsed())).await,
                State::Answered | State::Resting => self.begun.notified().await,
            }
        }
    }

    fn read(&self) {
        let mut state = self.state.lock();
        if self.by_bytes && matches!(*state, State::Resting) {
            *state = State::OnItsWay(Instant::now());
            self.begun.notify_one();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        *self.0.state.lock() = State::Resting;
    }
}

/// A stream that says when something is read from it.
pub(crate) struct Heard<S>(pub S, pub Arc<Head>);

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.1.read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
