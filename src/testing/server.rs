//! The API server: requests in, answers out.

use super::{
    address::{Address, Query},
    lists::watch,
    patch::How,
    store::{Answer, Store, failure},
};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::{Client, client::Body};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

/// The path of a list that was asked for, and how many objects it was to have at most.
pub type Page = (String, Option<usize>);

/// An API server in memory; clones share everything but `delay` and `allowed`.
///
/// Requests are named `METHOD /path`; watches have the method `WATCH`. A name that ends in `*` is of all that begin so.
#[derive(Debug, Clone, Default)]
pub struct ApiServer {
    /// Objects by `/api/...` path. What is put at the path of a list is that list.
    pub objects: Arc<Mutex<Store>>,
    /// The names of all requests.
    pub log: Arc<Mutex<Vec<String>>>,
    /// The lists that were asked for.
    pub pages: Arc<Mutex<Vec<Page>>>,
    /// What each of those that write said.
    pub bodies: Arc<Mutex<Vec<(String, Value)>>>,
    /// How long every answer takes.
    pub delay: Duration,
    /// How long answers to some requests take besides.
    pub delays: Arc<Mutex<BTreeMap<String, Duration>>>,
    /// What a SubjectAccessReview is answered; an error when nothing.
    pub allowed: Option<bool>,
    /// Requests that go wrong, how, and how often still.
    pub faults: Arc<Mutex<Vec<(String, Answer, usize)>>>,
}

impl ApiServer {
    /// Every time that a request comes.
    pub const ALWAYS: usize = usize::MAX;

    /// A client of it.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.serve(request).await) }
        });
        Client::new(service, "default")
    }

    /// Somebody writes an object as it is to be, with status and all, and whoever watches hears of it.
    pub fn put(&self, path: &str, object: Value) -> Value {
        self.objects.lock().store(path, object)
    }

    /// Somebody changes an object.
    pub fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) -> Value {
        let mut objects = self.objects.lock();
        let mut object = objects.get(path).cloned().unwrap_or_default();
        edit(&mut object);
        objects.store(path, object)
    }

    /// Somebody takes an object away, whoever holds it.
    pub fn take(&self, path: &str) {
        self.objects.lock().take(path);
    }

    /// An object as it is.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.objects.lock().get(path).cloned()
    }

    /// So many requests of that name are answered with this code, as if the server were ill.
    pub fn fail(&self, name: &str, code: u16, times: usize) {
        self.refuse(name, code, "", times);
    }

    /// The same in words, as if by a webhook or a quota.
    pub fn refuse(&self, name: &str, code: u16, message: &str, times: usize) {
        self.faults
            .lock()
            .push((name.to_owned(), failure(code, message), times));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.faults.lock().clear();
    }

    /// Watches that run end, without a word; whoever begins anew misses nothing.
    pub fn break_watches(&self) {
        let mut objects = self.objects.lock();
        objects.breaks += 1;
        objects.beat();
    }

    /// What happened so far is not known any more: watches from before are answered `410 Gone`.
    pub fn expire(&self) {
        let mut objects = self.objects.lock();
        objects.version += 1;
        objects.oldest = objects.version;
        objects.beat();
    }

    /// How often `path` was asked for.
    pub fn requests_for(&self, path: &str) -> usize {
        let asked = format!("GET {path}");
        self.log.lock().iter().filter(|line| **line == asked).count()
    }

    /// The names of the requests that write; a review of rights is a question.
    pub fn writes(&self) -> Vec<String> {
        let is_question = |line: &String| {
            line.starts_with("GET ") || line.starts_with("WATCH ") || line.ends_with("/subjectaccessreviews")
        };
        self.log
            .lock()
            .iter()
            .filter(|line| !is_question(line))
            .cloned()
            .collect()
    }

    /// What the requests of that name said.
    pub fn sent(&self, name: &str) -> Vec<Value> {
        let bodies = self.bodies.lock();
        let named = bodies.iter().filter(|(line, _)| line == name);
        named.map(|(_, body)| body.clone()).collect()
    }

    async fn serve(&self, request: http::Request<Body>) -> http::Response<UnsyncBoxBody<Bytes, Infallible>> {
        let (parts, body) = request.into_parts();
        let header = |name: &str| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (path, query) = (parts.uri.path().to_owned(), Query::of(parts.uri.query()));
        let watches = parts.method == "GET" && query.get("watch") == Some("true");
        let name = format!("{} {path}", if watches { "WATCH" } else { parts.method.as_str() });
        let delay = self.delay + self.delay_of(&name);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let body = body.collect().await.unwrap().to_bytes();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        self.log.lock().push(name.clone());
        if parts.method != "GET" {
            self.bodies.lock().push((name.clone(), sent.clone()));
        }
        let bare = header("accept").contains("PartialObjectMetadata");
        let at = Address::of(&path);
        if parts.method == "GET" && !watches && at.as_ref().is_some_and(|at| at.name.is_none()) {
            let most = query.get("limit").and_then(|text| text.parse().ok());
            self.pages.lock().push((path.clone(), most));
        }
        let (status, value) = match (self.fault(&name), at) {
            (Some(fault), _) => fault,
            (None, Some(at)) if watches => {
                let lines = watch(self.objects.clone(), at, query, bare);
                let frames = lines.map(|line| Ok(Frame::data(Bytes::from(format!("{line}\n")))));
                return http::Response::new(StreamBody::new(frames).boxed_unsync());
            }
            (None, None) => failure(404, "no such path"),
            (None, Some(at)) => {
                let method = parts.method.as_str();
                self.answer((method, &header("content-type")), (&path, &at), &query, bare, sent)
            }
        };
        let builder = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        builder.body(Full::from(value.to_string()).boxed_unsync()).unwrap()
    }

    fn delay_of(&self, name: &str) -> Duration {
        let delays = self.delays.lock();
        delays
            .iter()
            .filter(|(of, _)| is_named(name, of))
            .map(|(_, delay)| *delay)
            .sum()
    }

    fn fault(&self, name: &str) -> Option<Answer> {
        let mut faults = self.faults.lock();
        let (_, answer, times) = faults
            .iter_mut()
            .find(|(of, _, times)| *times > 0 && is_named(name, of))?;
        *times = if *times == Self::ALWAYS {
            Self::ALWAYS
        } else {
            *times - 1
        };
        Some(answer.clone())
    }

    fn answer(
        &self,
        (method, content_type): (&str, &str),
        (path, at): (&str, &Address),
        query: &Query,
        bare: bool,
        mut sent: Value,
    ) -> Answer {
        if path.ends_with("/subjectaccessreviews") {
            sent["status"] = json!({"allowed": self.allowed});
            return self.allowed.map_or_else(|| failure(500, ""), |_| (201, sent));
        }
        let mut objects = self.objects.lock();
        let known = objects.get(path);
        match (method, &at.name) {
            ("GET", _) if known.is_some() => (200, known.cloned().unwrap_or_default()),
            ("GET", None) => objects.list(at, query, bare),
            ("GET", Some(_)) => failure(404, "not found"),
            ("POST", None) if query.get("dryRun").is_some() => (201, sent),
            ("POST", None) => objects.create(path, sent),
            ("DELETE", Some(_)) => objects.delete(path, &sent),
            (_, Some(_)) => match How::of(method, content_type) {
                Some(how) => objects.change((path, at), how, query.get("fieldManager").unwrap_or_default(), &sent),
                None => failure(415, content_type),
            },
            _ => failure(405, method),
        }
    }
}

fn is_named(name: &str, of: &str) -> bool {
    match of.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == of,
    }
}
