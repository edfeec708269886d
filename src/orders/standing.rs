//! Everything that is ordered, and to whom.

use super::WebhookConfiguration;
use super::installation::Installed;
use super::leave::Leave;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

/// Key of [`LEAVE`](super::LEAVE): names of namespaces, or `*` for all.
const NAMESPACES: &str = "namespaces";
/// Key of [`LEAVE`](super::LEAVE): whom the order is for.
const INSTALLATION: &str = "installation";

/// Everything that is ordered, and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What is known of the installation.
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

    /// Takes in what the ConfigMap [`LEAVE`](super::LEAVE) says; nothing when it is not there.
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

    /// Takes in what the ConfigMap [`BRAKE`](super::BRAKE) says.
    pub fn told_to_brake(&mut self, map: Option<&ConfigMap>) {
        let until = |which: WebhookConfiguration| {
            let text = map?.data.as_ref()?.get(which.as_str())?;
            Some((which, text.parse().ok()?))
        };
        self.brakes = WebhookConfiguration::ALL.into_iter().filter_map(until).collect();
        self.told_of_brakes = true;
    }

    /// Who is to be given back. An order to another installation is ignored, and none counts before it is known
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

    /// The data of [`LEAVE`](super::LEAVE) that orders `leave` of this installation.
    pub fn order(&self, leave: &Leave) -> [(String, String); 2] {
        let to = match &self.installed {
            Installed::As(installation) => installation.text(),
            _ => String::new(),
        };
        [(NAMESPACES.to_owned(), leave.text()), (INSTALLATION.to_owned(), to)]
    }
}
