//! Sends one request and judges its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{Connections, Load, Outcome, Record};

/// The mark the workload puts on its answers.
const MARK: &str = "x-app-version";

/// Sends requests of one load.
pub struct Sender {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: http::Uri,
    host: http::HeaderValue,
    patience: Duration,
}

impl Sender {
    pub fn new(load: &Load) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let idle = match load.connections {
            Connections::KeepAlive => usize::MAX,
            Connections::New => 0,
        };
        // A client that quietly asks again would hide exactly what is counted here.
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .set_host(false)
            .pool_max_idle_per_host(idle)
            .build(connector);
        Ok(Self {
            client,
            uri: format!("http://{}{}", load.address, load.path).parse()?,
            host: load.host.parse()?,
            patience: load.patience,
        })
    }

    /// Sends one request and waits for its whole answer.
    pub async fn ask(&self) -> Record {
        let sent = Instant::now();
        let outcome = match tokio::time::timeout(self.patience, self.answer()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => lost(&chain(&*error)),
            Err(_) => lost("no answer in time"),
        };
        Record {
            sent,
            took: sent.elapsed(),
            outcome,
        }
    }

    async fn answer(&self) -> Result<Outcome, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::get(self.uri.clone()).body(Empty::new())?;
        request.headers_mut().insert(http::header::HOST, self.host.clone());
        let response = self.client.request(request).await?;
        let status = response.status().as_u16();
        let marked = response.headers().contains_key(MARK);
        let body = response.into_body().collect().await?.to_bytes();
        if !marked {
            return Ok(lost(&format!("answered {status} by someone else")));
        }
        let text = String::from_utf8_lossy(&body);
        Ok(Outcome::Answered {
            status,
            version: Arc::from(text.split_whitespace().next().unwrap_or_default()),
        })
    }
}

fn lost(why: &str) -> Outcome {
    Outcome::Lost { why: Arc::from(why) }
}

/// The whole story of an error: hyper keeps "connection reset" below "client error (SendRequest)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text
}
