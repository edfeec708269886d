//! Coalmine `status.run.announced`: a revision that the webhook has let through and that no run has taken up yet; written where
//! the policy says `announce: Early` or `Strict`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an admitted request may still be on its way to the store: other validators run beside ours for at most 30 s,
/// quota follows them. After it, a change that is not there was refused.
pub const ON_ITS_WAY: Duration = Duration::from_secs(35);

/// A revision that was admitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Announced {
    /// Hash of the template.
    pub revision: String,
    /// When it was admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<MicroTime>,
}

impl Announced {
    /// When its change must have been stored; at once for one without a time.
    pub fn expires(&self) -> Timestamp {
        let time = self.time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        time.checked_add(ON_ITS_WAY).unwrap_or(time)
    }
}
