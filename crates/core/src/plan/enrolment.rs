//! Whether a Deployment gets a pair, and by which Canary.

pub mod generate;
pub mod pairing;
pub mod reach;

use super::services::pointing::Shared;
use thiserror::Error;

/// Why a Deployment is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotEnrolled {
    /// `coalmine.dev/enabled: "false"` where the policy allows it.
    #[error("left out by its annotation coalmine.dev/enabled: \"false\"")]
    OptedOut,
    /// It is itself a half of a pair, or owned by another controller.
    #[error("managed by another controller")]
    NotThePersonsOwn,
    /// A Service that points at its pods points at another workload's too.
    #[error("{0}")]
    SharedService(Shared),
    /// A Service that is not its own has the name that its own would need.
    #[error("the Service {0} selects other pods or none, and its own would need that name; rename one of the two")]
    ServiceTaken(String),
    /// Somebody else's object has the name of one of the pair's.
    #[error("{0} is somebody else's and has a name that its pair would need; rename one of the two")]
    NameTaken(String),
    /// Its route has no room for what a release adds.
    #[error("{0}")]
    NoRoom(String),
    /// Something that two halves cannot share.
    #[error("{0}")]
    CannotBePaired(String),
    /// A volume that two halves cannot share.
    #[error("{0}")]
    Volume(String),
    /// A NetworkPolicy that would not be for primary's pods.
    #[error("{0}")]
    CutOff(String),
    /// A NetworkPolicy of another namespace names its pods as peers, and not those of its primary.
    #[error("{0}. That counts while it protects a pod there")]
    CutOffByOthers(String),
}

/// What around a Deployment may keep it from being paired, without anything being said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// A PersistentVolumeClaim of its namespace.
    Claim,
    /// A NetworkPolicy, of whatever namespace.
    NetworkPolicy,
}

impl NotEnrolled {
    /// What may take the reason away by changing; `None` where that is for the Deployment, or for what is watched with it.
    pub fn lifted_by(&self) -> Option<Around> {
        match self {
            Self::Volume(_) => Some(Around::Claim),
            Self::CutOff(_) | Self::CutOffByOthers(_) => Some(Around::NetworkPolicy),
            Self::OptedOut
            | Self::NotThePersonsOwn
            | Self::SharedService(_)
            | Self::ServiceTaken(_)
            | Self::NameTaken(_)
            | Self::NoRoom(_)
            | Self::CannotBePaired(_) => None,
        }
    }
}
