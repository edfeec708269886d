//! What a store wants sent, and where to. Values only.

use crate::foreign::Foreign;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use std::collections::BTreeMap;
use url::Url;

/// How to let oneself in. Not printable, because it is secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Authorization: Basic`.
    Basic {
        /// Name of the user.
        username: String,
        /// Password of the user.
        password: String,
    },
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address of the store, an http or https URL.
    pub url: Url,
    /// Whether any certificate will do (`insecureSkipVerify`).
    pub accept_any_certificate: bool,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// A text for the user: it is no http or https URL.
    pub fn parse(address: &str, accept_any_certificate: bool) -> Result<Self, String> {
        let shown = Foreign::of(address);
        let url = Url::parse(address).map_err(|e| format!("error parsing address {shown}: {e}"))?;
        if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") {
            return Err(format!("error parsing address {shown}: not an http or https URL"));
        }
        Ok(Self {
            url,
            accept_any_certificate,
        })
    }
}

/// One HTTP request.
pub struct Request {
    /// Method of HTTP, mostly GET.
    pub method: Method,
    /// All of the URL, with the query.
    pub url: Url,
    /// Headers besides those of the credentials.
    pub headers: HeaderMap,
    /// What to authenticate with.
    pub credentials: Credentials,
    /// What is sent, where anything is.
    pub body: Option<String>,
}

impl Request {
    /// A GET of this URL.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            credentials: Credentials::None,
            body: None,
        }
    }
}

/// The headers that a MetricTemplate names; several values of one name are all sent.
///
/// # Errors
/// A text for the user: one cannot be sent.
pub fn headers(given: &BTreeMap<String, Vec<String>>) -> Result<HeaderMap, String> {
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
