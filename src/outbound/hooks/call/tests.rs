use super::*;
use crate::api::Number;
use crate::outbound::hooks::Run;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode as Code};
use axum::response::{IntoResponse, Redirect};
use axum::{Router, routing::post};
use parking_lot::Mutex;
use std::collections::VecDeque;

type Answers = Arc<Mutex<VecDeque<axum::response::Response>>>;
type Bodies = Arc<Mutex<Vec<serde_json::Value>>>;

/// Gives `answers` in turn and 200 after them; keeps the bodies.
async fn receiver(answers: Vec<axum::response::Response>) -> (String, Bodies) {
    let answers: Answers = Arc::new(Mutex::new(answers.into()));
    let bodies = Bodies::default();
    let log = bodies.clone();
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["content-type"], "application/json");
        log.lock().push(serde_json::from_slice(&body).unwrap());
        let next = answers.lock().pop_front();
        next.unwrap_or_else(|| Code::OK.into_response())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    (url, bodies)
}

fn hook(url: &str, retries: i32) -> Webhook {
    Webhook {
        name: "h".into(),
        url: url.into(),
        retries: Some(Number::from(retries)),
        ..Webhook::default()
    }
}

fn payload() -> Payload {
    let run = Run {
        name: "app",
        namespace: "test",
        phase: "Progressing",
        checksum: "abc",
        canary_weight: 5,
    };
    Payload::new(&run, None)
}

async fn call(hook: &Webhook) -> Result<(), String> {
    // Doubled ten times, it is a millisecond: who waits how long is seen without sockets, in `persistence`.
    let caller = Caller {
        backoff: Some(Duration::from_micros(1)),
        ..Caller::default()
    };
    caller.call(hook, &payload()).await
}

#[tokio::test]
async fn success_ends_at_202() {
    let cases = [
        (200, true),
        (201, true),
        (202, true),
        (203, false),
        (204, false),
        (404, false),
    ];
    for (code, success) in cases {
        let (url, _) = receiver(vec![Code::from_u16(code).unwrap().into_response()]).await;
        assert_eq!(call(&hook(&url, 0)).await.is_ok(), success, "{code}");
    }
}

#[tokio::test]
async fn a_refusal_is_quoted_and_not_retried() {
    let (url, bodies) = receiver(vec![(Code::FORBIDDEN, "Forbidden by hand").into_response()]).await;
    assert_eq!(call(&hook(&url, 3)).await, Err("Forbidden by hand".to_owned()));
    assert_eq!(bodies.lock().len(), 1);
    let (url, bodies) = receiver(vec![Code::NOT_IMPLEMENTED.into_response()]).await;
    assert_eq!(call(&hook(&url, 3)).await, Err("501 Not Implemented".to_owned()));
    assert_eq!(bodies.lock().len(), 1);
}

#[tokio::test]
async fn passing_failures_are_retried() {
    let answers = [Code::BAD_GATEWAY, Code::TOO_MANY_REQUESTS].map(IntoResponse::into_response);
    let (url, bodies) = receiver(answers.into()).await;
    assert_eq!(call(&hook(&url, 2)).await, Ok(()));
    assert_eq!(bodies.lock().len(), 3);
    assert_eq!(bodies.lock()[2]["checksum"], "abc");
}

#[tokio::test]
async fn spent_retries_are_told_with_the_last_answer() {
    let failed = || (Code::INTERNAL_SERVER_ERROR, "x".repeat(1000)).into_response();
    let (url, _) = receiver(vec![failed(), failed()]).await;
    let quoted = "x".repeat(256);
    let expected = format!("POST {url} giving up after 2 attempt(s): {quoted}...");
    assert_eq!(call(&hook(&url, 1)).await, Err(expected));
}

#[tokio::test]
async fn a_server_that_is_busy_may_ask_for_time() {
    let client = Clients::default().get(&ClientSettings::default()).unwrap();
    for (code, asked) in [(429, Some(7)), (503, Some(7)), (500, None)] {
        let busy = (Code::from_u16(code).unwrap(), [("retry-after", "7")], "busy").into_response();
        let (url, _) = receiver(vec![busy]).await;
        let url = Url::parse(&url).unwrap();
        let failure = once(&client, &url, LONGEST_RETRY_AFTER, &payload()).await.unwrap_err();
        let expected = Failure::Passing("busy".to_owned(), asked.map(Duration::from_secs));
        assert_eq!(failure, expected, "{code}");
    }
}

#[tokio::test]
async fn no_number_of_retries_and_no_wish_of_a_server_is_without_end() {
    let failed = |_| Code::INTERNAL_SERVER_ERROR.into_response();
    let (url, bodies) = receiver((0..100).map(failed).collect()).await;
    let error = call(&hook(&url, i32::MAX)).await.unwrap_err();
    assert!(error.contains("giving up after 11 attempt(s)"), "{error}");
    assert_eq!(bodies.lock().len(), 11);
    let busy = (Code::SERVICE_UNAVAILABLE, [("retry-after", "18446744073709551615")]).into_response();
    let (url, _) = receiver(vec![busy]).await;
    let client = Clients::default().get(&ClientSettings::default()).unwrap();
    let answer = ask(
        client.post(&url).header("content-type", "application/json").body("{}"),
        LONGEST_RETRY_AFTER,
    )
    .await;
    let answer = answer.unwrap();
    let asks_for = answer.header(RETRY_AFTER);
    assert_eq!(retry_after(answer.status(), asks_for), Some(LONGEST_RETRY_AFTER));
}

#[tokio::test]
async fn what_a_hook_says_has_no_control_characters_and_its_url_no_token() {
    let (url, _) = receiver(vec![
        (Code::BAD_GATEWAY, "no\u{1b}[2J\nsee http://x/?key=hunter2").into_response(),
    ])
    .await;
    let error = call(&hook(&format!("{url}?token=hunter2"), 0)).await.unwrap_err();
    assert_eq!(
        error,
        format!("POST {url}?xxxxx giving up after 1 attempt(s): no[2J see http://x/?xxxxx")
    );
}

#[tokio::test(start_paused = true)] // nothing comes, however long anybody waits
async fn each_attempt_has_its_own_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret@{}/", listener.local_addr().unwrap());
    let silent = Webhook {
        timeout: Some("50ms".into()),
        ..hook(&url, 1)
    };
    let error = call(&silent).await.unwrap_err();
    assert!(
        error.ends_with("giving up after 2 attempt(s): context deadline exceeded"),
        "{error}"
    );
    assert!(error.contains("xxxxx@") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn egress_rules_hold_for_redirections_too() {
    let (url, _) = receiver(vec![Redirect::temporary("http://169.254.169.254/").into_response()]).await;
    let caller = Caller::new(Arc::default(), Egress::in_cluster(None));
    let run = Run {
        name: "",
        namespace: "",
        phase: "",
        checksum: "",
        canary_weight: 0,
    };
    let error = caller
        .call(&hook(&url, 0), &Payload::new(&run, None))
        .await
        .unwrap_err();
    assert!(error.contains("calls to 169.254.169.254 are denied"), "{error}");
}

#[test]
fn an_answer_is_read_by_its_status() {
    let says = || Foreign::of("no");
    let of = |code: u16| heard(StatusCode::from_u16(code).unwrap(), Some("7"), says());
    let passing = |pause: Option<u64>| Err(Failure::Passing("no".to_owned(), pause.map(Duration::from_secs)));
    for code in [200, 202] {
        assert_eq!(of(code), Ok(()), "{code}");
    }
    for code in [203, 204, 302, 404, 501] {
        assert_eq!(of(code), Err(Failure::Final("no".to_owned())), "{code}");
    }
    assert_eq!((of(429), of(503)), (passing(Some(7)), passing(Some(7))));
    assert_eq!(of(500), passing(None), "it may not ask for time");
}
