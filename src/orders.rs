//! What an admin asks of the whole installation, and where it is kept so that restarts and other replicas heed it: to give
//! apps back (`coalmine leave`), and to keep a webhook configuration away that somebody deleted.
//!
//! Each is a ConfigMap in our own namespace, which anybody can look at, and whose deletion takes the order back. An order to
//! leave is for one installation: that of the ClusterRole with this uid and of this Helm revision. After an uninstall that was
//! given up, the next `helm upgrade` is another one, and nobody stays on his way out for ever.
//!
//! Pure but for [`follow`] and [`write`].

mod follow;
pub mod write;

pub use follow::{Wanted, follow};

use crate::api::labels;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use std::collections::BTreeSet;

/// ConfigMap that says who is to be given back.
pub const LEAVE: &str = "coalmine-leave";
/// ConfigMap that says which webhook configurations stay away, and until when.
pub const BRAKE: &str = "coalmine-brake";
/// The ClusterRole that stands for the installation: what belongs to it goes with an uninstall.
pub const ROLE: &str = "coalmine-webhook";
/// Annotation on that ClusterRole: the Helm revision.
pub const RELEASE: &str = "coalmine.dev/release";

/// Key of [`LEAVE`]: names of namespaces, or [`EVERYTHING`].
const NAMESPACES: &str = "namespaces";
/// Key of [`LEAVE`]: whom the order is for.
const INSTALLATION: &str = "installation";
const EVERYTHING: &str = "*";

/// One of the two webhook configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookConfiguration {
    /// The MutatingWebhookConfiguration.
    Mutating,
    /// The ValidatingWebhookConfiguration.
    Validating,
}

impl WebhookConfiguration {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Validating, Self::Mutating];

    /// Its key in [`BRAKE`], and its value as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "mutating",
            Self::Validating => "validating",
        }
    }

    /// The kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}

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

    fn text(&self) -> String {
        format!("{}/{}", self.uid, self.release)
    }

    // Namespaces that were given back stay so through upgrades; an uninstall that was given up is over with the next release.
    fn is_meant(&self, leave: &Leave, to: &str) -> bool {
        match leave {
            Leave::Everybody => to == self.text(),
            _ => to.split('/').next() == Some(self.uid.as_str()),
        }
    }
}

/// What is known of the installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Installed {
    /// Nothing yet.
    #[default]
    Unknown,
    /// We may not look.
    Hidden,
    /// There is no such ClusterRole: rights come from elsewhere, or the installation is being taken away.
    Absent,
    /// This one.
    As(Installation),
}

/// Who is to be given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Leave {
    /// Nobody.
    #[default]
    Nobody,
    /// The apps of these namespaces.
    Namespaces(BTreeSet<String>),
    /// All apps.
    Everybody,
}

impl Leave {
    fn parse(text: &str) -> Self {
        let named: BTreeSet<String> = text.split_whitespace().map(str::to_owned).collect();
        match named {
            all if all.contains(EVERYTHING) => Self::Everybody,
            none if none.is_empty() => Self::Nobody,
            some => Self::Namespaces(some),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nobody => String::new(),
            Self::Namespaces(named) => named.iter().cloned().collect::<Vec<_>>().join(" "),
            Self::Everybody => EVERYTHING.to_owned(),
        }
    }

    /// Whether the apps of a namespace are meant.
    pub fn means(&self, namespace: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Namespaces(named) => named.contains(namespace),
            Self::Everybody => true,
        }
    }

    /// With `namespace` (all without one) besides those meant already.
    pub fn with(self, namespace: Option<&str>) -> Self {
        match (self, namespace) {
            (Self::Everybody, _) | (_, None) => Self::Everybody,
            (Self::Nobody, Some(one)) => Self::Namespaces(BTreeSet::from([one.to_owned()])),
            (Self::Namespaces(mut named), Some(one)) => {
                named.insert(one.to_owned());
                Self::Namespaces(named)
            }
        }
    }

    /// Without `namespace` (nobody without one); `None` when it cannot be taken out, because everybody is meant.
    pub fn without(self, namespace: Option<&str>) -> Option<Self> {
        match (self, namespace) {
            (_, None) => Some(Self::Nobody),
            (Self::Everybody, Some(_)) => None,
            (Self::Nobody, Some(_)) => Some(Self::Nobody),
            (Self::Namespaces(mut named), Some(one)) => {
                named.remove(one);
                Some(if named.is_empty() {
                    Self::Nobody
                } else {
                    Self::Namespaces(named)
                })
            }
        }
    }
}

impl std::fmt::Display for Leave {
    /// What is said of it; empty for nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::Namespaces(_) => write!(f, "gives back the apps of {}", self.text()),
            Self::Everybody => f.write_str("gives back every app"),
        }
    }
}

/// Everything that is ordered, and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The installation.
    pub installed: Installed,
    /// Our own namespace is being deleted, and we with it.
    pub ending: bool,
    /// Whether it was looked at all who is to be given back.
    told: bool,
    /// Whether it was looked at all what is braked.
    told_of_brakes: bool,
    leave: Leave,
    to: String,
    brakes: Vec<(WebhookConfiguration, Timestamp)>,
}

impl Standing {
    /// Nothing is ordered of this installation.
    pub fn of(installed: Installed) -> Self {
        Self {
            installed,
            told: true,
            told_of_brakes: true,
            ..Self::default()
        }
    }

    /// Takes in what the ConfigMap [`LEAVE`] says; nothing when it is not there.
    pub fn told_to_leave(&mut self, map: Option<&ConfigMap>) {
        let said = |key: &str| {
            map.and_then(|map| map.data.as_ref()?.get(key).cloned())
                .unwrap_or_default()
        };
        self.leave = Leave::parse(&said(NAMESPACES));
        self.to = said(INSTALLATION);
        self.told = true;
    }

    /// Whether all of it is known by now.
    pub fn is_known(&self) -> bool {
        self.told && self.installed != Installed::Unknown
    }

    /// Whether all is known by now that whoever keeps the webhook configurations has to heed: before that, one that is not
    /// there may be one that is not to be there.
    pub fn is_known_whole(&self) -> bool {
        self.is_known() && self.told_of_brakes
    }

    /// Takes in what the ConfigMap [`BRAKE`] says.
    pub fn told_to_brake(&mut self, map: Option<&ConfigMap>) {
        let until = |which: WebhookConfiguration| {
            let text = map?.data.as_ref()?.get(which.as_str())?;
            Some((which, text.parse().ok()?))
        };
        self.brakes = WebhookConfiguration::ALL.into_iter().filter_map(until).collect();
        self.told_of_brakes = true;
    }

    /// Who is to be given back. An order to another installation counts for nothing, and none counts before it is known
    /// which one this is.
    pub fn leave(&self) -> &Leave {
        const NOBODY: &Leave = &Leave::Nobody;
        match &self.installed {
            Installed::Unknown => NOBODY,
            Installed::As(installation) if !installation.is_meant(&self.leave, &self.to) => NOBODY,
            Installed::As(_) | Installed::Absent | Installed::Hidden => &self.leave,
        }
    }

    /// Whether the apps of `namespace` are to be given back.
    pub fn leaves(&self, namespace: &str) -> bool {
        self.leave().means(namespace)
    }

    /// Whether all are.
    pub fn leaves_all(&self) -> bool {
        *self.leave() == Leave::Everybody
    }

    /// Until when a configuration is to stay away.
    pub fn brake(&self, which: WebhookConfiguration) -> Option<Timestamp> {
        self.brakes.iter().find(|(of, _)| *of == which).map(|(_, until)| *until)
    }

    /// The data of [`LEAVE`] that orders `leave` of this installation.
    pub fn order(&self, leave: &Leave) -> [(String, String); 2] {
        let to = match &self.installed {
            Installed::As(installation) => installation.text(),
            _ => String::new(),
        };
        [(NAMESPACES.to_owned(), leave.text()), (INSTALLATION.to_owned(), to)]
    }
}

/// What somebody who looks at the ConfigMaps is told of them.
fn marks() -> [(String, String); 1] {
    [("app.kubernetes.io/name".to_owned(), labels::FIELD_MANAGER.to_owned())]
}

#[cfg(test)]
mod tests;
