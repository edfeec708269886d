//! One connection: handshake, then requests until it is idle, broken, asked to go, or the server stops.

use super::http::respond;
use super::reviewer::Reviewer;
use super::{Limits, Shared};
use crate::connections::{Guest, Head, Heard, Place, attend, rested};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// HTTP/2: streams at once on one connection; the API server opens one per request.
const STREAMS: u32 = 256;
/// HTTP/2: bytes that may be under way on one stream and on one connection, before anybody has asked for them. On the
/// way between two machines of a cluster no more is under way at any instant.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// HTTP/1: bytes of a head, and of a body that are read at once.
const BUFFER: usize = 64 << 10;
/// Time to send a stranger its last answer.
const FAREWELL: Duration = Duration::from_millis(500);
/// All headers of one request, in bytes. An API server's are some hundred.
const HEADER_BYTES: u32 = 8 * 1024;

/// Runs one connection to its end. Errors are the client's and are worth a debug line at most.
pub(super) async fn serve<R: Reviewer>(
    stream: TcpStream,
    place: Place,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared<R>>,
    closing: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let guest = Arc::clone(place.guest());
    let Some(stream) = secured(stream, &guest, tls, &shared).await else {
        return;
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let head = Arc::new(Head::expected(!http2));
    let place = Arc::new(place);
    let service = {
        let (shared, head) = (Arc::clone(&shared), Arc::clone(&head));
        hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let (shared, place) = (Arc::clone(&shared), Arc::clone(&place));
            let answering = head.complete();
            async move {
                let _here = (place.guest().activity.begin(), answering);
                Ok::<_, Infallible>(respond(&shared, &place, request).await)
            }
        })
    };
    let builder = builder();
    let connection = builder.serve_connection(TokioIo::new(Heard(stream, Arc::clone(&head))), service);
    let over = async {
        tokio::select! {
            () = rested(&guest, || idle(&guest, &shared.limits)) => {}
            () = closing.cancelled() => {}
        }
    };
    let late = head.late(shared.limits.headers);
    attend(connection, &guest, late, over, || farewell(&guest, &shared.limits)).await;
}

/// The stream behind the handshake; nothing where that failed, or did not end in time.
async fn secured<R>(
    stream: TcpStream,
    guest: &Guest,
    tls: Arc<ServerConfig>,
    shared: &Shared<R>,
) -> Option<TlsStream<TcpStream>> {
    let handshake = tokio::time::timeout(shared.limits.handshake, greet(stream, guest, tls, shared));
    tokio::select! {
        greeted = handshake => match greeted {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        },
        () = guest.leaving() => tracing::debug!("made room"),
    }
    None
}

/// The handshake. Its costly part is the answer to the client's first words, and only so many are computed at once: a
/// thousand that are due at the same instant would keep reviews waiting for as long as all of them take.
async fn greet<R>(
    stream: TcpStream,
    guest: &Guest,
    tls: Arc<ServerConfig>,
    shared: &Shared<R>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let turn = shared.handshakes.take(guest.peer, 1).await;
    // Behind everything else that is ready to run.
    tokio::task::yield_now().await;
    let mut answered = std::pin::pin!(hello.into_stream(tls));
    let first = futures::poll!(answered.as_mut());
    drop(turn);
    match first {
        Poll::Ready(stream) => stream,
        Poll::Pending => answered.await,
    }
}

fn idle(guest: &Guest, limits: &Limits) -> Duration {
    if guest.is_known() {
        limits.idle
    } else {
        limits.idle_stranger
    }
}

/// What a stranger is told is told at once.
fn farewell(guest: &Guest, limits: &Limits) -> Duration {
    if guest.is_known() { limits.request } else { FAREWELL }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES);
    builder
}
