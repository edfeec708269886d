//! A client whose API server is a store of objects by path: GET, POST, PUT with resourceVersion, and apply.

use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// The store; clones share it.
#[derive(Clone, Default)]
pub(super) struct Fake {
    /// Objects by `/api/...` path.
    pub objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// `METHOD path` of every request.
    pub log: Arc<Mutex<Vec<String>>>,
    /// How long every answer takes.
    pub delay: Duration,
    /// What a SubjectAccessReview is answered; an error when nothing.
    pub allowed: Option<bool>,
}

impl Fake {
    pub fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.serve(request).await) }
        });
        Client::new(service, "default")
    }

    /// How often `path` was asked for.
    pub fn requests_for(&self, path: &str) -> usize {
        let asked = format!("GET {path}");
        self.log.lock().iter().filter(|line| **line == asked).count()
    }

    /// `METHOD path` of the requests that write; a review of rights is a question.
    pub fn writes(&self) -> Vec<String> {
        self.log
            .lock()
            .iter()
            .filter(|line| !line.starts_with("GET") && !line.ends_with("/subjectaccessreviews"))
            .cloned()
            .collect()
    }

    async fn serve(&self, request: http::Request<Body>) -> http::Response<Full<bytes::Bytes>> {
        tokio::time::sleep(self.delay).await;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        self.log.lock().push(format!("{} {path}", parts.method));
        let merges = parts
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/merge-patch+json");
        let method = match parts.method.as_str() {
            "PATCH" if merges && !path.ends_with("/status") => "MERGE",
            method => method,
        };
        let (status, value) = self.answer(method, &path, serde_json::from_slice(&body).unwrap_or_default());
        let builder = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        builder.body(Full::new(value.to_string().into())).unwrap()
    }

    fn answer(&self, method: &str, path: &str, mut sent: Value) -> (u16, Value) {
        if path.ends_with("/subjectaccessreviews") {
            sent["status"] = json!({"allowed": self.allowed});
            return if self.allowed.is_some() {
                (201, sent)
            } else {
                failure(500)
            };
        }
        let mut objects = self.objects.lock();
        let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        match method {
            "GET" => objects
                .get(path)
                .map_or_else(|| failure(404), |object| (200, object.clone())),
            "POST" => {
                let path = format!("{path}/{}", sent["metadata"]["name"].as_str().unwrap());
                if objects.contains_key(&path) {
                    return failure(409);
                }
                (201, store(&mut objects, path, sent))
            }
            "PUT" => match objects.get(path) {
                None => failure(404),
                Some(stored) if version(stored) != version(&sent) => failure(409),
                Some(_) => (200, store(&mut objects, path.to_owned(), sent)),
            },
            "PATCH" if path.ends_with("/status") => {
                let path = path.trim_end_matches("/status");
                match objects.get(path).cloned() {
                    None => failure(404),
                    Some(stored) if version(&stored) != version(&sent) => failure(409),
                    Some(mut stored) => {
                        json_patch::merge(&mut stored["status"], &sent["status"]);
                        (200, store(&mut objects, path.to_owned(), stored))
                    }
                }
            }
            "MERGE" => match objects.get(path).cloned() {
                None => failure(404),
                Some(mut stored) => {
                    json_patch::merge(&mut stored, &sent);
                    (200, store(&mut objects, path.to_owned(), stored))
                }
            },
            "PATCH" => (200, store(&mut objects, path.to_owned(), sent)),
            _ => failure(405),
        }
    }
}

fn store(objects: &mut BTreeMap<String, Value>, path: String, mut object: Value) -> Value {
    let before = objects
        .get(&path)
        .and_then(|old| old["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok());
    object["metadata"]["resourceVersion"] = json!((before.unwrap_or(0) + 1).to_string());
    object["metadata"]["uid"] = json!(format!("uid-of-{}", object["metadata"]["name"].as_str().unwrap()));
    objects.insert(path, object.clone());
    object
}

fn failure(code: u16) -> (u16, Value) {
    let reason = match code {
        404 => "NotFound",
        409 => "AlreadyExists",
        _ => "InternalError",
    };
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason}),
    )
}
