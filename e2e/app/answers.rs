//! The workload's pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, http};
use serde_json::Value;

use crate::exposition::Exposition;
use crate::received::Received;
use crate::settings::Settings;
use crate::{grpc, looks, spin};

/// Longest wait `/delay/SECONDS` grants, so that a typo cannot hold a connection for ever.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

struct App {
    settings: Arc<Settings>,
    asked: AtomicU64,
    exposition: Exposition,
    received: Received,
}

type Shared = State<Arc<App>>;

impl App {
    /// Takes as long as an answer is to take, and tells whether it is one of those that fail.
    async fn fails(&self) -> bool {
        if !self.settings.latency.is_zero() {
            tokio::time::sleep(self.settings.latency).await;
        }
        fails(self.asked.fetch_add(1, Ordering::Relaxed), self.settings.error_rate)
    }
}

/// All pages of the workload.
pub fn router(settings: Arc<Settings>) -> Router {
    let app = Arc::new(App {
        settings,
        asked: AtomicU64::new(0),
        exposition: Exposition::default(),
        received: Received::default(),
    });
    Router::new()
        .route("/", any(version))
        .route("/version", any(version))
        .route("/healthz", any(async || "OK\n"))
        .route("/readyz", any(ready))
        .route("/metrics", any(metrics))
        .route("/status/{code}", any(status))
        .route("/delay/{seconds}", any(delay))
        .route("/spin/{millis}", any(spinning))
        .route("/received", any(received))
        .route(grpc::METHOD, post(called))
        .route(
            "/env/{name}",
            any(async |Path(name): Path<String>| looks::variable(&name)),
        )
        .route("/file/{*path}", any(file))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// Marks every answer as the workload's own and counts it.
async fn observe(State(app): Shared, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().as_str().to_owned();
    let page = page(request.uri().path());
    app.received.count(host(&request), request.uri().path());
    let mut response = next.run(request).await;
    if let Ok(version) = HeaderValue::from_str(&app.settings.version) {
        response.headers_mut().insert("x-app-version", version);
    }
    let status = response.status().as_u16();
    app.exposition.record(&method, page, status, began.elapsed());
    response
}

// HTTP/2 has it in the address.
fn host(request: &Request) -> &str {
    let host = request.headers().get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    host.or_else(|| request.uri().host()).unwrap_or_default()
}

fn page(path: &str) -> &'static str {
    match path.split('/').nth(1) {
        Some("") => "root",
        Some("version") => "version",
        Some("healthz") => "healthz",
        Some("readyz") => "readyz",
        Some("metrics") => "metrics",
        Some("status") => "status",
        Some("delay") => "delay",
        Some("spin") => "spin",
        Some("received") => "received",
        Some("env") => "env",
        Some("file") => "file",
        Some("coalmine.App") => "call",
        _ => "other",
    }
}

async fn version(State(app): Shared) -> (StatusCode, String) {
    let code = if app.fails().await {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    };
    (code, whoami(&app.settings))
}

// The message is read to its end, as it may come after the headers.
async fn called(State(app): Shared, _message: Bytes) -> Response {
    let (code, response) = if app.fails().await {
        (grpc::INTERNAL, grpc::failed())
    } else {
        (grpc::OK, grpc::answered(&app.settings.version))
    };
    app.exposition.called(code.1);
    response
}

fn whoami(settings: &Settings) -> String {
    format!("{} {}\n", settings.version, settings.hostname)
}

/// Spreads failures evenly instead of drawing them: a test that knows the count knows the errors.
fn fails(asked: u64, rate: f64) -> bool {
    let failures = |requests: u64| (requests as f64 * rate).floor();
    failures(asked + 1) > failures(asked)
}

async fn ready(State(app): Shared) -> (StatusCode, &'static str) {
    if app.settings.never_ready {
        (StatusCode::SERVICE_UNAVAILABLE, "never ready\n")
    } else {
        (StatusCode::OK, "OK\n")
    }
}

async fn metrics(State(app): Shared) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4")], app.exposition.render())
}

async fn status(Path(code): Path<u16>) -> Result<(StatusCode, String), StatusCode> {
    let code = StatusCode::from_u16(code).map_err(|_| StatusCode::BAD_REQUEST)?;
    // Codes below 200 are not final answers; a client would wait for one.
    if code.as_u16() < 200 {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok((code, format!("{code}\n")))
}

async fn delay(Path(seconds): Path<f64>) -> Result<String, StatusCode> {
    let asked = Duration::try_from_secs_f64(seconds).map_err(|_| StatusCode::BAD_REQUEST)?;
    let wait = asked.min(LONGEST_DELAY);
    tokio::time::sleep(wait).await;
    Ok(format!("waited {} s\n", wait.as_secs_f64()))
}

async fn spinning(State(app): Shared, Path(millis): Path<u64>) -> String {
    spin::spin(millis).await;
    whoami(&app.settings)
}

async fn received(State(app): Shared) -> Json<Value> {
    Json(app.received.tell())
}

async fn file(State(app): Shared, Path(path): Path<String>) -> Result<Vec<u8>, StatusCode> {
    looks::file(&app.settings.files_root, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_a_half_fails_every_second_request_and_the_ends_fail_none_and_all() {
        let failures = |rate: f64| (0..1000).filter(|n| fails(*n, rate)).count();
        assert_eq!(failures(0.0), 0);
        assert_eq!(failures(0.5), 500);
        assert_eq!(failures(0.01), 10);
        assert_eq!(failures(1.0), 1000);
    }

    #[test]
    fn unknown_paths_share_one_label() {
        assert_eq!(page("/"), "root");
        assert_eq!(page("/status/418"), "status");
        assert_eq!(page("/wp-login.php"), "other");
    }
}
