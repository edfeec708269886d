//! Only the API server is heard: what somebody who reaches the webhook's pods, and has no credential, cannot do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coalmine::api::entry::Entry;
use e2e::scene::{App, SYSTEM, Scene, play, play_alone, wait_for};
use e2e::storm::rotation::{broken, changed, told};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "coalmine-webhook.coalmine-system.svc";
/// How long an apply may take that a webhook answers; one that it does not answer takes three seconds at least.
const QUICK: Duration = Duration::from_millis(2900);

/// Pods of ours with these labels, but those that end: such a one has an address until it is gone, where nobody answers.
async fn pods(scene: &Scene, labels: &str) -> Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), SYSTEM);
    let found = pods.list(&ListParams::default().labels(labels)).await?;
    let stays = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
    Ok(found.into_iter().filter(stays).collect())
}

/// Where they are.
fn addresses(pods: &[Pod]) -> Result<Vec<IpAddr>> {
    let ips = pods.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.as_ref());
    ips.map(|ip| Ok(ip.parse()?)).collect()
}

/// The webhook as it is found by its pods' addresses.
struct Webhook {
    pods: Vec<IpAddr>,
    connector: TlsConnector,
}

impl Webhook {
    async fn find(scene: &Scene) -> Result<Self> {
        let pods = addresses(&pods(scene, "app.kubernetes.io/component=webhook").await?)?;
        ensure!(!pods.is_empty(), "there is a webhook");
        coalmine::outbound::install_tls_provider();
        let mut roots = rustls::RootCertStore::empty();
        let (_, bundle) = told(scene).await?;
        for certificate in CertificateDer::pem_slice_iter(&bundle) {
            roots.add(certificate?)?;
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        Ok(Self { pods, connector })
    }

    async fn connect(&self, pod: IpAddr) -> Result<TlsStream<TcpStream>> {
        let stream = tokio::time::timeout(QUICK, TcpStream::connect(SocketAddr::new(pod, 8443))).await??;
        Ok(self.connector.connect(ServerName::try_from(NAME)?, stream).await?)
    }

    /// What a pod answers to a review posted there: the first line and the whole of it.
    async fn post(&self, pod: IpAddr, path: &str, review: &Value) -> Result<String> {
        let mut stream = self.connect(pod).await?;
        let body = review.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        // It may be closed before all of it is sent.
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// A forged review is not found, at whichever entry.
    async fn refuses(&self, review: &Value) -> Result<()> {
        for pod in &self.pods {
            for entry in Entry::ALL {
                let guessed = format!("/{}/{}", entry.as_str(), "0".repeat(64));
                for path in [format!("/{}", entry.as_str()), guessed] {
                    let answer = self.post(*pod, &path, review).await?;
                    ensure!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
                    ensure!(answer.ends_with("\r\n\r\n"), "a stranger is told nothing: {answer}");
                }
            }
        }
        Ok(())
    }
}

/// Whether the Deployment of that name was held when it was stored.
async fn held(scene: &Scene, name: &str) -> Result<()> {
    let stored = scene.objects().deployments().get(name).await?;
    let labels = stored.metadata.labels.unwrap_or_default();
    ensure!(
        labels.contains_key("coalmine.dev/managed"),
        "{name} was missed: {labels:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_review_publishes_nothing() {
    play("heard-ghost", async |scene| {
        scene.label().await?;
        let webhook = Webhook::find(scene).await?;
        let template = json!({"metadata": {"labels": {"app": "internal"}},
            "spec": {"containers": [{"name": "a", "image": "a", "ports": [{"containerPort": 9898}]}]}});
        let ghost = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "ghost", "namespace": scene.namespace, "uid": "00000000-0000-4000-8000-000000000001",
                "labels": {"coalmine.dev/managed": "true", "coalmine.dev/state": "hot"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "internal"}}, "template": template}});
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "1", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "name": "ghost", "namespace": scene.namespace, "operation": "CREATE",
            "userInfo": {"username": "nobody", "groups": ["system:masters"]}, "object": ghost}});
        webhook.refuses(&review).await?;
        // What the webhook makes is there when an apply returns, or a moment later where the API server is busy: this one's
        // objects, and none of the ghost's.
        scene.apply(&App::new("app", "v1").manifest()).await?.succeeded()?;
        let objects = scene.objects();
        wait_for(
            "an honest apply to have its Canary",
            Duration::from_secs(120),
            async || Ok(objects.canary("app").await?.map(drop)),
        )
        .await?;
        ensure!(objects.canary("ghost").await?.is_none(), "nobody asked for this one");
        for name in ["ghost", "ghost-canary", "ghost-primary"] {
            ensure!(objects.services().get_opt(name).await?.is_none(), "Service {name}");
        }
        ensure!(objects.routes().get_opt("ghost").await?.is_none(), "no route");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_review_writes_no_status() {
    play("heard-status", async |scene| {
        scene.settled(&App::new("app", "v1")).await?;
        let promoted = ["wait", "canary/app", "--for=condition=Promoted", "--timeout=120s"];
        scene.kubectl(&promoted).await?.succeeded()?;
        let webhook = Webhook::find(scene).await?;
        let old = serde_json::to_value(scene.objects().deployments().get("app").await?)?;
        let mut new = old.clone();
        new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("never/stored:1");
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "1", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}, "name": "app",
            "namespace": scene.namespace, "operation": "UPDATE", "userInfo": {"username": "the-cfo"},
            "object": new, "oldObject": old}});
        let before = scene.objects().canary("app").await?.context("a Canary")?;
        webhook.refuses(&review).await?;
        let after = scene.objects().canary("app").await?.context("a Canary")?;
        for canary in [&before, &after] {
            let promoted = canary
                .condition("Promoted")
                .and_then(|condition| condition["status"].as_str());
            ensure!(promoted == Some("True"), "{:?}", canary.conditions());
            ensure!(
                !canary.0["status"].to_string().contains("the-cfo"),
                "{}",
                canary.0["status"]
            );
        }
        Ok(())
    })
    .await;
}

/// Opens a connection and does what keeps it longest: one request, and silence.
async fn idle(webhook: &Webhook, pod: IpAddr) -> Option<TlsStream<TcpStream>> {
    let mut stream = webhook.connect(pod).await.ok()?;
    let ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.ok()?;
    Some(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_idle_clients_keeps_no_apply_waiting() {
    play_alone("heard-crowd", async |scene| {
        scene.label().await?;
        let webhook = Webhook::find(scene).await?;
        // With new paths an API server opens new connections: it has to get in through the crowd.
        let before = told(scene).await?.0;
        let mut crowd = Vec::new();
        for _ in 0..520 {
            for pod in &webhook.pods {
                crowd.extend(idle(&webhook, *pod).await);
            }
        }
        println!("{} clients were let in", crowd.len());
        broken(scene, 0).await?;
        changed(scene, &before).await?;
        for number in 0..5 {
            for pod in &webhook.pods {
                crowd.extend(idle(&webhook, *pod).await);
            }
            let name = format!("app-{number}");
            let applied = scene.apply(&App::new(&name, "v1").manifest()).await?.succeeded()?;
            println!("{name}: {:?}", applied.took);
            held(scene, &name).await?;
            ensure!(applied.took < QUICK, "{name} took {:?}", applied.took);
        }
        drop(crowd);
        Ok(())
    })
    .await;
}

/// The port of health and metrics.
const HEALTH: u16 = 8080;
/// How many connections it has at most.
const ROOM: usize = 64;
/// How long the kubelet waits for a readiness probe.
const PROBE: Duration = Duration::from_secs(2);

/// Opens a connection there and does what keeps it longest.
async fn idle_at_health(pod: IpAddr) -> Option<TcpStream> {
    let connected = TcpStream::connect(SocketAddr::new(pod, HEALTH));
    let mut stream = tokio::time::timeout(QUICK, connected).await.ok()?.ok()?;
    let ask = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.ok()?;
    Some(stream)
}

/// What a pod answers there on a connection of its own, as the kubelet asks.
async fn probed(pod: IpAddr, path: &str) -> Result<String> {
    let asked = async {
        let mut stream = TcpStream::connect(SocketAddr::new(pod, HEALTH)).await?;
        let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answered = tokio::time::timeout(PROBE, asked).await;
    answered.with_context(|| format!("{pod} does not answer {path} in time"))?
}

/// Whether the server has not ended it. What it has said is read past.
fn is_open(stream: &TcpStream) -> bool {
    let mut said = [0; 4096];
    loop {
        match stream.try_read(&mut said) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

/// How the kubelet finds each container: restarts so far, and whether it is ready.
fn found(pods: &[Pod]) -> Vec<(Option<String>, i32, bool)> {
    let of = |pod: &Pod| {
        let statuses = pod.status.clone().and_then(|status| status.container_statuses);
        let named = statuses.unwrap_or_default().into_iter();
        let name = pod.metadata.name.clone();
        named
            .map(|one| (name.clone(), one.restart_count, one.ready))
            .collect::<Vec<_>>()
    };
    pods.iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_idle_clients_keeps_neither_probes_nor_scrapes_out() {
    play_alone("heard-health", async |scene| {
        // Where the suite runs on the node, the crowd has the kubelet's own address.
        let ours = "app.kubernetes.io/component in (webhook,controller)";
        let before = pods(scene, ours).await?;
        let addresses = addresses(&before)?;
        ensure!(addresses.len() > 1, "both have pods");
        let mut crowd = Vec::new();
        for _ in 0..200 {
            for pod in &addresses {
                crowd.extend(idle_at_health(*pod).await);
            }
        }
        println!("{} clients were let in", crowd.len());
        for pod in &addresses {
            for path in ["/healthz", "/readyz", "/metrics"] {
                crowd.extend(idle_at_health(*pod).await);
                let answer = probed(*pod, path).await?;
                ensure!(answer.starts_with("HTTP/1.1 200"), "{pod} {path}: {answer}");
            }
        }
        wait_for("no more of the crowd than there is room for", QUICK, async || {
            let open = crowd.iter().filter(|stream| is_open(stream)).count();
            Ok((open <= ROOM * addresses.len()).then_some(()))
        })
        .await?;
        let after = pods(scene, ours).await?;
        ensure!(found(&after) == found(&before), "{:?}", found(&after));
        Ok(())
    })
    .await;
}
