use super::*;
use crate::api::Canary;
use crate::messages::Severity;
use crate::telemetry::{Recorder, StatusEncoding};
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;

/// Every request: method and path, what was sent, when.
type Asked = Arc<Mutex<Vec<(String, Value, Instant)>>>;

/// An API server that answers each request with the code and the reason that are said for its path and number; nothing where
/// it never answers.
fn server(answer: impl Fn(&str, usize) -> Option<(u16, &'static str)> + Send + Sync + 'static) -> (Client, Asked) {
    let (asked, answer) = (Asked::default(), Arc::new(answer));
    let log = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (log.clone(), answer.clone());
        async move {
            let line = format!("{} {}", request.method(), request.uri().path());
            let sent = request.into_body().collect().await?.to_bytes();
            let number = log.lock().len();
            let said = answer(&line, number);
            let sent = serde_json::from_slice(&sent).unwrap_or_default();
            log.lock().push((line, sent, Instant::now()));
            let Some((code, reason)) = said else {
                return std::future::pending().await;
            };
            let answer = match code {
                200 => json!({ "metadata": {}, "involvedObject": {} }),
                code => json!({ "status": "Failure", "message": "", "reason": reason, "code": code }),
            };
            let body = Body::from(serde_json::to_vec(&answer).unwrap());
            Ok::<_, kube::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    (Client::new(service, "default"), asked)
}

fn canary(namespace: &str) -> Canary {
    let mut canary = Canary::new("app", Default::default());
    canary.metadata.namespace = Some(namespace.to_owned());
    canary
}

/// Writes what `record` says, until all of it is written or given up; answers what the exposition says then.
async fn all_written(client: Client, record: impl FnOnce(&Recorder)) -> String {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let (recorder, queue) = Recorder::new(metrics.clone());
    record(&recorder);
    drop(recorder);
    let writer = Writer::new(client, queue, metrics.clone());
    writer.run(CancellationToken::new()).await;
    metrics.render()
}

/// The methods of the requests where they are answered with `codes` in turn, then 200.
async fn written(codes: &'static [u16], messages: &[&str]) -> (Vec<String>, String) {
    let (client, asked) = server(move |_, number| Some((codes.get(number).copied().unwrap_or(200), "")));
    let exposition = all_written(client, |recorder| {
        for message in messages {
            recorder.record(&canary("test"), Severity::Normal, *message);
        }
    })
    .await;
    let asked = asked.lock();
    let method = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    (asked.iter().map(|(line, ..)| method(line)).collect(), exposition)
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

#[tokio::test(start_paused = true)]
async fn an_event_whose_answer_was_lost_is_not_said_twice() {
    let (client, asked) = server(|_, number| (number > 0).then_some((409, "AlreadyExists")));
    let exposition = all_written(client, |recorder| {
        recorder.record(&canary("test"), Severity::Normal, "a")
    })
    .await;
    let asked = asked.lock();
    let names: Vec<&Value> = asked.iter().map(|(_, sent, _)| &sent["metadata"]["name"]).collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].is_string() && names[0] == names[1], "{names:?}");
    assert!(exposition.contains("coalmine_events_dropped_total 0\n"), "{exposition}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_meets_a_conflict_or_a_failure_is_tried_once_more() {
    for code in [409, 500] {
        let codes: &'static [u16] = if code == 409 { &[409] } else { &[500] };
        let (asked, exposition) = written(codes, &["a", "b"]).await;
        assert_eq!(asked, ["POST", "POST", "POST"]);
        assert!(exposition.contains("coalmine_events_dropped_total 0\n"));
    }
    let (asked, exposition) = written(&[500, 500], &["a", "b"]).await;
    assert_eq!(asked.len(), 3);
    assert!(exposition.contains("coalmine_events_dropped_total 1\n"));
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_take_no_events_delay_nobody_elses() {
    let (client, asked) = server(|line, _| (!line.contains("/bad-")).then_some((200, "")));
    let began = Instant::now();
    let exposition = all_written(client, |recorder| {
        for number in 0..20 {
            for text in ["a", "b", "c"] {
                recorder.record(&canary(&format!("bad-{number}")), Severity::Normal, text);
            }
        }
        for text in 0..20 {
            recorder.record(&canary("good"), Severity::Normal, text.to_string());
        }
    })
    .await;
    let asked = asked.lock();
    let good = asked.iter().filter(|(line, ..)| line.contains("/good/"));
    let at: Vec<Duration> = good.map(|(.., at)| at.duration_since(began)).collect();
    assert_eq!(at.len(), 20);
    // Each of the others has taken one of four places for a second, once.
    assert!(at.iter().all(|at| *at < Duration::from_secs(6)), "{at:?}");
    assert!(
        exposition.contains("coalmine_events_dropped_total 60\n"),
        "{exposition}"
    );
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_instead_of_waiting() {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let (recorder, _queue) = Recorder::new(metrics.clone());
    let canary = Canary::new("app", Default::default());
    for _ in 0..5000 {
        recorder.record(&canary, Severity::Normal, "a");
    }
    assert!(metrics.render().contains("coalmine_events_dropped_total 2952\n"));
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
