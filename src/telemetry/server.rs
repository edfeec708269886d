//! The HTTP server on `-port`: `/metrics`, `/healthz`, `/readyz`. It runs on every replica, leader or not.

use super::exposition::{CONTENT_TYPE, Metrics};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use parking_lot::Mutex;
use rendered::Rendered;
use std::collections::BTreeMap;
use std::sync::Arc;

mod bounded;
mod rendered;

pub use bounded::serve;

/// Which parts of the process can do their work. Ready is a process all of whose parts are.
#[derive(Clone, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    remarks: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Says whether `part` is ready. A part that never said anything does not count.
    pub fn set(&self, part: &'static str, ready: bool) {
        self.parts.lock().insert(part, ready);
    }

    /// What is worth a word about `part` although it does its work; nothing when empty.
    pub fn remark(&self, part: &'static str, text: String) {
        self.remarks.lock().insert(part, text);
    }

    /// The parts that are not ready.
    pub fn missing(&self) -> Vec<&'static str> {
        self.parts
            .lock()
            .iter()
            .filter(|(_, ready)| !**ready)
            .map(|(part, _)| *part)
            .collect()
    }

    fn answer(&self) -> (StatusCode, String) {
        let remarks = self.remarks.lock();
        let said = remarks.iter().filter(|(_, text)| !text.is_empty());
        let said: String = said.map(|(part, text)| format!("\n{part}: {text}")).collect();
        match self.missing() {
            missing if missing.is_empty() => (StatusCode::OK, format!("OK{said}")),
            missing => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {}{said}", missing.join(", ")),
            ),
        }
    }
}

/// The routes for metrics and probes.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    let rendered = Rendered::new(metrics);
    Router::new()
        .route(
            "/metrics",
            get(move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], rendered.text().await) }),
        )
        .route("/healthz", get(|| async { "OK" }))
        .route("/readyz", get(move || async move { readiness.answer() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::StatusEncoding;
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn ask(router: &Router, path: &str) -> (u16, String) {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn probes_and_metrics_are_served() {
        let readiness = Readiness::default();
        let metrics = Metrics::new("0", "istio", StatusEncoding::default());
        let router = router(metrics, readiness.clone());
        assert_eq!(ask(&router, "/healthz").await, (200, "OK".to_owned()));
        readiness.set("certificates", false);
        readiness.set("caches", true);
        assert_eq!(
            ask(&router, "/readyz").await,
            (503, "not ready: certificates".to_owned())
        );
        readiness.set("certificates", true);
        assert_eq!(ask(&router, "/readyz").await, (200, "OK".to_owned()));
        readiness.remark("webhook", "on the brake".to_owned());
        assert_eq!(
            ask(&router, "/readyz").await,
            (200, "OK\nwebhook: on the brake".to_owned())
        );
        readiness.remark("webhook", String::new());
        assert_eq!(ask(&router, "/readyz").await, (200, "OK".to_owned()));
        assert!(ask(&router, "/metrics").await.1.contains("flagger_info{"));
    }
}
