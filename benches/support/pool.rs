//! The connections of an API server, which asks webhooks by HTTP/1: a review takes one that rests, or a new one.

use super::client;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::time::Duration;
use tokio_rustls::TlsConnector;

/// As long as an API server waits.
const LONGEST: Duration = Duration::from_secs(3);

/// The connections that rest.
pub struct Pool {
    address: SocketAddr,
    connector: TlsConnector,
    path: String,
    resting: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Pool {
    /// None yet.
    pub fn new(address: SocketAddr, connector: TlsConnector, path: &str) -> Self {
        Self {
            address,
            connector,
            path: path.to_owned(),
            resting: Mutex::default(),
        }
    }

    /// Posts a review; whether it was answered with 200.
    pub async fn ask(&self, body: Bytes) -> bool {
        let asked = async {
            let mut sender = match self.resting() {
                Some(sender) => sender,
                None => self.connected().await?,
            };
            sender.ready().await.ok()?;
            let request = http::Request::post(&self.path)
                .header("host", client::NAME)
                .header("content-type", "application/json")
                .body(Full::new(body))
                .ok()?;
            let answer = sender.send_request(request).await.ok()?;
            let status = answer.status();
            answer.into_body().collect().await.ok()?;
            self.resting.lock().push(sender);
            Some(status == 200)
        };
        tokio::time::timeout(LONGEST, asked)
            .await
            .ok()
            .flatten()
            .unwrap_or(false)
    }

    // The one that was used last, as Go's client does.
    fn resting(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut resting = self.resting.lock();
        resting.retain(|sender| !sender.is_closed());
        resting.pop()
    }

    async fn connected(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = client::secure(self.address, 1, &self.connector).await.ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }
}
