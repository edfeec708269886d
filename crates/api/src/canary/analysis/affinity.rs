//! Flagger `spec.analysis.sessionAffinity`.

use crate::number::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cookies that keep a user on one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionAffinity {
    /// Cookie of users on the canary.
    pub cookie_name: String,
    /// Cookie of users on the primary; must differ. Left out: those users are drawn again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_cookie_name: Option<String>,
    /// Attribute Domain of the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Attribute Path of the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Attribute HttpOnly of the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_only: Option<bool>,
    /// Attribute Partitioned of the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitioned: Option<bool>,
    /// Attribute Secure of the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
    /// Attribute SameSite: Strict, Lax or None.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_site: Option<String>,
    /// Attribute Max-Age, seconds; default 86400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Number>,
}

impl SessionAffinity {
    /// Max-Age in seconds, as Flagger: 86400 when left out or 0.
    pub fn max_age(&self) -> i32 {
        match self.max_age.map_or(0, Number::int) {
            0 => 86_400,
            seconds => seconds,
        }
    }
}
