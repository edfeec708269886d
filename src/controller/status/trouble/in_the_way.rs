//! What keeps the desired state from being made: an object of somebody else, one that is gone, or a write that is refused.

use crate::api::Canary;
use crate::api::canary::status::conditions::{NAME_CONFLICT, Trouble};
use crate::controller::context::memory::passing::Lasting;
use crate::controller::difference::Conflict;
use jiff::Timestamp;

/// What the first of `conflicts` says to people.
pub fn conflict(conflicts: &[Conflict]) -> Option<Trouble> {
    conflicts.first().map(|conflict| match conflict {
        Conflict::Name(kind, name) => Trouble {
            reason: NAME_CONFLICT,
            message: format!("{kind} {name} exists and was not made by this Canary; rename one of the two"),
            stalled: true,
        },
        Conflict::Apex(name) => Trouble {
            reason: NAME_CONFLICT,
            message: format!(
                "Service {name} points at other pods or none, so it is not moved; name another in spec.service.name, or point it \
                 at the target's pods"
            ),
            stalled: true,
        },
        Conflict::LostConfig(config) => Trouble {
            reason: "LostConfig",
            message: format!("{config} is gone or has other data than what primary is to read; put it back"),
            stalled: true,
        },
        Conflict::LostRevision(hash) => Trouble {
            reason: "LostRevision",
            message: format!(
                "nothing remembers revision {hash}, neither its history nor a ReplicaSet; apply the target again"
            ),
            stalled: true,
        },
    })
}

/// What a Canary whose target is not there says to people.
pub fn missing(canary: &Canary) -> Trouble {
    let (kind, name) = (&canary.spec.target_ref.kind, canary.target_name());
    Trouble {
        reason: "TargetMissing",
        message: format!("{kind} {name}.{} does not exist", canary.namespace_name()),
        stalled: false,
    }
}

/// What a write that the API server refuses says to people, in its words.
pub(super) fn refused_write(words: String) -> Trouble {
    Trouble {
        reason: "Refused",
        message: format!("the API server refuses a request: {words}. It is tried again within a minute"),
        stalled: true,
    }
}

/// What a Canary whose steps have failed for long says to people, although nobody has to change it.
pub fn failing(lasting: &Lasting) -> Trouble {
    let Lasting { since, words } = lasting;
    let since = Timestamp::from_second(since.as_second()).unwrap_or(*since);
    Trouble {
        reason: "ApiErrors",
        message: format!("Cannot go on since {since}: {words}; it is tried again every 60 s"),
        stalled: false,
    }
}
