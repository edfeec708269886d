//! Sends one request and judges its answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::iter::{Once, once};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;

use super::jar::Jar;
use super::{Connections, Load, Outcome, Record, Spoken, grpc};

/// The mark the workload puts on its answers.
const MARK: &str = "x-app-version";

/// Sends requests of one load.
pub struct Sender {
    client: Client<HttpConnector<Fixed>, Full<Bytes>>,
    spoken: Spoken,
    uri: http::Uri,
    headers: HeaderMap,
    users: Vec<Jar>,
    patience: Duration,
}

/// An answer and the cookies that came with it.
type Answer = (Outcome, Vec<Arc<str>>);

impl Sender {
    pub fn new(load: &Load) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new_with_resolver(Fixed(load.address));
        connector.set_nodelay(true);
        let idle = match load.connections {
            Connections::KeepAlive => usize::MAX,
            Connections::New => 0,
        };
        // A client that quietly asks again would hide exactly what is counted here.
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .set_host(false)
            .http2_only(load.spoken == Spoken::Grpc)
            .pool_max_idle_per_host(idle)
            .build(connector);
        Ok(Self {
            client,
            spoken: load.spoken,
            uri: match load.spoken {
                Spoken::Http => format!("http://{}{}", load.address, load.path),
                // HTTP/2 says by its address which host is asked.
                Spoken::Grpc => format!("http://{}{}", load.host, load.path),
            }
            .parse()?,
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
        let (method, body) = match self.spoken {
            Spoken::Http => (Method::GET, Full::default()),
            Spoken::Grpc => (Method::POST, Full::new(grpc::message())),
        };
        let mut request = Request::builder().method(method).uri(self.uri.clone()).body(body)?;
        *request.headers_mut() = self.headers.clone();
        if let Some(cookies) = jar.and_then(|jar| jar.send(self.uri.path(), SystemTime::now())) {
            add_cookies(request.headers_mut(), cookies)?;
        }
        let response = self.client.request(request).await?;
        let (head, body) = response.into_parts();
        let set_cookies = cookie_lines(&head.headers);
        for line in &set_cookies {
            jar.inspect(|jar| jar.keep(line, SystemTime::now()));
        }
        let body = body.collect().await?;
        let trailers = body.trailers().cloned();
        let outcome = self.outcome(&head, &body.to_bytes(), trailers.as_ref());
        Ok((outcome, set_cookies))
    }

    fn outcome(&self, head: &http::response::Parts, body: &[u8], trailers: Option<&HeaderMap>) -> Outcome {
        let status = head.status.as_u16();
        let Some(mark) = head.headers.get(MARK) else {
            return lost(&format!("answered {status} by someone else"));
        };
        match self.spoken {
            Spoken::Http => {
                let text = String::from_utf8_lossy(body);
                let version = Arc::from(text.split_whitespace().next().unwrap_or_default());
                Outcome::Answered { status, version }
            }
            Spoken::Grpc => {
                let version = String::from_utf8_lossy(mark.as_bytes());
                let outcome = grpc::outcome(&version, &head.headers, body, trailers);
                outcome.unwrap_or_else(|| lost("an answer that is not whole"))
            }
        }
    }
}

/// Whatever a host is called, the load's one address is asked: a gateway finds the route by the name.
#[derive(Clone)]
struct Fixed(SocketAddr);

impl tower::Service<Name> for Fixed {
    type Response = Once<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(once(self.0)))
    }
}

fn headers(load: &Load) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    match load.spoken {
        Spoken::Http => drop(headers.insert(HOST, load.host.parse()?)),
        Spoken::Grpc => grpc::say(&mut headers),
    }
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
