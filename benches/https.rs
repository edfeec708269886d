//! The whole webhook over HTTPS as an API server uses it: on the HTTP/1 connections it keeps, reviews of a 20 KiB Deployment at a
//! fixed rate whatever happens to those before, the server on one core. The baseline is the same server with a verdict
//! that looks at nothing. The last line of each is JSON for `make bench`.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::expect_used, reason = "a failed assumption is a failed measurement")]

#[path = "support/client.rs"]
mod client;
#[path = "support/pool.rs"]
mod pool;
mod support;
#[path = "support/thread.rs"]
mod thread;

use bytes::Bytes;
use coalmine::admission::bootstrap::certificates::Material;
use coalmine::admission::bootstrap::paths::{KnownPaths, Paths};
use coalmine::admission::review::{Observed, Request, Response};
use coalmine::admission::server::{self, Internal, Limits, Reply, Reviewer};
use coalmine::api::entry::Entry;
use futures::future;
use pool::Pool;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thread::Thread;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Requests per second.
const RATE: u32 = 1_000;
/// Requests that are measured, after a tenth as many that are not.
const REQUESTS: u32 = 15_000;

/// Allows everything unseen.
struct Blind;

impl Reviewer for Blind {
    fn review<'a>(&'a self, _: Entry, _: &'a Request) -> Result<Reply<'a>, Internal> {
        Ok(Reply::Given(Response::allow()))
    }

    fn observe(&self, _: Entry, _: Option<&Request>, _: &Observed<'_>) {}
}

fn main() {
    // `cargo test --benches` asks whether it runs, not how fast.
    let rate = if std::env::args().any(|arg| arg == "--test") {
        0
    } else {
        RATE
    };
    if rate == 0 {
        return;
    }
    let (webhook, _feeds) = support::webhook();
    let entries = [Entry::MutateDeployments, Entry::FollowDeployments];
    for entry in entries {
        measure("baseline", entry, Blind);
        measure("webhook", entry, Arc::clone(&webhook));
    }
}

fn measure(name: &str, entry: Entry, reviewer: impl Reviewer) {
    let (material, config) = client::certificate();
    let paths = Paths::random().expect("paths");
    let (address, server) = serve(reviewer, &paths, config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut took = runtime.block_on(ask(address, &paths.path(entry), &material));
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 1000).min(took.len() - 1));
    let millis = |share| at(share).map_or(0.0, Duration::as_secs_f64) * 1000.0;
    let line = json!({
        "name": name, "entry": entry.as_str(), "rate": RATE, "requests": took.len(),
        "p50_ms": millis(500), "p99_ms": millis(990), "p999_ms": millis(999), "busy": server.busy(),
    });
    println!("https: {line}");
}

/// One thread with a runtime of its own: the server has one core, whatever the machine has.
fn serve(reviewer: impl Reviewer, paths: &Paths, config: Arc<rustls::ServerConfig>) -> (SocketAddr, Thread) {
    let known = Arc::new(KnownPaths::of(paths.clone()));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            drop(tell.send((address, Thread::own())));
            server::serve(listener, config, reviewer, known, Limits::default(), future::pending()).await;
        });
    });
    told.recv().expect("a server")
}

async fn ask(address: SocketAddr, path: &str, material: &Material) -> Vec<Duration> {
    let pool = Arc::new(Pool::new(address, client::connector(material), path));
    let body = Bytes::from(support::review());
    let began = Instant::now();
    let gap = Duration::from_secs(1) / RATE;
    let mut under_way = JoinSet::new();
    let mut took = Vec::new();
    let warm = REQUESTS / 10;
    for number in 0..warm + REQUESTS {
        tokio::time::sleep_until((began + gap * number).into()).await;
        let (pool, body) = (Arc::clone(&pool), body.clone());
        under_way.spawn(async move {
            let sent = Instant::now();
            assert!(pool.ask(body).await, "every review is answered");
            (number, sent.elapsed())
        });
        while let Some(done) = under_way.try_join_next() {
            took.push(done.expect("no request fails"));
        }
    }
    while let Some(done) = under_way.join_next().await {
        took.push(done.expect("no request fails"));
    }
    took.retain(|(number, _)| *number >= warm);
    took.into_iter().map(|(_, took)| took).collect()
}
