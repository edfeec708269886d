use super::http::{Entry, Internal, Observed, Reviewer, respond};
use super::tls::{Served, config};
use super::*;
use crate::admission::certificates::{Action, Material};
use crate::admission::review::{Request, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, future};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Answers by the name of the object.
#[derive(Default)]
struct Scripted {
    statuses: parking_lot::Mutex<Vec<(u16, bool)>>,
    seen: AtomicUsize,
}

impl Reviewer for Arc<Scripted> {
    fn review(&self, _: Entry, request: &Request) -> Result<Response, Internal> {
        self.seen.fetch_add(1, Ordering::Relaxed);
        match request.name.as_str() {
            "panic" => panic!("by request"),
            "fault" => Err(Internal("a secret detail".into())),
            _ => Ok(Response::allow()),
        }
    }

    fn complete<'a>(
        &'a self,
        _: Entry,
        request: &'a Request,
        response: Response,
    ) -> BoxFuture<'a, Result<Response, Internal>> {
        match request.name.as_str() {
            "slow" => tokio::time::sleep(Duration::from_secs(3600))
                .map(|()| Ok(response))
                .boxed(),
            "later" => tokio::time::sleep(Duration::from_millis(300))
                .map(|()| Ok(response))
                .boxed(),
            _ => future::ready(Ok(response)).boxed(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn observe(&self, _: Entry, _: Option<&Request>, outcome: &Observed<'_>) {
        self.statuses.lock().push((outcome.status.as_u16(), outcome.panicked));
    }
}

fn shared(limits: Limits) -> Shared<Arc<Scripted>> {
    Shared::new(Arc::new(Scripted::default()), limits)
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

async fn ask(shared: &Shared<Arc<Scripted>>, request: ::http::Request<Full<Bytes>>) -> (u16, String) {
    let answer = respond(shared, request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_review_is_answered_at_its_path() {
    let shared = shared(Limits::default());
    for entry in Entry::ALL {
        let (status, body) = ask(&shared, post(&entry.path(), review("x"))).await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"u"}}"#
        );
    }
}

#[tokio::test]
async fn anything_but_a_posted_json_review_at_an_exact_path_is_refused() {
    let shared = shared(Limits::default());
    let path = Entry::HoldRoutes.path();
    assert_eq!(ask(&shared, post("/hold-routes/", review("x"))).await.0, 404);
    assert_eq!(ask(&shared, post("/", review("x"))).await.0, 404);
    let get = ::http::Request::get(&path).body(Full::default()).unwrap();
    assert_eq!(ask(&shared, get).await.0, 405);
    let form = ::http::Request::post(&path)
        .header("content-type", "text/plain")
        .body(Full::default())
        .unwrap();
    assert_eq!(ask(&shared, form).await.0, 415);
    assert_eq!(ask(&shared, post(&path, "{")).await.0, 400);
    assert_eq!(ask(&shared, post(&path, "[".repeat(100_000))).await.0, 400);
    assert_eq!(shared.reviewer.seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let shared = shared(Limits {
        body: 1000,
        ..Limits::default()
    });
    assert_eq!(
        ask(&shared, post("/hold-routes", review(&"x".repeat(500)))).await.0,
        200
    );
    assert_eq!(
        ask(&shared, post("/hold-routes", review(&"x".repeat(1000)))).await.0,
        413
    );
}

#[tokio::test]
async fn a_fault_or_a_panic_is_500_and_tells_nothing() {
    let shared = shared(Limits::default());
    for name in ["fault", "panic"] {
        assert_eq!(
            ask(&shared, post("/hold-routes", review(name))).await,
            (500, "no verdict; see the log\n".to_owned())
        );
    }
    assert_eq!(*shared.reviewer.statuses.lock(), [(500, false), (500, true)]);
    assert_eq!(ask(&shared, post("/hold-routes", review("x"))).await.0, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_504() {
    let shared = shared(Limits {
        request: Duration::from_millis(50),
        ..Limits::default()
    });
    assert_eq!(ask(&shared, post("/hold-routes", review("slow"))).await.0, 504);
}

#[tokio::test]
async fn when_no_turn_comes_it_is_503() {
    let shared = shared(Limits {
        verdicts: 1,
        queue: Duration::from_millis(50),
        ..Limits::default()
    });
    let _taken = shared.turns.acquire().await.unwrap();
    assert_eq!(ask(&shared, post("/hold-routes", review("x"))).await.0, 503);
}

#[tokio::test]
async fn what_follows_a_verdict_holds_up_no_other_verdict() {
    let shared = shared(Limits {
        verdicts: 1,
        ..Limits::default()
    });
    let start = Instant::now();
    let (later, quick) = future::join(ask(&shared, post("/hold-routes", review("later"))), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ask(&shared, post("/hold-routes", review("x"))).await;
        start.elapsed()
    })
    .await;
    assert_eq!(later.0, 200);
    assert!(quick < Duration::from_millis(250), "{quick:?}");
}

#[tokio::test]
async fn readiness_goes_off_when_stopping_and_liveness_stays() {
    let shared = shared(Limits::default());
    let get = |path: &str| ::http::Request::get(path).body(Full::default()).unwrap();
    assert_eq!(ask(&shared, get("/readyz")).await.0, 200);
    shared.stopping.store(true, Ordering::Relaxed);
    assert_eq!(ask(&shared, get("/readyz")).await, (503, "stopping\n".to_owned()));
    assert_eq!(ask(&shared, get("/healthz")).await.0, 200);
    let answer = respond(&shared, post("/hold-routes", review("x"))).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["connection"].to_str().unwrap()
        ),
        (200, "close")
    );
}

/// A server on a port of its own, with the certificate it serves.
struct Running {
    address: SocketAddr,
    served: Arc<Served>,
    material: Material,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

const NOW: i64 = 1_900_000_000;

fn names() -> Vec<String> {
    vec!["door.test".to_owned()]
}

/// The wall clock: certificates must be valid when the client looks.
fn now() -> i64 {
    crate::admission::certificates::now().min(NOW)
}

async fn start(limits: Limits, allow_tls12: bool) -> Running {
    let material = Material::bootstrap(now(), &names()).unwrap();
    let served = Arc::new(Served::default());
    served
        .exchange(material.served().0.as_bytes(), material.served().1.as_bytes())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = config(Arc::clone(&served), allow_tls12).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let reviewer = Arc::new(Scripted::default());
    let task = tokio::spawn(serve(
        listener,
        tls,
        reviewer,
        limits,
        async move { drop(stopped.await) },
    ));
    Running {
        address,
        served,
        material,
        stop,
        task,
    }
}

fn connector(ca_bundle: &str, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_bundle.as_bytes()) {
        roots.add(ca.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

type Stream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(running: &Running, ca_bundle: &str) -> std::io::Result<Stream> {
    let stream = TcpStream::connect(running.address).await?;
    let name = ServerName::try_from("door.test").unwrap();
    connector(ca_bundle, rustls::ALL_VERSIONS).connect(name, stream).await
}

/// One review over a connection of its own; the status.
async fn call(running: &Running, ca_bundle: &str, name: &str) -> u16 {
    let stream = connect(running, ca_bundle).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(post("/hold-routes", review(name))).await.unwrap();
    drop(sender);
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    let _ = driver.await;
    status
}

#[tokio::test]
async fn a_review_is_answered_over_tls_by_a_leaf_of_our_ca() {
    let running = start(Limits::default(), false).await;
    assert_eq!(call(&running, &running.material.ca_bundle(), "x").await, 200);
    let other = Material::bootstrap(now(), &names()).unwrap();
    assert!(connect(&running, &other.ca_bundle()).await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_where_asked_for() {
    for (allowed, expected) in [(false, false), (true, true)] {
        let running = start(Limits::default(), allowed).await;
        let stream = TcpStream::connect(running.address).await.unwrap();
        let connector = connector(&running.material.ca_bundle(), &[&rustls::version::TLS12]);
        let connected = connector
            .connect(ServerName::try_from("door.test").unwrap(), stream)
            .await;
        assert_eq!(connected.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_change_of_leaf_and_ca_fails_no_request() {
    let running = start(Limits::default(), false).await;
    let mut material = running.material.clone();
    for action in [
        Action::RenewLeaf,
        Action::RenewCa,
        Action::RenewLeaf,
        Action::DropPrevious,
    ] {
        // The bundle of before must still do: API servers see the new one a little later.
        let before = material.ca_bundle();
        material = material.renewed(now(), &names(), action).unwrap();
        let (chain, key) = material.served();
        running.served.exchange(chain.as_bytes(), key.as_bytes()).unwrap();
        for _ in 0..5 {
            assert_eq!(call(&running, &before, "x").await, 200, "{action:?}");
            assert_eq!(call(&running, &material.ca_bundle(), "x").await, 200, "{action:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_changes_nothing() {
    let running = start(Limits::default(), false).await;
    assert!(running.served.exchange(b"", b"").is_err());
    let other = Material::bootstrap(now(), &names()).unwrap();
    let (chain, _) = other.served();
    let (_, key) = running.material.served();
    assert!(running.served.exchange(chain.as_bytes(), key.as_bytes()).is_err());
    assert_eq!(call(&running, &running.material.ca_bundle(), "x").await, 200);
}

#[tokio::test]
async fn clients_that_say_nothing_cost_a_slot_for_the_handshakes_time_only() {
    let limits = Limits {
        connections: 3,
        handshake: Duration::from_millis(300),
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(running.address).await.unwrap());
    }
    let start = Instant::now();
    assert_eq!(call(&running, &running.material.ca_bundle(), "x").await, 200);
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn headers_that_drip_are_cut_off() {
    let limits = Limits {
        headers: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    stream
        .write_all(b"POST /hold-routes HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    assert!(tokio::time::timeout(Duration::from_secs(3), read).await.is_ok());
}

#[tokio::test]
async fn a_connection_rests_between_requests_and_a_late_head_is_cut_off_then_too() {
    let limits = Limits {
        headers: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let body = review("x");
    let head = format!(
        "POST /hold-routes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        // As a body that does not fit into one write.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{read} bytes");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stream.write_all(&head.as_bytes()[..20]).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    assert!(tokio::time::timeout(Duration::from_secs(3), read).await.is_ok());
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_what_still_comes() {
    let limits = Limits {
        linger: Duration::from_millis(400),
        quiet: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut running = start(limits, false).await;
    let (stop, _) = tokio::sync::oneshot::channel();
    let stop = std::mem::replace(&mut running.stop, stop);
    let bundle = running.material.ca_bundle();
    let (under_way, came) = future::join(call(&running, &bundle, "later"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&running, &bundle, "x").await
    })
    .await;
    assert_eq!((under_way, came), (200, 200));
    tokio::time::timeout(Duration::from_secs(5), running.task)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}
