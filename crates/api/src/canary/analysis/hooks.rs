//! Flagger `spec.analysis.webhooks[]`.

use crate::duration::GoDuration;
use crate::limits;
use crate::number::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A URL that is asked or told in the course of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Name of the hook, in events.
    pub name: String,
    /// When it is called; default `rollout`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where; an absolute http or https URL.
    pub url: String,
    /// Raise no alert when a gate waits; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute_alert: Option<bool>,
    /// Time for one answer, a Go duration; default 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Further tries after a failure; default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Number>,
    /// Do not check the server's certificate; default false.
    #[serde(rename = "disableTLS", skip_serializing_if = "Option::is_none")]
    pub disable_tls: Option<bool>,
    /// Sent along in the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookType {
    /// Gate before the canary is scaled up.
    ConfirmRollout,
    /// Before the first traffic.
    PreRollout,
    /// At every check, before the metrics.
    #[default]
    Rollout,
    /// Gate before each rise of the weight.
    ConfirmTrafficIncrease,
    /// Gate before promotion.
    ConfirmPromotion,
    /// After the end, whatever it was.
    PostRollout,
    /// Success means: roll back now.
    Rollback,
    /// Told every event.
    Event,
}

impl HookType {
    /// Every type of hook.
    pub const ALL: [Self; 8] = [
        Self::ConfirmRollout,
        Self::PreRollout,
        Self::Rollout,
        Self::ConfirmTrafficIncrease,
        Self::ConfirmPromotion,
        Self::PostRollout,
        Self::Rollback,
        Self::Event,
    ];

    /// The text in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmRollout => "confirm-rollout",
            Self::PreRollout => "pre-rollout",
            Self::Rollout => "rollout",
            Self::ConfirmTrafficIncrease => "confirm-traffic-increase",
            Self::ConfirmPromotion => "confirm-promotion",
            Self::PostRollout => "post-rollout",
            Self::Rollback => "rollback",
            Self::Event => "event",
        }
    }

    /// Reads a type; the empty text is `rollout`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Rollout);
        }
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Webhook {
    /// The type meant.
    pub fn hook_type(&self) -> HookType {
        self.kind.as_deref().and_then(HookType::parse).unwrap_or_default()
    }

    /// Time for one answer, at most [`limits::HOOK_TIMEOUT`]; default 10 s, also when unreadable or not positive.
    pub fn timeout(&self) -> Duration {
        let parsed = self.timeout.as_deref().and_then(|text| GoDuration::parse(text).ok());
        parsed
            .map(GoDuration::to_std)
            .filter(|d| !d.is_zero())
            .unwrap_or(Duration::from_secs(10))
            .min(limits::HOOK_TIMEOUT)
    }

    /// Further tries after a failure, at most [`limits::HOOK_RETRIES`].
    pub fn retries(&self) -> u32 {
        let asked = self.retries.map_or(0, |n| n.int().max(0).unsigned_abs());
        asked.min(limits::HOOK_RETRIES)
    }
}
