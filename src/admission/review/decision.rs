//! What a review came to, as a value: it becomes a word here and nowhere else.

use crate::api::labels::TargetState;

/// What a review came to, for whoever reads the audit log of the API server, our log or our metrics.
///
/// Scripts and dashboards compare the words ([`Decision::as_str`]), so a word stays as it is when a variant gets a better name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A deletion, which is never refused.
    Deletion,
    /// Only metadata changes, or the object is being deleted: nobody is kept from either.
    MetadataOnly,
    /// A write by one of our own accounts.
    OwnWrite,
    /// A part of a workload that is not about its spec.
    Subresource,
    /// The object belongs to no pair and is stored as it was sent.
    Unmanaged,
    /// The workload is one half of a pair, in this state.
    Managed(TargetState),
    /// The workload is no half of a pair any more: our marks are taken off.
    Stripped,
    /// Stored as a plain Deployment, because its sender may not create Canaries, or nobody could say in time whether he may.
    Unauthorized,
    /// An admitted workload: what it brings with it has been made or told.
    Followed,
    /// Refused: what primary runs is changed by promotions alone, and it keeps its pods while it carries traffic.
    PrimaryProtected,
    /// Refused: the policy wants no second revision while one is being released.
    SecondRevision,
    /// A Service is created.
    ServiceCreated,
    /// A Service of a pair goes on selecting the side that serves.
    ServiceHeld,
    /// A Service that is pointed at the pods of a pair follows it from now on.
    ServiceJoined,
    /// A Service of a pair is pointed elsewhere and follows it no more.
    ServiceLeft,
    /// A Service whose pair is gone is pointed elsewhere: what we noted on it goes.
    ServiceOrphaned,
    /// A route keeps its live traffic.
    RouteHeld,
    /// A scale was noted for the whole app.
    ScaleNoted,
    /// A scale for another version of the object than the stored one: the API server answers it with a conflict.
    ScaleOutdated,
    /// A scale of primary by an autoscaler, or where the pair has one.
    ScaleByAutoscaler,
    /// A scale to the number that is stored already.
    ScaleUnchanged,
    /// A scale of pods that serve, which leaves a run as many as it needs.
    ScaleSufficient,
    /// Refused: a run needs more pods.
    ScaleTooSmall,
    /// Refused: the scale could not be noted for the app.
    ScaleNotNoted,
    /// One of our own kinds, without a mistake.
    Valid,
    /// Refused: one of our own kinds, with at least one mistake.
    Invalid,
    /// A namespace whose labels change.
    NamespaceChanged,
}

impl Decision {
    /// The word in audit annotations, the log and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deletion => "delete",
            Self::MetadataOnly => "metadata",
            Self::OwnWrite => "own",
            Self::Subresource => "subresource",
            Self::Unmanaged => "plain",
            Self::Managed(state) => state.as_str(),
            Self::Stripped => "stripped",
            Self::Unauthorized => "denied",
            Self::Followed => "follow",
            Self::PrimaryProtected => "primary",
            Self::SecondRevision => "second",
            Self::ServiceCreated => "made",
            Self::ServiceHeld => "apex",
            Self::ServiceJoined => "joined",
            Self::ServiceLeft => "left",
            Self::ServiceOrphaned => "forsaken",
            Self::RouteHeld => "route",
            Self::ScaleNoted => "noted",
            Self::ScaleOutdated => "outdated",
            Self::ScaleByAutoscaler => "scaler",
            Self::ScaleUnchanged => "unchanged",
            Self::ScaleSufficient => "serves",
            Self::ScaleTooSmall => "min_replicas",
            Self::ScaleNotNoted => "rest",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::NamespaceChanged => "namespace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_scripts_and_dashboards_compare() {
        let words = [
            (Decision::Deletion, "delete"),
            (Decision::MetadataOnly, "metadata"),
            (Decision::OwnWrite, "own"),
            (Decision::Subresource, "subresource"),
            (Decision::Unmanaged, "plain"),
            (Decision::Managed(TargetState::Cold), "cold"),
            (Decision::Managed(TargetState::Hot), "hot"),
            (Decision::Managed(TargetState::Serving), "serving"),
            (Decision::Managed(TargetState::Rest), "rest"),
            (Decision::Stripped, "stripped"),
            (Decision::Unauthorized, "denied"),
            (Decision::Followed, "follow"),
            (Decision::PrimaryProtected, "primary"),
            (Decision::SecondRevision, "second"),
            (Decision::ServiceCreated, "made"),
            (Decision::ServiceHeld, "apex"),
            (Decision::ServiceJoined, "joined"),
            (Decision::ServiceLeft, "left"),
            (Decision::ServiceOrphaned, "forsaken"),
            (Decision::RouteHeld, "route"),
            (Decision::ScaleNoted, "noted"),
            (Decision::ScaleOutdated, "outdated"),
            (Decision::ScaleByAutoscaler, "scaler"),
            (Decision::ScaleUnchanged, "unchanged"),
            (Decision::ScaleSufficient, "serves"),
            (Decision::ScaleTooSmall, "min_replicas"),
            (Decision::ScaleNotNoted, "rest"),
            (Decision::Valid, "valid"),
            (Decision::Invalid, "invalid"),
            (Decision::NamespaceChanged, "namespace"),
        ];
        for (decision, word) in words {
            assert_eq!(decision.as_str(), word, "{decision:?}");
        }
    }
}
