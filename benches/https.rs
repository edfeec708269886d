//! The whole door over HTTPS as an API server uses it: one kept HTTP/2 connection, reviews of a 20 KiB Deployment at a
//! fixed rate whatever happens to those before, the server on one core. The baseline is the same server with a verdict
//! that looks at nothing. The last line of each is JSON for `make bench`.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::expect_used, reason = "a failed assumption is a failed measurement")]

mod support;

use bytes::Bytes;
use coalmine::admission::certificates::{Material, now};
use coalmine::admission::review::{Request, Response};
use coalmine::admission::server::{self, Entry, Internal, Limits, Observed, Reviewer, tls};
use futures::future::BoxFuture;
use futures::{FutureExt as _, future};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Requests per second.
const RATE: u32 = 1_000;
/// Requests that are measured, after a tenth as many that are not.
const REQUESTS: u32 = 15_000;
const NAME: &str = "coalmine-webhook.coalmine-system.svc";

/// Allows everything unseen.
struct Blind;

impl Reviewer for Blind {
    fn review(&self, _: Entry, _: &Request) -> Result<Response, Internal> {
        Ok(Response::allow())
    }

    fn complete<'a>(&'a self, _: Entry, _: &'a Request, seen: Response) -> BoxFuture<'a, Result<Response, Internal>> {
        future::ready(Ok(seen)).boxed()
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
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
    let (door, _feeds) = support::door();
    let entries = [Entry::MutateDeployments, Entry::ValidateDeployments];
    for entry in entries {
        measure("baseline", entry, Blind);
        measure("door", entry, Arc::clone(&door));
    }
}

fn measure(name: &str, entry: Entry, reviewer: impl Reviewer) {
    let material = Material::bootstrap(now(), &[NAME.to_owned()]).expect("certificates");
    let (address, core) = serve(reviewer, &material);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut took = runtime.block_on(ask(address, entry, &material));
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 1000).min(took.len() - 1));
    let millis = |share| at(share).map_or(0.0, Duration::as_secs_f64) * 1000.0;
    let line = json!({
        "name": name, "entry": entry.as_str(), "rate": RATE, "requests": took.len(),
        "p50_ms": millis(500), "p99_ms": millis(990), "p999_ms": millis(999), "busy": core.busy(),
    });
    println!("https: {line}");
}

/// The server's thread, for the share of a core it used.
struct Core {
    stat: String,
    began: Instant,
    before: f64,
}

impl Core {
    fn of(thread: String) -> Self {
        let mut core = Self {
            stat: thread,
            began: Instant::now(),
            before: 0.0,
        };
        core.before = core.seconds();
        core
    }

    /// Computing time so far, in seconds: user and system time in `stat`, in ticks of 10 ms.
    fn seconds(&self) -> f64 {
        let text = std::fs::read_to_string(&self.stat).unwrap_or_default();
        let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks = fields.into_iter().flatten().skip(11).take(2);
        ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    fn busy(&self) -> f64 {
        (self.seconds() - self.before) / self.began.elapsed().as_secs_f64()
    }
}

/// One thread with a runtime of its own: the server has one core, whatever the machine has.
fn serve(reviewer: impl Reviewer, material: &Material) -> (SocketAddr, Core) {
    let served = Arc::new(tls::Served::default());
    let (chain, key) = material.served();
    served
        .exchange(chain.as_bytes(), key.as_bytes())
        .expect("a certificate and its key");
    let config = tls::config(served, false).expect("a TLS configuration");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let thread = std::fs::read_link("/proc/thread-self").expect("/proc");
            drop(tell.send((address, format!("/proc/{}/stat", thread.display()))));
            server::serve(listener, config, reviewer, Limits::default(), future::pending()).await;
        });
    });
    let (address, stat) = told.recv().expect("a server");
    (address, Core::of(stat))
}

async fn connect(address: SocketAddr, material: &Material) -> SendRequest<Full<Bytes>> {
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(material.ca_bundle().as_bytes()).expect("a CA");
    roots.add(ca).expect("a CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocols")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let name = ServerName::try_from(NAME).expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .expect("a handshake");
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn ask(address: SocketAddr, entry: Entry, material: &Material) -> Vec<Duration> {
    let sender = connect(address, material).await;
    let body = Bytes::from(support::review());
    let uri = format!("https://{NAME}{}", entry.path());
    let began = Instant::now();
    let gap = Duration::from_secs(1) / RATE;
    let mut under_way = JoinSet::new();
    let mut took = Vec::new();
    let warm = REQUESTS / 10;
    for number in 0..warm + REQUESTS {
        tokio::time::sleep_until((began + gap * number).into()).await;
        let request = http::Request::post(&uri)
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .expect("a request");
        let mut sender = sender.clone();
        under_way.spawn(async move {
            let sent = Instant::now();
            let answer = sender.send_request(request).await.expect("an answer");
            assert_eq!(answer.status(), 200, "every review is answered");
            drop(answer.into_body().collect().await.expect("a whole answer"));
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
