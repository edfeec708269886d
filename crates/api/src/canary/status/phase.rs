//! The phases of a Canary, by Flagger's names.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Where a Canary stands; the texts, printed and stored, are Flagger's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub enum Phase {
    /// Not seen yet.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// The primary is being built.
    Initializing,
    /// The primary serves; no run yet.
    Initialized,
    /// A change waits for confirm-rollout.
    Waiting,
    /// A run is on.
    Progressing,
    /// A run waits for confirm-promotion.
    WaitingPromotion,
    /// The primary takes the new revision.
    Promoting,
    /// Traffic is back on the primary; the canary drains.
    Finalising,
    /// The last run promoted.
    Succeeded,
    /// The last run rolled back.
    Failed,
    /// The Canary is being deleted.
    Terminating,
    /// Never written, by Flagger or by us.
    Terminated,
}

impl Phase {
    /// Every phase, in the order of the schema.
    pub const ALL: [Self; 12] = [
        Self::Unset,
        Self::Initializing,
        Self::Initialized,
        Self::Waiting,
        Self::Progressing,
        Self::WaitingPromotion,
        Self::Promoting,
        Self::Finalising,
        Self::Succeeded,
        Self::Failed,
        Self::Terminating,
        Self::Terminated,
    ];

    /// The text in the status, in events and in payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Initializing => "Initializing",
            Self::Initialized => "Initialized",
            Self::Waiting => "Waiting",
            Self::Progressing => "Progressing",
            Self::WaitingPromotion => "WaitingPromotion",
            Self::Promoting => "Promoting",
            Self::Finalising => "Finalising",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
        }
    }

    /// Reads a phase; `None` for a text Flagger does not know.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }

    /// Whether no run is on and the primary serves: Initialized, Succeeded or Failed.
    pub fn at_rest(self) -> bool {
        matches!(self, Self::Initialized | Self::Succeeded | Self::Failed)
    }

    /// Whether the pair is still being built, or nobody has looked at it yet.
    pub fn is_building(self) -> bool {
        matches!(self, Self::Unset | Self::Initializing)
    }

    /// Whether a run is on: the target may get traffic.
    pub fn in_run(self) -> bool {
        matches!(
            self,
            Self::Progressing | Self::WaitingPromotion | Self::Promoting | Self::Finalising
        )
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Phase {
    /// An unknown text reads as [`Phase::Unset`]: the schema keeps it out, and a watch must not fail on it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        Ok(Self::parse(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_survives_its_text() {
        for phase in Phase::ALL {
            let text = serde_json::to_value(phase).unwrap();
            assert_eq!(text, phase.as_str());
            assert_eq!(serde_json::from_value::<Phase>(text).unwrap(), phase);
        }
    }

    #[test]
    fn a_phase_nobody_knows_is_unset() {
        assert_eq!(serde_json::from_str::<Phase>("\"Dancing\"").unwrap(), Phase::Unset);
    }
}
