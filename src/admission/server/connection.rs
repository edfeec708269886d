//! One connection: handshake, then requests until it is idle, broken or the server stops.

use super::Shared;
use super::activity::Activity;
use super::head::{Head, Heard};
use super::http::{Reviewer, respond};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// HTTP/2: streams at once on one connection; the API server opens one per request.
const STREAMS: u32 = 256;
/// HTTP/2: bytes that may be under way on one stream and on one connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// All headers of one request, in bytes.
const HEADER_BYTES: u32 = 32 * 1024;

/// Runs one connection to its end. Errors are the client's and are worth a debug line at most.
pub(super) async fn serve<R: Reviewer>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Arc<Shared<R>>,
    mut closing: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(shared.limits.handshake, acceptor.accept(stream));
    let stream = match handshake.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let own = Arc::new(Activity::new());
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let head = Arc::new(Head::expected(!http2));
    let service = {
        let (shared, own, head) = (Arc::clone(&shared), Arc::clone(&own), Arc::clone(&head));
        hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let (shared, own) = (Arc::clone(&shared), Arc::clone(&own));
            let answering = head.complete();
            async move {
                let _here = (own.begin(), answering);
                Ok::<_, Infallible>(respond(&shared, request).await)
            }
        })
    };
    let builder = builder();
    let stream = Heard(stream, Arc::clone(&head));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return finished(result),
        () = head.late(shared.limits.headers) => return tracing::debug!("headers took too long"),
        () = idle(&own, shared.limits.idle) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(result) = tokio::time::timeout(shared.limits.request, connection).await {
        finished(result);
    }
}

fn finished(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

async fn idle(own: &Activity, limit: Duration) {
    loop {
        let left = limit.saturating_sub(own.quiet_for());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
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
