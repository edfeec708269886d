use super::*;
use crate::api::Canary;
use crate::messages::Severity;
use crate::telemetry::{Recorder, StatusEncoding};
use http::{Request, Response};
use kube::client::Body;
use parking_lot::Mutex;
use std::sync::Arc;

/// An API server that answers with `codes` in turn, then 200, and notes methods.
fn client(codes: &'static [u16]) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let log = log.clone();
        async move {
            let mut log = log.lock();
            let code = codes.get(log.len()).copied().unwrap_or(200);
            log.push(request.method().to_string());
            let answer = match code {
                200 => serde_json::json!({ "metadata": {}, "involvedObject": {} }),
                code => {
                    serde_json::json!({ "status": "Failure", "message": "", "reason": "", "code": code })
                }
            };
            let body = Body::from(serde_json::to_vec(&answer).unwrap());
            Ok::<_, kube::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    (Client::new(service, "default"), asked)
}

async fn written(codes: &'static [u16], messages: &[&str]) -> (Vec<String>, String) {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let (recorder, queue) = Recorder::new(metrics.clone());
    let (client, asked) = client(codes);
    let mut canary = Canary::new("app", Default::default());
    canary.metadata.namespace = Some("test".into());
    for message in messages {
        recorder.record(&canary, Severity::Normal, *message);
    }
    drop(recorder);
    Writer::new(client, queue, metrics.clone())
        .run(CancellationToken::new())
        .await;
    let asked = asked.lock().clone();
    (asked, metrics.render())
}

#[tokio::test]
async fn a_repeated_text_is_a_patch() {
    assert_eq!(written(&[], &["a", "a", "b"]).await.0, ["POST", "PATCH", "POST"]);
}

#[tokio::test]
async fn an_event_that_is_gone_is_written_anew() {
    assert_eq!(written(&[200, 404], &["a", "a"]).await.0, ["POST", "PATCH", "POST"]);
}

#[tokio::test]
async fn a_refusal_is_final_and_counted() {
    let (asked, exposition) = written(&[403], &["a"]).await;
    assert_eq!(asked, ["POST"]);
    assert!(exposition.contains("coalmine_events_dropped_total 1\n"));
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_instead_of_waiting() {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let (recorder, _queue) = Recorder::new(metrics.clone());
    let canary = Canary::new("app", Default::default());
    for _ in 0..5000 {
        recorder.record(&canary, Severity::Normal, "a");
    }
    assert!(metrics.render().contains("coalmine_events_dropped_total 904\n"));
}

#[tokio::test]
async fn whatever_is_recorded_is_short_and_on_one_line() {
    let (recorder, mut queue) = Recorder::new(Metrics::new("0", "", StatusEncoding::Coalmine));
    let canary = Canary::new("app", Default::default());
    recorder.record(&canary, Severity::Warning, "x\n".repeat(1 << 19));
    let message = queue.recv().await.unwrap().message;
    assert!(message.len() <= 1024 && !message.contains('\n'), "{}", message.len());
}

#[tokio::test]
async fn texts_without_end_are_few_writes_and_the_last_one_is_said() {
    let texts: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let asked = written(&[], &texts).await.0;
    let of = |method: &str| asked.iter().filter(|one| *one == method).count();
    assert_eq!(
        (of("POST"), of("PATCH")),
        (65, 0),
        "the newest text is due in some seconds"
    );
}
