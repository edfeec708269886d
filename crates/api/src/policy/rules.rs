//! Parts of a CanaryPolicy.

use crate::number::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `spec.service`: the Service of apps that have none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyService {
    /// Port, 1 to 65535; default: the first container port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Number>,
    /// Add the other container ports; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_discovery: Option<bool>,
}

/// `spec.guardRails`: bounds on every Canary under the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardRails {
    /// Largest growth of the canary weight in one step, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_step_weight: Option<Number>,
    /// Largest canary weight before promotion, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_weight: Option<Number>,
    /// Least spacing of checks, a Go duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_interval: Option<String>,
    /// Most failed checks before rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_threshold: Option<Number>,
    /// Names of metrics every analysis must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_metrics: Option<Vec<String>>,
}

/// `spec.freezeWindows[]`: a recurring time in which nothing is released.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreezeWindow {
    /// Starts, as five cron fields: minute, hour, day of month, month, day of week.
    pub schedule: String,
    /// Length from each start, a Go duration.
    pub duration: String,
    /// IANA time zone of the schedule, such as `Europe/Berlin`; default UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Told to whoever's change is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a Deployment may leave itself out by annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OptOut {
    /// It may not.
    #[default]
    Forbidden,
    /// A Deployment may leave itself out.
    Allowed,
}

/// When the conditions of a Canary stop answering for the template before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Announce {
    /// As soon as the controller has seen the new one; until then its Deployment alone says that it is pending.
    #[default]
    Deployment,
    /// The webhook writes it while the request goes on, and does not wait for it.
    Early,
    /// The webhook has written it before the request goes on.
    Strict,
}

impl Announce {
    /// The name in the policy, and the value of the annotation `coalmine.dev/announce`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Early => "Early",
            Self::Strict => "Strict",
        }
    }

    /// Reads a name; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Deployment, Self::Early, Self::Strict]
            .into_iter()
            .find(|announce| announce.as_str() == text)
    }
}

/// What a second revision does during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnNewRevision {
    /// It takes the place of the first; the run starts again.
    #[default]
    Restart,
    /// It waits for the end of the run.
    Queue,
    /// It is refused at apply.
    Refuse,
}
