//! What an admin asks of the whole installation, and where it is kept so that restarts and other replicas heed it: to give
//! apps back (`coalmine leave`), and to keep a webhook configuration away that somebody deleted.
//!
//! Each is a ConfigMap in our own namespace, which anybody can look at, and whose deletion takes the order back. An order to
//! leave is for one installation: that of the ClusterRole with this uid and of this Helm revision. After an uninstall that was
//! given up, the next `helm upgrade` is another one, and nobody stays on his way out for ever.
//!
//! Pure but for [`follow`] and [`write`].

mod follow;
mod installation;
mod leave;
mod standing;
pub mod write;

use crate::api::labels;
pub use follow::{Wanted, follow};
pub use installation::{Installation, Installed};
pub use leave::Leave;
pub use standing::Standing;

/// ConfigMap that says who is to be given back.
pub const LEAVE: &str = "coalmine-leave";
/// ConfigMap that says which webhook configurations stay away, and until when.
pub const BRAKE: &str = "coalmine-brake";
/// Name of both webhook configurations.
pub const CONFIGURATIONS: &str = "coalmine";
/// The ClusterRole that stands for the installation: what belongs to it goes with an uninstall.
pub const ROLE: &str = "coalmine-webhook";
/// Annotation on that ClusterRole: the Helm revision.
pub const RELEASE: &str = "coalmine.dev/release";

/// One of the two webhook configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookConfiguration {
    /// The MutatingWebhookConfiguration of the installation.
    Mutating,
    /// The ValidatingWebhookConfiguration of the installation.
    Validating,
}

impl WebhookConfiguration {
    /// Both webhook configurations.
    pub const ALL: [Self; 2] = [Self::Validating, Self::Mutating];

    /// Its key in [`BRAKE`], and its value as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "mutating",
            Self::Validating => "validating",
        }
    }

    /// The kind as Kubernetes writes it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}

/// What somebody who looks at the ConfigMaps is told of them.
fn marks() -> [(String, String); 1] {
    [("app.kubernetes.io/name".to_owned(), labels::FIELD_MANAGER.to_owned())]
}

#[cfg(test)]
mod tests;
