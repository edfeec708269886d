//! The server as a client sees it, and as somebody who is no client.

mod connections;
mod requests;
mod rotation;
mod strangers;
mod tls;

use super::clients::Clients;
use super::http::respond;
use super::tls::config;
use super::*;
use crate::admission::bootstrap::certificates::{Action, Material, Served};
use crate::admission::bootstrap::paths::Paths;
use crate::admission::review::{Observed, Request, Response};
use crate::api::entry::Entry;
use bytes::Bytes;
use futures::future;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

static PATHS: std::sync::LazyLock<Paths> = std::sync::LazyLock::new(|| Paths::random().unwrap());

fn path() -> String {
    PATHS.path(Entry::HoldRoutes)
}

fn after(pause: Duration) -> Reply<'static> {
    Reply::after(async move {
        tokio::time::sleep(pause).await;
        Response::allow()
    })
}

/// Answers by the name of the object.
#[derive(Default)]
struct Scripted {
    statuses: parking_lot::Mutex<Vec<(u16, bool)>>,
    seen: AtomicUsize,
    unheard: AtomicUsize,
    threads: parking_lot::Mutex<Vec<std::thread::ThreadId>>,
}

impl Reviewer for Arc<Scripted> {
    fn review<'a>(&'a self, _: Entry, request: &'a Request) -> Result<Reply<'a>, Internal> {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.threads.lock().push(std::thread::current().id());
        match request.name.as_str() {
            "panic" => panic!("by request"),
            "fault" => Err(Internal("a secret detail".into())),
            "slow" => Ok(after(Duration::from_secs(3600))),
            "later" => Ok(after(Duration::from_millis(300))),
            _ => Ok(Reply::Given(Response::allow())),
        }
    }

    fn unheard(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    fn observe(&self, _: Entry, _: Option<&Request>, outcome: &Observed<'_>) {
        self.statuses.lock().push((outcome.status.as_u16(), outcome.panicked));
    }
}

fn shared(limits: Limits) -> Arc<Shared<Arc<Scripted>>> {
    Arc::new(Shared::new(
        Arc::new(Scripted::default()),
        Arc::new(KnownPaths::of(PATHS.clone())),
        limits,
    ))
}

fn review(name: &str) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "name": name, "namespace": "n", "operation": "UPDATE", "object": {}, "oldObject": {}}})
    .to_string()
}

fn post(path: &str, body: impl Into<Bytes>) -> ::http::Request<Full<Bytes>> {
    let builder = ::http::Request::post(path).header("content-type", "application/json; charset=utf-8");
    builder.body(Full::new(body.into())).unwrap()
}

async fn ask(shared: &Arc<Shared<Arc<Scripted>>>, request: ::http::Request<Full<Bytes>>) -> (u16, String) {
    let place = shared.guests.admit([127, 0, 0, 1].into());
    let answer = respond(shared, &place, request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A server on a port of its own, with the certificate it serves.
struct Running {
    address: SocketAddr,
    served: Arc<Served>,
    shared: Arc<Shared<Arc<Scripted>>>,
    material: Material,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

const NOW: i64 = 1_900_000_000;
/// As long as no test takes: what happens before is not because of it.
const EVER: Duration = Duration::from_secs(3600);
/// Time within which an API server is answered, whoever else is there. It would wait for three seconds; here, where nothing ends
/// because its time is over, whoever is not answered by then never is, and a machine that is busy may take long for a crowd.
/// By the wall: the crowds come over real sockets and are served by several threads, for whom no time can be paused.
const SOON: Duration = Duration::from_secs(60);

/// Waits until it is so, and no longer than a test may take.
async fn until(is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), so)
        .await
        .expect("it becomes so");
}

/// So much time passes at once. Not while bytes are on their way over a socket: they would be late.
async fn passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// What `end` comes to, while so much time passes again and again: at the first time, the server may not have begun to wait.
async fn after_passing<T>(time: Duration, end: impl Future<Output = T>) -> T {
    let mut end = std::pin::pin!(end);
    for _ in 0..100 {
        passes(time).await;
        // Over a socket, so by the wall.
        if let Ok(end) = tokio::time::timeout(Duration::from_millis(100), end.as_mut()).await {
            return end;
        }
    }
    panic!("it never ends");
}

fn names() -> Vec<String> {
    vec!["webhook.test".to_owned()]
}

/// The wall clock: certificates must be valid when the client looks.
fn now() -> i64 {
    crate::admission::bootstrap::certificates::now().min(NOW)
}

async fn start(limits: Limits, allow_tls12: bool) -> Running {
    start_with(limits, allow_tls12, Arc::new(KnownPaths::of(PATHS.clone())), None).await
}

async fn start_with(
    limits: Limits,
    allow_tls12: bool,
    known: Arc<KnownPaths>,
    clients: Option<Arc<Clients>>,
) -> Running {
    let material = Material::bootstrap(now(), &names()).unwrap();
    let served = Arc::new(Served::default());
    served
        .exchange(material.served().0.as_bytes(), material.served().1.as_bytes())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = config(Arc::clone(&served), allow_tls12, clients).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let shared = Arc::new(Shared::new(Arc::new(Scripted::default()), known, limits));
    let task = tokio::spawn(serve_with(listener, tls, Arc::clone(&shared), async move {
        drop(stopped.await);
    }));
    Running {
        address,
        served,
        shared,
        material,
        stop,
        task,
    }
}

type Versions<'a> = &'a [&'static rustls::SupportedProtocolVersion];

fn client_config(ca_bundle: &str, versions: Versions) -> rustls::ConfigBuilder<rustls::ClientConfig, WantsClientCert> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_bundle.as_bytes()) {
        roots.add(ca.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap();
    builder.with_root_certificates(roots)
}

fn connector(ca_bundle: &str, versions: Versions) -> TlsConnector {
    TlsConnector::from(Arc::new(client_config(ca_bundle, versions).with_no_client_auth()))
}

type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// A TCP connection from a loopback address: 1 is the test's own, the others stand for other pods.
async fn tcp(running: &Running, from: u8) -> std::io::Result<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0)))?;
    socket.connect(running.address).await
}

async fn connect(running: &Running, ca_bundle: &str) -> std::io::Result<Stream> {
    connect_from(running, ca_bundle, 1).await
}

async fn connect_from(running: &Running, ca_bundle: &str, from: u8) -> std::io::Result<Stream> {
    let stream = tcp(running, from).await?;
    let name = ServerName::try_from("webhook.test").unwrap();
    connector(ca_bundle, rustls::ALL_VERSIONS).connect(name, stream).await
}

/// One request over a connection of its own; the status.
async fn send(stream: Stream, request: ::http::Request<Full<Bytes>>) -> u16 {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    drop(sender);
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    let _ = driver.await;
    status
}

async fn call(running: &Running, ca_bundle: &str, name: &str) -> u16 {
    let stream = connect(running, ca_bundle).await.unwrap();
    send(stream, post(&path(), review(name))).await
}

/// A review of an API server at `from`, which is answered soon.
async fn heard(running: &Running, from: u8) {
    let asked = async {
        let stream = connect_from(running, &running.material.ca_bundle(), from)
            .await
            .unwrap();
        send(stream, post(&path(), review("x"))).await
    };
    let status = tokio::time::timeout(SOON, asked).await.expect("it is answered soon");
    assert_eq!(status, 200);
}
