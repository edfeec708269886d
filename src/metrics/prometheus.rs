//! Prometheus instant queries by Flagger's rules.

use super::provider::{Provider, QueryError};
use crate::foreign::Foreign;
use crate::outbound::{Clients, Egress, LONGEST, Settings, ask};
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use std::collections::BTreeMap;
use std::time::Duration;

pub mod answer;

/// The whole exchange, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How to let oneself in.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Authorization: Basic`.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
}

impl Credentials {
    /// From a Secret's data: `token`, else both `username` and `password`; anything less is an error
    /// in Flagger's words.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let text = |key: &str| {
            data.get(key)
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .ok_or_else(|| format!("prometheus credentials does not contain a {key}"))
        };
        if let Ok(token) = text("token") {
            return Ok(Self::Bearer(token));
        }
        Ok(Self::Basic {
            username: text("username")?,
            password: text("password")?,
        })
    }
}

/// Where and how to ask.
#[derive(Clone, Default)]
pub struct Options {
    /// Base URL; its path is kept before `/api/v1/query`.
    pub address: String,
    /// Extra request headers; several values of one name are all sent.
    pub headers: BTreeMap<String, Vec<String>>,
    /// What to authenticate with.
    pub credentials: Credentials,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
    /// Where a user's address must not lead.
    pub egress: Egress,
}

/// A Prometheus, or anything that answers like one.
pub struct Prometheus {
    client: Client,
    base: Url,
    headers: HeaderMap,
    credentials: Credentials,
}

impl Prometheus {
    /// Checks `options`; asks nothing yet. Errors are texts for the user.
    pub fn new(clients: &Clients, options: &Options) -> Result<Self, String> {
        if options.address.is_empty() {
            return Err("prometheus endpoint is not set".to_owned());
        }
        let address = Foreign::of(&options.address);
        let base = Url::parse(&options.address).map_err(|e| format!("error parsing address {address}: {e}"))?;
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(format!("error parsing address {address}: not an http or https URL"));
        }
        options.egress.check(&base)?;
        let settings = Settings {
            accept_any_certificate: options.insecure_skip_verify,
            egress: options.egress.clone(),
            ..Settings::default()
        };
        let client = clients
            .get(&settings)
            .map_err(|e| format!("error building client: {e}"))?;
        let headers = headers(&options.headers)?;
        Ok(Self {
            client,
            base,
            headers,
            credentials: options.credentials.clone(),
        })
    }

    fn url(&self, query: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/query", self.base.path().trim_end_matches('/')));
        url.set_fragment(None);
        url.query_pairs_mut()
            .clear()
            .append_pair("query", &single_spaced(query));
        url
    }

    async fn ask(&self, query: &str) -> Result<Vec<u8>, QueryError> {
        let mut request = self.client.get(self.url(query)).headers(self.headers.clone());
        request = match &self.credentials {
            Credentials::None => request,
            Credentials::Bearer(token) => request.bearer_auth(token),
            Credentials::Basic { username, password } => request.basic_auth(username, Some(password)),
        };
        let unreachable = |why: Foreign| QueryError::Unreachable(why.into());
        let answer = ask(request, TIMEOUT).await.map_err(unreachable)?;
        let status = answer.status();
        if status.as_u16() >= 400 {
            let says = answer.says().await;
            return Err(QueryError::Other(format!("error response: Status {status}: {says}")));
        }
        let unreadable = |why: Foreign| QueryError::Other(format!("error reading body: {why}"));
        answer.body(LONGEST).await.map_err(unreadable)
    }
}

impl Provider for Prometheus {
    fn query<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<f64, QueryError>> {
        Box::pin(async move { answer::value(&self.ask(query).await?) })
    }

    fn online(&self) -> BoxFuture<'_, Result<(), QueryError>> {
        Box::pin(async move {
            match self.query("vector(1)").await? {
                1.0 => Ok(()),
                other => Err(QueryError::Other(format!("vector(1) is {other}"))),
            }
        })
    }
}

/// Runs of white space, as Go's `\s` has it, become one space.
fn single_spaced(query: &str) -> String {
    let mut output = String::with_capacity(query.len());
    for c in query.chars() {
        match c {
            ' ' | '\t' | '\n' | '\u{c}' | '\r' => {
                if !output.ends_with(' ') {
                    output.push(' ');
                }
            }
            c => output.push(c),
        }
    }
    output
}

fn headers(given: &BTreeMap<String, Vec<String>>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in given {
        let key = HeaderName::try_from(name.as_str()).map_err(|e| format!("header {name:?}: {e}"))?;
        for value in values {
            let value = HeaderValue::try_from(value.as_str()).map_err(|e| format!("header {name:?}: {e}"))?;
            headers.append(key.clone(), value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
