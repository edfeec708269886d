//! Whom a release asks and tells: a metrics store, a hook and a chat, on one port.

use super::super::house::until;
use axum::{
    Json, Router,
    extract::Query,
    routing::{get, post},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// All of them; clones are the same.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Where they are.
    pub url: String,
    value: Arc<Mutex<&'static str>>,
    queries: Arc<Mutex<Vec<String>>>,
    hooked: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Outside {
    /// A store that answers every query with 1.5, a hook that agrees, and a chat that takes everything.
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outside = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            value: Arc::new(Mutex::new("1.5")),
            queries: Arc::default(),
            hooked: Arc::default(),
            told: Arc::default(),
        };
        let (store, hook, chat) = (outside.clone(), outside.clone(), outside.clone());
        let router = Router::new()
            .route(
                "/api/v1/query",
                get(move |Query(asked): Query<BTreeMap<String, String>>| async move { store.answers(&asked) }),
            )
            .route(
                "/hook",
                post(move |Json(body): Json<Value>| async move { hook.hooked.lock().push(body) }),
            )
            .route(
                "/chat",
                post(move |Json(body): Json<Value>| async move { chat.hears(&body) }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        outside
    }

    /// From now on the store answers this.
    pub fn says(&self, value: &'static str) {
        *self.value.lock() = value;
    }

    /// What the store was asked since.
    pub fn queries(&self) -> Vec<String> {
        std::mem::take(&mut *self.queries.lock())
    }

    /// What the hook was told since.
    pub fn hooked(&self) -> Vec<Value> {
        std::mem::take(&mut *self.hooked.lock())
    }

    /// The texts in the chat, as soon as there are so many.
    pub async fn told(&self, count: usize) -> Vec<String> {
        until(|| self.told.lock().len() >= count).await;
        self.told.lock().clone()
    }

    fn answers(&self, asked: &BTreeMap<String, String>) -> String {
        self.queries
            .lock()
            .push(asked.get("query").cloned().unwrap_or_default());
        json!({"data": {"result": [{"value": [1, *self.value.lock()]}]}}).to_string()
    }

    fn hears(&self, body: &Value) {
        let text = body["attachments"][0]["text"].as_str().unwrap_or_default();
        self.told.lock().push(text.to_owned());
    }
}
