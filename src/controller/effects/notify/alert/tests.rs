use super::*;
use crate::{
    analysis::ReleaseEvent,
    controller::context::fake::{self, Fake},
    plan::Workload,
    testing::ApiServer,
};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const PROVIDERS: &str = "/apis/flagger.app/v1beta1/namespaces/shop/alertproviders";

fn raised(context: &Fake, key: &Key, dry_run: bool) {
    let subject = Subject {
        canary: key.1.clone(),
        namespace: key.0.clone(),
        target: key.1.clone(),
        workload: Workload::Deployment,
    };
    let canary = context.cluster.canary(key).unwrap();
    raise(
        context,
        key,
        &canary,
        (Phase::Initialized, dry_run),
        &ReleaseEvent::Initialized,
        &subject,
    );
}

fn dropped(context: &Fake) -> String {
    let shown = context.effects.metrics.render();
    let line = shown
        .lines()
        .find(|line| line.starts_with("coalmine_alerts_dropped_total"));
    line.unwrap_or_default().to_owned()
}

// What one request to a chat said.
async fn heard(listener: &TcpListener) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    while !text.contains("Initialization") && !text.contains("initialization") {
        let mut bytes = [0; 4096];
        let read = connection.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    connection.write_all(answer.as_bytes()).await.unwrap();
    text
}

#[tokio::test]
async fn whom_a_canary_names_is_told_at_the_address_that_its_secret_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = ApiServer::default();
    let provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "nobody", "namespace": "shop"},
        "spec": {"type": "slack", "channel": "ops", "secretRef": {"name": "chat"}},
    });
    server.put(&format!("{PROVIDERS}/nobody"), provider);
    use base64::Engine as _;
    let data = json!({"address": base64::engine::general_purpose::STANDARD.encode(address)});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat", "namespace": "shop"}, "data": data});
    server.put("/api/v1/namespaces/shop/secrets/chat", secret);
    let (context, _told) = fake::with(server.client());
    let key = fake::add(&context, "app");
    raised(&context, &key, false);
    let said = heard(&listener).await;
    assert!(
        said.starts_with("POST /hook") && said.contains("initialization completed"),
        "{said}"
    );
    raised(&context, &key, true);
    let said = heard(&listener).await;
    assert!(said.contains("Dry run: "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_cannot_be_told_is_counted_and_is_not_the_end_of_the_next() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let key = fake::add(&context, "app");
    raised(&context, &key, false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        dropped(&context),
        "coalmine_alerts_dropped_total 1",
        "there is no such provider"
    );
    server.fail(&format!("GET {PROVIDERS}/nobody"), 500, 1);
    raised(&context, &key, false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(dropped(&context), "coalmine_alerts_dropped_total 2");
    assert_eq!(
        server.requests_for(&format!("{PROVIDERS}/nobody")),
        2,
        "looked up each time"
    );
}

// An alert by that provider, which names that Secret.
async fn unused(provider: serde_json::Value, secret: &str) {
    let server = ApiServer::default();
    server.put(&format!("{PROVIDERS}/nobody"), provider);
    let (context, _told) = fake::with(server.client());
    let key = fake::add(&context, "app");
    raised(&context, &key, false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(dropped(&context), "coalmine_alerts_dropped_total 1");
    let secret = format!("/api/v1/namespaces/shop/secrets/{secret}");
    assert_eq!(server.requests_for(&secret), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_being_deleted_is_not_used_and_its_secret_not_read() {
    let metadata = json!({
        "name": "nobody", "namespace": "shop", "finalizers": ["team/keep"], "deletionTimestamp": "2026-01-01T00:00:00Z",
    });
    let provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": metadata,
        "spec": {"type": "slack", "channel": "ops", "secretRef": {"name": "of-others"}},
    });
    unused(provider, "of-others").await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_too_large_is_not_used_and_its_secret_not_read() {
    let provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "nobody", "namespace": "shop"},
        "spec": {"type": "slack", "channel": "o".repeat(1025), "secretRef": {"name": "chat"}},
    });
    unused(provider, "chat").await;
}
