//! The call itself.

use super::Kind;
use super::{Alert, AlertRequest, Receiver};
use crate::foreign::Foreign;
use crate::outbound::rendering::in_turn;
use crate::outbound::{ClientSettings, Clients, Egress, Failure, ask, persist, root_cause};
use reqwest::{Client, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// The time for one attempt, Flagger's.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Flagger tries once, and loses what a restarting proxy does not take.
const ATTEMPTS: u32 = 3;
/// Most bytes that Slack has to say about a failure.
const SLACK_SAYS: usize = 4 * 1024;
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
        let posted = told(to, alert).await;
        let url = Url::parse(&posted.url).map_err(|error| format!("invalid address: {error}"))?;
        self.egress.check(&url)?;
        if let Some(proxy) = &to.proxy {
            let proxy = Url::parse(proxy).map_err(|error| format!("invalid proxy: {error}"))?;
            self.egress.check(&proxy)?;
        }
        let settings = ClientSettings {
            egress: self.egress.clone(),
            proxy: to.proxy.clone(),
            ..ClientSettings::default()
        };
        let client = self.clients.get(&settings).map_err(|error| root_cause(&error))?;
        let backoff = self.backoff.unwrap_or(FIRST_BACKOFF);
        let attempt = || once(&client, &url, (to.kind, &posted));
        persist(ATTEMPTS, backoff, attempt)
            .await
            .map_err(|failure| match failure {
                Failure::Final(reason) | Failure::Passing(reason, _) => reason,
            })
    }
}

// Its text may be a template, with loops in it.
async fn told(to: &Receiver, alert: &Alert) -> AlertRequest {
    let source = to.template.as_deref().unwrap_or_default();
    let (to, alert) = (to.clone(), alert.clone());
    in_turn(source, move || to.request(&alert)).await
}

#[derive(serde::Deserialize)]
struct SlackSays {
    ok: bool,
    error: Option<String>,
}

async fn once(client: &Client, url: &Url, (kind, posted): (Kind, &AlertRequest)) -> Result<(), Failure> {
    let mut request = client.post(url.clone()).json(&posted.body);
    if let Some(token) = &posted.bearer {
        request = request.bearer_auth(token);
    }
    let asked = ask(request, TIMEOUT).await;
    let answer = asked.map_err(|why| Failure::Passing(why.into(), None))?;
    let status = answer.status();
    // Nobody else's body is looked at.
    let body = if status.is_success() && kind == Kind::Slack {
        answer.body(SLACK_SAYS).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    heard(kind, status, &body)
}

/// What an answer of that status means.
///
/// # Errors
/// The alert was not taken.
pub fn heard(kind: Kind, status: StatusCode, body: &[u8]) -> Result<(), Failure> {
    match status {
        // Slack's own API says in the body of a 200 what went wrong.
        status if status.is_success() && kind == Kind::Slack => match serde_json::from_slice::<SlackSays>(body) {
            Ok(says) if !says.ok => Err(Failure::Final(Foreign::of(&says.error.unwrap_or_default()).into())),
            _ => Ok(()),
        },
        status if status.is_success() => Ok(()),
        status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            Err(Failure::Passing(format!("status {status}"), None))
        }
        status => Err(Failure::Final(format!("status {status}"))),
    }
}
