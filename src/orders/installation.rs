//! Which installation an order is for.

use super::leave::Leave;
use super::{RELEASE, ROLE};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;

/// Which installation this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Uid of the ClusterRole [`ROLE`].
    pub uid: String,
    /// Its Helm revision; empty where Helm has no part in it.
    pub release: String,
}

impl Installation {
    /// Of the ClusterRole that stands for it.
    pub fn of(role: &ClusterRole) -> Self {
        Self {
            uid: role.uid().unwrap_or_default(),
            release: role.annotations().get(RELEASE).cloned().unwrap_or_default(),
        }
    }

    /// The reference of what goes with it. It blocks nobody's deletion.
    pub fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: ROLE.to_owned(),
            uid: self.uid.clone(),
            block_owner_deletion: Some(false),
            controller: None,
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{}/{}", self.uid, self.release)
    }

    // Namespaces that were given back stay so through upgrades; an uninstall that was given up is over with the next release.
    pub(super) fn is_meant(&self, leave: &Leave, to: &str) -> bool {
        match leave {
            Leave::Everybody => to == self.text(),
            _ => to.split('/').next() == Some(self.uid.as_str()),
        }
    }
}

/// What is known of the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Installed {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// We may not look.
    Hidden,
    /// There is no such ClusterRole: rights come from elsewhere, or the installation is being taken away.
    Absent,
    /// It was found, and is this one.
    As(Installation),
}
