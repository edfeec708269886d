//! Prometheus instant queries by Flagger's rules, of a Prometheus or of anything that answers like one.

use super::built::{Built, Server};
use super::requirements::{Address, Secret, StoreRequirements, Text};
use super::store::{Credentials, Endpoint, Query, QueryError, Request, Sample, Store, headers};
use crate::api::metric_template::MetricProvider;
use http::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use url::Url;

mod advice;
pub mod answer;
pub mod builtin;

// Keys of its Secret.
const TOKEN: &str = "token";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// Prometheus as a type of store.
pub static STORE: Built = Built {
    title: "Prometheus",
    requirements: StoreRequirements {
        address: Address::Needed,
        secret: Secret::optional(&[&[TOKEN], &[USERNAME, PASSWORD]]),
        query: Text {
            advice: Some(advice::problems),
            ..Text::ANY
        },
        ..StoreRequirements::of("prometheus")
    },
    make: |given, secret| Ok(Box::new(Prometheus::new(given, secret)?)),
};

/// The type as the one that knows the built-in metrics.
pub static SERVER: Server = Server {
    store: &STORE,
    builtin: builtin::query,
};

/// A Prometheus at one address.
pub struct Prometheus {
    endpoint: Endpoint,
    headers: HeaderMap,
    credentials: Credentials,
}

impl Prometheus {
    /// The one that a template describes; `secret` is the data of its Secret, where it names one.
    ///
    /// # Errors
    /// A text for the user.
    pub fn new(given: &MetricProvider, secret: Option<&BTreeMap<String, Vec<u8>>>) -> Result<Self, String> {
        let credentials = secret.map(credentials).transpose()?.unwrap_or_default();
        let address = given.address.as_deref().unwrap_or_default();
        if address.is_empty() {
            return Err("prometheus endpoint is not set".to_owned());
        }
        Ok(Self {
            endpoint: Endpoint::parse(address, given.insecure_skip_verify == Some(true))?,
            headers: given.headers.as_ref().map(headers).transpose()?.unwrap_or_default(),
            credentials,
        })
    }

    /// The path of the address is kept before that of the API.
    fn url(&self, query: &str) -> Url {
        let base = &self.endpoint.url;
        let mut url = base.clone();
        url.set_path(&format!("{}/api/v1/query", base.path().trim_end_matches('/')));
        url.set_fragment(None);
        url.query_pairs_mut()
            .clear()
            .append_pair("query", &single_spaced(query));
        url
    }
}

impl Store for Prometheus {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    // The window stands in the query itself, and an instant query is about now.
    fn request(&self, query: &Query<'_>) -> Result<Request, QueryError> {
        Ok(Request {
            headers: self.headers.clone(),
            credentials: self.credentials.clone(),
            ..Request::get(self.url(query.text))
        })
    }

    fn sample(&self, _: StatusCode, body: &[u8]) -> Result<Sample, QueryError> {
        answer::value(body).map(Sample::Value)
    }
}

/// Of a Secret's data: the token, else both username and password; anything less is an error in Flagger's words.
fn credentials(data: &BTreeMap<String, Vec<u8>>) -> Result<Credentials, String> {
    let text = |key: &str| {
        data.get(key)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .ok_or_else(|| format!("prometheus credentials does not contain a {key}"))
    };
    if let Ok(token) = text(TOKEN) {
        return Ok(Credentials::Bearer(token));
    }
    Ok(Credentials::Basic {
        username: text(USERNAME)?,
        password: text(PASSWORD)?,
    })
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

#[cfg(test)]
mod tests;
