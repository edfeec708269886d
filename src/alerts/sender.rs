//! The call itself.

use super::{Alert, Receiver};
use crate::outbound::{Clients, Egress, Settings, root_cause};
use reqwest::{Client, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// Flagger's.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Flagger tries once, and loses what a restarting proxy does not take.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Posts alerts. Clones share connections.
#[derive(Clone, Default)]
pub struct Sender {
    clients: Arc<Clients>,
    egress: Egress,
    backoff: Option<Duration>,
}

impl Sender {
    /// A sender that keeps to `egress`.
    pub fn new(clients: Arc<Clients>, egress: Egress) -> Self {
        Self {
            clients,
            egress,
            backoff: None,
        }
    }

    /// A sender that waits this long before it tries again.
    #[cfg(test)]
    pub(super) fn impatient(backoff: Duration) -> Self {
        Self {
            backoff: Some(backoff),
            ..Self::default()
        }
    }

    /// Posts an alert; a status of 2xx is success. What may pass (no answer, 429, 5xx) is tried again, at most twice.
    ///
    /// # Errors
    /// Why nobody heard it. The URL, which is a secret, is not in it.
    pub async fn send(&self, to: &Receiver, alert: &Alert) -> Result<(), String> {
        let target = to.target(alert);
        let url = Url::parse(&target.url).map_err(|error| format!("invalid address: {error}"))?;
        self.egress.check(&url)?;
        if let Some(proxy) = &to.proxy {
            let proxy = Url::parse(proxy).map_err(|error| format!("invalid proxy: {error}"))?;
            self.egress.check(&proxy)?;
        }
        let settings = Settings {
            egress: self.egress.clone(),
            proxy: to.proxy.clone(),
            ..Settings::default()
        };
        let client = self.clients.get(&settings).map_err(|error| root_cause(&error))?;
        let mut backoff = self.backoff.unwrap_or(FIRST_BACKOFF);
        let mut attempt = 1;
        loop {
            let reason = match once(&client, url.clone(), &target).await {
                Ok(()) => return Ok(()),
                Err((reason, final_)) if final_ || attempt == ATTEMPTS => return Err(reason),
                Err((reason, _)) => reason,
            };
            tracing::debug!(attempt, reason, "alert not taken, trying again");
            tokio::time::sleep(backoff).await;
            backoff *= 2;
            attempt += 1;
        }
    }
}

#[derive(serde::Deserialize)]
struct SlackSays {
    ok: bool,
    error: Option<String>,
}

// The error says whether another attempt is in vain.
async fn once(client: &Client, url: Url, target: &super::Target) -> Result<(), (String, bool)> {
    let mut request = client.post(url).json(&target.body).timeout(TIMEOUT);
    if let Some(token) = &target.bearer {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.map_err(|error| (root_cause(&error), false))?;
    match response.status() {
        // Slack's own API says in the body of a 200 what went wrong.
        status if status.is_success() => match response.json::<SlackSays>().await {
            Ok(says) if !says.ok => Err((says.error.unwrap_or_default(), true)),
            _ => Ok(()),
        },
        status => {
            let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            Err((format!("status {status}"), !passing))
        }
    }
}
