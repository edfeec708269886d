//! The other end of hooks, gates and alerts: a server in the test process that pods can call, which notes every call
//! and answers as the scene says.
//!
//! ```text
//! let hooks = scene.hooks().await?;
//! hooks.answer("/gate", Answer::halt());                       // from now on
//! hooks.once("/smoke", Answer::fail().body("not yet"));        // the next call only, then as before
//! hooks.once("/slow", Answer::approve().after(Duration::from_secs(600)));
//! hooks.answer_to("bad", "/verdict", Answer::halt());          // whenever the Canary `bad` asks
//! // hooks.url("/gate") goes into the Canary; then
//! let calls = hooks.called("/gate", 2, Duration::from_secs(20)).await?;
//! assert_eq!(calls[0].body["name"], "app");
//! ```
//!
//! What no answer was set for is approved: 200 and `OK`. Each `Hooks` has a port of its own, so scenes do not mix.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Scene, wait_for};

/// The largest body that is taken.
const LARGEST: usize = 4 << 20;

/// How a call is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    body: String,
    delay: Duration,
}

impl Answer {
    /// That status, at once, with an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            body: String::new(),
            delay: Duration::ZERO,
        }
    }

    /// Go on: 200.
    pub fn approve() -> Self {
        Self::status(200).body("OK")
    }

    /// Stop here: 403.
    pub fn halt() -> Self {
        Self::status(403).body("Forbidden")
    }

    /// Something is broken: 500.
    pub fn fail() -> Self {
        Self::status(500).body("Internal Server Error")
    }

    /// The same with that body; one that is JSON is said to be.
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// The same, only after `delay`: a hook that hangs.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// One call, noted when it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// When.
    pub at: Instant,
    /// POST for hooks.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its question mark; empty when there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body: parsed when it is JSON, else as a string; null when there is none.
    pub body: Value,
}

/// The server. It is gone when this is dropped.
pub struct Hooks {
    address: SocketAddr,
    book: Arc<Book>,
    serving: JoinHandle<std::io::Result<()>>,
}

#[derive(Default)]
struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    standing: BTreeMap<String, Answer>,
    once: BTreeMap<String, VecDeque<Answer>>,
    calls: Vec<Call>,
}

impl Scene {
    /// A receiver of hooks, at an address that pods of the cluster reach.
    pub async fn hooks(&self) -> Result<Hooks> {
        let host = self.cluster.host.context(
            "pods of a cluster of your own reach this machine at an address only you know: set HOST_ADDRESS to it",
        )?;
        Hooks::listen((host, 0).into()).await
    }
}

impl Hooks {
    /// Listens there; port 0 is any that is free.
    pub async fn listen(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} for hooks"))?;
        let address = listener.local_addr()?;
        let book = Arc::<Book>::default();
        let router = Router::new().fallback(receive).with_state(book.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, book, serving })
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers calls of `path` like this from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.book.pages().standing.insert(path.to_owned(), answer);
    }

    /// Answers calls of `path` that the Canary of that name makes like this from now on; others as before.
    pub fn answer_to(&self, canary: &str, path: &str, answer: Answer) {
        self.answer(&of(canary, path), answer);
    }

    /// Answers the next call of `path` like this, once; more of these wait in line.
    pub fn once(&self, path: &str, answer: Answer) {
        self.book
            .pages()
            .once
            .entry(path.to_owned())
            .or_default()
            .push_back(answer);
    }

    /// Every call so far, in the order they came.
    pub fn all_calls(&self) -> Vec<Call> {
        self.book.pages().calls.clone()
    }

    /// The calls of `path` so far, in the order they came.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        let mut calls = self.all_calls();
        calls.retain(|call| call.path == path);
        calls
    }

    /// Waits until `path` was called that often, and tells its calls.
    pub async fn called(&self, path: &str, times: usize, within: Duration) -> Result<Vec<Call>> {
        wait_for(&format!("{times} calls of {path}"), within, async || {
            let calls = self.calls(path);
            Ok((calls.len() >= times).then_some(calls))
        })
        .await
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn note(&self, call: Call) -> Answer {
        let mut pages = self.pages();
        let once = pages.once.get_mut(&call.path).and_then(VecDeque::pop_front);
        let asks = call.body["name"].as_str().unwrap_or_default();
        let own = || pages.standing.get(&of(asks, &call.path)).cloned();
        let answer = once.or_else(own).or_else(|| pages.standing.get(&call.path).cloned());
        pages.calls.push(call);
        answer.unwrap_or_else(Answer::approve)
    }
}

// No path has a space.
fn of(canary: &str, path: &str) -> String {
    format!("{canary} {path}")
}

async fn receive(State(book): State<Arc<Book>>, request: Request) -> impl IntoResponse {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let answer = book.note(Call {
        at,
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: read(&body),
    });
    tokio::time::sleep(answer.delay).await;
    let json = serde_json::from_str::<Value>(&answer.body).is_ok();
    let kind = if json { "application/json" } else { "text/plain" };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], answer.body)
}

fn read(body: &Bytes) -> Value {
    match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) if body.is_empty() => Value::Null,
        Err(_) => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::http_client;

    async fn post(hooks: &Hooks, path: &str, body: &str) -> (u16, String) {
        let request = http_client().post(hooks.url(path)).body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn calls_are_noted_and_answered_as_the_scene_says() {
        let hooks = Hooks::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        assert_eq!(post(&hooks, "/gate", r#"{"name":"app"}"#).await, (200, "OK".to_owned()));
        hooks.answer("/gate", Answer::halt());
        hooks.once("/gate", Answer::fail().body("first"));
        hooks.once("/gate", Answer::status(202));
        assert_eq!(post(&hooks, "/gate?x=1", "plain").await, (500, "first".to_owned()));
        assert_eq!(post(&hooks, "/gate", "").await, (202, String::new()));
        assert_eq!(post(&hooks, "/gate", "").await.0, 403);
        assert_eq!(post(&hooks, "/other", "").await.0, 200);
        hooks.answer_to("app", "/other", Answer::halt());
        assert_eq!(post(&hooks, "/other", r#"{"name":"app"}"#).await.0, 403);
        assert_eq!(post(&hooks, "/other", r#"{"name":"its"}"#).await.0, 200);

        let calls = hooks.called("/gate", 4, Duration::ZERO).await.unwrap();
        assert_eq!(calls[0].body["name"], "app");
        assert_eq!(
            (calls[1].query.as_str(), &calls[1].body),
            ("x=1", &Value::from("plain"))
        );
        assert_eq!(calls[2].body, Value::Null);
        assert!(calls.is_sorted_by_key(|call| call.at));
        assert_eq!(hooks.all_calls().len(), 7);
        assert!(hooks.called("/gate", 5, Duration::ZERO).await.is_err());
    }

    #[tokio::test]
    async fn a_call_that_hangs_is_noted_at_once_and_holds_up_no_other() {
        let hooks = Hooks::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        hooks.answer("/slow", Answer::approve().after(Duration::from_secs(600)));
        let hanging = tokio::spawn(http_client().get(hooks.url("/slow")).send());
        hooks.called("/slow", 1, Duration::from_secs(5)).await.unwrap();
        assert_eq!(post(&hooks, "/quick", "").await.0, 200);
        assert!(!hanging.is_finished());
        hanging.abort();
    }
}
