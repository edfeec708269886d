use super::*;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use parking_lot::Mutex;
use std::sync::Arc;

/// An API server that knows one lease, counts its versions and can be told to fail.
#[derive(Default)]
struct Server {
    lease: Option<serde_json::Value>,
    version: u64,
    down: bool,
}

type Shared = Arc<Mutex<Server>>;

impl Server {
    fn answer(&mut self, method: &Method, mut sent: serde_json::Value) -> (u16, serde_json::Value) {
        let error = |code: u16, reason: &str| {
            let status = serde_json::json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code
            });
            (code, status)
        };
        let sent_version = sent["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        match (method, &self.lease) {
            _ if self.down => error(500, "InternalError"),
            (&Method::GET, None) => error(404, "NotFound"),
            (&Method::GET, Some(lease)) => (200, lease.clone()),
            (&Method::POST, Some(_)) => error(409, "AlreadyExists"),
            (&Method::PUT, Some(_)) if sent_version != Some(self.version.to_string()) => error(409, "Conflict"),
            _ => {
                self.version += 1;
                sent["metadata"]["resourceVersion"] = self.version.to_string().into();
                self.lease = Some(sent.clone());
                (200, sent)
            }
        }
    }

    fn holder(&self) -> String {
        self.lease
            .as_ref()
            .map(|l| l["spec"]["holderIdentity"].as_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

fn client(server: &Shared) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let sent = serde_json::from_slice(&bytes).unwrap_or_default();
            let (code, answer) = server.lock().answer(&parts.method, sent);
            let body = Body::from(serde_json::to_vec(&answer).unwrap());
            Ok::<_, kube::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

fn settings(pod: &str) -> Settings {
    let timing = Timing {
        lease: Duration::from_secs(1),
        renew: Duration::from_millis(50),
        retry: Duration::from_millis(20),
    };
    Settings {
        timing,
        ..Settings::new("test", Some(pod))
    }
}

async fn wait(channel: &mut watch::Receiver<bool>, value: bool) {
    tokio::time::timeout(Duration::from_secs(5), channel.wait_for(|v| *v == value))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_second_candidate_leads_when_the_first_has_released() {
    let server = Shared::default();
    let (first, mut first_leads) = Elector::new(client(&server), settings("a"));
    let (second, mut second_leads) = Elector::new(client(&server), settings("b"));
    let stop_first = CancellationToken::new();
    let running = tokio::spawn(first.run(stop_first.clone()));
    wait(&mut first_leads, true).await;
    tokio::spawn(second.run(CancellationToken::new()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!*second_leads.borrow());
    assert!(server.lock().holder().starts_with("a_"));
    stop_first.cancel();
    running.await.unwrap();
    wait(&mut second_leads, true).await;
    assert!(!*first_leads.borrow());
    assert_eq!(server.lock().lease.as_ref().unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_before_its_lease_runs_out() {
    let server = Shared::default();
    let (elector, mut leads) = Elector::new(client(&server), settings("a"));
    tokio::spawn(elector.run(CancellationToken::new()));
    wait(&mut leads, true).await;
    server.lock().down = true;
    let since = Instant::now();
    wait(&mut leads, false).await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    server.lock().down = false;
    wait(&mut leads, true).await;
}

#[tokio::test]
async fn a_lease_that_somebody_else_took_is_lost_at_the_next_renewal() {
    let server = Shared::default();
    let (elector, mut leads) = Elector::new(client(&server), settings("a"));
    tokio::spawn(elector.run(CancellationToken::new()));
    wait(&mut leads, true).await;
    {
        let mut server = server.lock();
        server.version += 1;
        let version = server.version.to_string();
        let lease = server.lease.as_mut().unwrap();
        lease["spec"]["holderIdentity"] = "flagger_1".into();
        lease["metadata"]["resourceVersion"] = version.into();
    }
    wait(&mut leads, false).await;
}

#[test]
fn identities_are_flaggers_and_differ() {
    let (one, two) = (
        crate::controller::lease::identity("pod-a"),
        crate::controller::lease::identity("pod-a"),
    );
    assert!(one.starts_with("pod-a_") && one != two);
    assert_eq!(one.len(), "pod-a_".len() + 36);
}
