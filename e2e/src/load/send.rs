//! Sends one request and judges its answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::jar::Jar;
use super::{Connections, Load, Outcome, Record};

/// The mark the workload puts on its answers.
const MARK: &str = "x-app-version";

/// Sends requests of one load.
pub struct Sender {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: http::Uri,
    headers: HeaderMap,
    users: Vec<Jar>,
    patience: Duration,
}

/// An answer and the cookies that came with it.
type Answer = (Outcome, Vec<Arc<str>>);

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
            headers: headers(load)?,
            users: (0..load.users).map(|_| Jar::default()).collect(),
            patience: load.patience,
        })
    }

    /// Sends the load's request of that number and waits for its whole answer.
    pub async fn ask(&self, number: u64) -> Record {
        let user = number.checked_rem(self.users.len() as u64).unwrap_or_default() as usize;
        let jar = self.users.get(user);
        let sent = Instant::now();
        let (outcome, set_cookies) = match tokio::time::timeout(self.patience, self.answer(jar)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => (lost(&chain(&*error)), Vec::new()),
            Err(_) => (lost("no answer in time"), Vec::new()),
        };
        Record {
            sent,
            took: sent.elapsed(),
            outcome,
            user: jar.and(u32::try_from(user).ok()),
            set_cookies,
        }
    }

    async fn answer(&self, jar: Option<&Jar>) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::get(self.uri.clone()).body(Empty::new())?;
        *request.headers_mut() = self.headers.clone();
        if let Some(cookies) = jar.and_then(|jar| jar.send(self.uri.path(), SystemTime::now())) {
            add_cookies(request.headers_mut(), cookies)?;
        }
        let response = self.client.request(request).await?;
        let status = response.status().as_u16();
        let marked = response.headers().contains_key(MARK);
        let set_cookies = cookie_lines(response.headers());
        for line in &set_cookies {
            jar.inspect(|jar| jar.keep(line, SystemTime::now()));
        }
        let body = response.into_body().collect().await?.to_bytes();
        if !marked {
            return Ok((lost(&format!("answered {status} by someone else")), set_cookies));
        }
        let text = String::from_utf8_lossy(&body);
        let version = Arc::from(text.split_whitespace().next().unwrap_or_default());
        Ok((Outcome::Answered { status, version }, set_cookies))
    }
}

fn headers(load: &Load) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, load.host.parse()?);
    for (name, value) in &load.headers {
        headers.append(HeaderName::try_from(name)?, value.parse()?);
    }
    Ok(headers)
}

/// There is one `Cookie` header, whatever it is made of.
fn add_cookies(headers: &mut HeaderMap, kept: String) -> Result<(), http::header::InvalidHeaderValue> {
    let fixed = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let all = fixed.map_or_else(|| kept.clone(), |fixed| format!("{fixed}; {kept}"));
    headers.insert(COOKIE, HeaderValue::try_from(all)?);
    Ok(())
}

fn cookie_lines(headers: &HeaderMap) -> Vec<Arc<str>> {
    let lines = headers.get_all(SET_COOKIE).iter();
    lines
        .map(|line| Arc::from(String::from_utf8_lossy(line.as_bytes())))
        .collect()
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
