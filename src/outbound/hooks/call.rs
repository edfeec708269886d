//! The call itself: time-out, retries, what counts as success.

use super::payload::Payload;
use crate::api::canary::Webhook;
use crate::foreign::{Foreign, shown};
use crate::outbound::{ClientSettings, Clients, Egress, Failure, ask, persist, root_cause};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// The last status that is a success.
const LAST_SUCCESS: u16 = 202;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait a server can ask for; together with the tries, what one call can take.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

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

    /// Calls `hook` until it answers finally or its retries (at most 10) are spent; never longer than
    /// `(retries + 1) * timeout` (at most 1 h) and the pauses in between (at most 60 s). The error is a text for the event.
    ///
    /// Success is a status up to 202, as in Flagger: 203 and above are failures, 204 too.
    pub async fn call(&self, hook: &Webhook, payload: &Payload) -> Result<(), String> {
        let url = Url::parse(&hook.url).map_err(|e| format!("invalid URL {}: {e}", Foreign::of(&hook.url)))?;
        self.egress.check(&url)?;
        let accept_any_certificate = hook.disable_tls == Some(true);
        let settings = ClientSettings {
            accept_any_certificate,
            egress: self.egress.clone(),
            ..ClientSettings::default()
        };
        let client = self.clients.get(&settings).map_err(|e| root_cause(&e))?;
        let attempts = hook.retries() + 1;
        let time = hook.timeout();
        let backoff = self.backoff.unwrap_or(FIRST_BACKOFF);
        let attempt = || once(&client, &url, time, payload);
        persist(attempts, backoff, attempt)
            .await
            .map_err(|failure| match failure {
                Failure::Final(reason) => reason,
                Failure::Passing(reason, _) => {
                    let url = Foreign::of(&shown(url.as_str()));
                    format!("POST {url} giving up after {attempts} attempt(s): {reason}")
                }
            })
    }
}

async fn once(client: &Client, url: &Url, time: Duration, payload: &Payload) -> Result<(), Failure> {
    let asked = ask(client.post(url.clone()).json(payload), time).await;
    let answer = asked.map_err(|why| Failure::Passing(why.into(), None))?;
    let status = answer.status();
    let asks_for = answer.header(RETRY_AFTER).map(str::to_owned);
    let says = if status.as_u16() <= LAST_SUCCESS {
        Foreign::default() // nobody reads it
    } else {
        answer.says().await
    };
    heard(status, asks_for.as_deref(), says)
}

/// What an answer of that status means, whose header `Retry-After` is `asks_for`.
///
/// # Errors
/// It refuses, in the words that it `says`.
pub fn heard(status: StatusCode, asks_for: Option<&str>, says: Foreign) -> Result<(), Failure> {
    match status.as_u16() {
        ..=LAST_SUCCESS => Ok(()),
        // What Flagger discards here is what the load tester says about a failed command.
        429 => Err(Failure::Passing(says.into(), retry_after(status, asks_for))),
        500.. if status != StatusCode::NOT_IMPLEMENTED => {
            Err(Failure::Passing(says.into(), retry_after(status, asks_for)))
        }
        _ => Err(Failure::Final(says.into())),
    }
}

/// `Retry-After` in seconds, of the answers that may have one.
fn retry_after(status: StatusCode, asks_for: Option<&str>) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503) {
        return None;
    }
    let seconds = asks_for?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
