//! The call itself: time-out, retries, what counts as success.

use super::payload::Payload;
use crate::api::canary::Webhook;
use crate::outbound::{Clients, Egress, Failure, Settings, persist, root_cause};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// Most of an answer that is quoted, in bytes.
const QUOTED: usize = 256;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait a server can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// Calls hooks. Clones share connections.
#[derive(Clone, Default)]
pub struct Caller {
    clients: Arc<Clients>,
    egress: Egress,
    backoff: Option<Duration>,
}

impl Caller {
    /// A caller that keeps to `egress`.
    pub fn new(clients: Arc<Clients>, egress: Egress) -> Self {
        Self {
            clients,
            egress,
            backoff: None,
        }
    }

    /// Calls `hook` until it answers finally or its retries are spent; never longer than
    /// `(retries + 1) * timeout` and the pauses in between. The error is a text for the event.
    ///
    /// Success is a status up to 202, as in Flagger: 203 and above are failures, 204 too.
    pub async fn call(&self, hook: &Webhook, payload: &Payload) -> Result<(), String> {
        let url = Url::parse(&hook.url).map_err(|e| format!("invalid URL {:?}: {e}", hook.url))?;
        self.egress.check(&url)?;
        let accept_any_certificate = hook.disable_tls == Some(true);
        let settings = Settings {
            accept_any_certificate,
            egress: self.egress.clone(),
            ..Settings::default()
        };
        let client = self.clients.get(&settings).map_err(|e| root_cause(&e))?;
        let attempts = hook.retries().saturating_add(1);
        let backoff = self.backoff.unwrap_or(FIRST_BACKOFF);
        let attempt = || once(&client, &url, hook.timeout(), payload);
        persist(attempts, backoff, attempt)
            .await
            .map_err(|failure| match failure {
                Failure::Final(reason) => reason,
                Failure::Passing(reason, _) => {
                    let url = redacted(url.clone());
                    format!("POST {url} giving up after {attempts} attempt(s): {reason}")
                }
            })
    }
}

async fn once(client: &Client, url: &Url, timeout: Duration, payload: &Payload) -> Result<(), Failure> {
    let sent = client.post(url.clone()).json(payload).timeout(timeout).send().await;
    let response = sent.map_err(|e| Failure::Passing(root_cause(&e), None))?;
    let status = response.status();
    let wish = wish(&response);
    match status.as_u16() {
        ..=202 => Ok(()),
        // What Flagger discards here is what the load tester says about a failed command.
        429 => Err(Failure::Passing(quoted(response).await, wish)),
        500.. if status != StatusCode::NOT_IMPLEMENTED => Err(Failure::Passing(quoted(response).await, wish)),
        _ => Err(Failure::Final(quoted(response).await)),
    }
}

/// `Retry-After` in seconds, of the answers that may have one.
fn wish(response: &Response) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WISH))
}

/// The beginning of the body, or the status where there is none.
async fn quoted(mut response: Response) -> String {
    let status = response.status();
    let mut body = Vec::new();
    while body.len() <= QUOTED
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let more = body.len() > QUOTED;
    body.truncate(QUOTED);
    let text = String::from_utf8_lossy(&body);
    match text.trim() {
        "" => status.to_string(),
        text if more => format!("{text}..."),
        text => text.to_owned(),
    }
}

/// Without the password, as Go prints URLs.
fn redacted(mut url: Url) -> Url {
    if url.password().is_some() {
        let _ = url.set_password(Some("xxxxx"));
    }
    url
}

#[cfg(test)]
mod tests;
