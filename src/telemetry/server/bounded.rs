//! Who is served on the port of health and metrics, and for how long. Every pod of the cluster reaches it, and it shares
//! threads and open files with reviews and with steps: so whoever crowds here takes little, and keeps neither probes nor
//! scrapes out.

use crate::connections::{Guests, Head, Heard, Place, Room, accept, attend, rested};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Bytes of a head. A scraper's are some hundred.
const BUFFER: usize = 16 << 10;
/// Time for a head, from its first byte on; for the first one, from the beginning of the connection on.
const HEAD: Duration = Duration::from_secs(3);
/// Time after an answer in which it has to be read, and within which the next head begins.
const IDLE: Duration = Duration::from_secs(10);
/// Time to end in good order. The program waits twice as long for all of them.
const FAREWELL: Duration = Duration::from_secs(1);
/// Two probes and a few scrapers are there at once. The kubelet makes a new connection for each probe, and whoever is new
/// is let in: of the address that has most connections one goes.
const ROOM: Room = Room {
    all: 64,
    strangers: 8,
    // Nobody becomes known here.
    known: 8,
};

/// What every connection shares.
struct Port {
    router: Router,
    guests: Arc<Guests>,
    stopping: CancellationToken,
}

impl Port {
    fn new(router: Router, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            router,
            guests: Guests::new(ROOM),
            stopping,
        })
    }
}

/// Serves on `listener` until `shutdown`, then ends every connection in good order.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let (port, connections) = (Port::new(router, shutdown), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = port.stopping.cancelled() => break,
            accepted = accept(&listener, &port.guests) => accepted,
        };
        if let Some((stream, place)) = accepted {
            let _ = stream.set_nodelay(true);
            connections.spawn(connected(Arc::clone(&port), stream, place));
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Runs one connection to its end, and keeps its place until then.
async fn connected<S>(port: Arc<Port>, stream: S, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guest = place.guest();
    let head = Arc::new(Head::expected(true));
    let service = {
        let (router, guest, head) = (port.router.clone(), Arc::clone(guest), Arc::clone(&head));
        service_fn(move |request: http::Request<Incoming>| {
            let (router, guest, answering) = (router.clone(), Arc::clone(&guest), head.complete());
            async move {
                let _here = (guest.activity.begin(), answering);
                router.oneshot(request).await
            }
        })
    };
    let stream = Heard(stream, Arc::clone(&head));
    let connection = builder().serve_connection(TokioIo::new(stream), service);
    let over = async {
        tokio::select! {
            () = rested(guest, || IDLE) => {}
            () = port.stopping.cancelled() => {}
        }
    };
    attend(connection, guest, head.late(HEAD), over, || FAREWELL).await;
}

/// HTTP/1 only, as probes and scrapers speak: one connection asks for one thing at a time.
fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(BUFFER);
    builder
}

#[cfg(test)]
mod tests;
