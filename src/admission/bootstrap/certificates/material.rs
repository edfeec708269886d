//! What the Secret holds, and its encoding.

use super::authority::{self, AuthorityError};
use super::rotation::{Action, CA_SETTLE, State, rotate};
use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use super::rotation::Validity;

const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const LEAF_CERT: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";
const PREVIOUS_CA: &str = "previous-ca.crt";
const RECORD: &str = "validity.json";

/// Who keeps the certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// We made them and renew them.
    Ours(Record),
    /// Somebody else does, such as cert-manager.
    Foreign,
}

/// Our record of validity; its presence in the Secret says that we keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    ca: Validity,
    leaf: Validity,
    leaf_of_ca: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous_until: Option<i64>,
    names: Vec<String>,
}

/// Certificates and keys, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    ca: String,
    ca_key: String,
    leaf: String,
    leaf_key: String,
    previous_ca: Option<String>,
    /// Who keeps them.
    pub origin: Origin,
}

// Keys stay out of logs.
impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Material {
    /// A new CA and a leaf for `names`.
    ///
    /// # Errors
    /// When rcgen cannot make them (a name that is no DNS name).
    pub fn bootstrap(now: i64, names: &[String]) -> Result<Self, AuthorityError> {
        let ca = authority::authority(now)?;
        let leaf = authority::leaf(now, names, ca.validity, &ca.key)?;
        let record = Record {
            ca: ca.validity,
            leaf: leaf.validity,
            leaf_of_ca: true,
            previous_until: None,
            names: names.to_vec(),
        };
        Ok(Self {
            ca: ca.certificate,
            ca_key: ca.key,
            leaf: leaf.certificate,
            leaf_key: leaf.key,
            previous_ca: None,
            origin: Origin::Ours(record),
        })
    }

    /// Reads a Secret's data; `None` when a part is missing, which means the Secret is to be filled by us.
    pub fn read(data: &BTreeMap<String, ByteString>) -> Option<Self> {
        let text = |key: &str| data.get(key).and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
        let record = text(RECORD).and_then(|json| serde_json::from_str(&json).ok());
        Some(Self {
            ca: text(CA_CERT)?,
            ca_key: if record.is_some() { text(CA_KEY)? } else { String::new() },
            leaf: text(LEAF_CERT)?,
            leaf_key: text(LEAF_KEY)?,
            previous_ca: text(PREVIOUS_CA),
            origin: record.map_or(Origin::Foreign, Origin::Ours),
        })
    }

    /// The Secret's data.
    pub fn write(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |key: &str, text: &str| data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
        put(CA_CERT, &self.ca);
        put(LEAF_CERT, &self.leaf);
        put(LEAF_KEY, &self.leaf_key);
        if let Some(previous) = &self.previous_ca {
            put(PREVIOUS_CA, previous);
        }
        if let Origin::Ours(record) = &self.origin {
            put(CA_KEY, &self.ca_key);
            put(RECORD, &serde_json::to_string(record).unwrap_or_default());
        }
        data
    }

    /// What is due at `now`. Foreign material never is; a leaf for other names than `names` is.
    pub fn due(&self, now: i64, names: &[String]) -> Option<Action> {
        let Origin::Ours(record) = &self.origin else {
            return None;
        };
        if record.names != names && now < record.ca.not_after {
            return Some(Action::RenewLeaf);
        }
        Some(rotate(now, &record.state()))
    }

    /// Does what is due; `Wait` changes nothing.
    ///
    /// # Errors
    /// When rcgen cannot make what is wanted, or the stored CA key is unreadable.
    pub fn renewed(&self, now: i64, names: &[String], action: Action) -> Result<Self, AuthorityError> {
        let Origin::Ours(record) = &self.origin else {
            return Ok(self.clone());
        };
        let (mut next, mut record) = (self.clone(), record.clone());
        match action {
            Action::Wait(_) => return Ok(next),
            Action::StartOver => return Self::bootstrap(now, names),
            Action::RenewLeaf => {
                let leaf = authority::leaf(now, names, record.ca, &self.ca_key)?;
                (next.leaf, next.leaf_key) = (leaf.certificate, leaf.key);
                (record.leaf, record.leaf_of_ca, record.names) = (leaf.validity, true, names.to_vec());
            }
            Action::RenewCa => {
                let ca = authority::authority(now)?;
                next.previous_ca = Some(std::mem::replace(&mut next.ca, ca.certificate));
                next.ca_key = ca.key;
                (record.ca, record.leaf_of_ca) = (ca.validity, false);
                record.previous_until = Some(now + CA_SETTLE + authority::LEAF_LIFETIME);
            }
            Action::DropPrevious => {
                next.previous_ca = None;
                record.previous_until = None;
            }
        }
        next.origin = Origin::Ours(record);
        Ok(next)
    }

    /// Every CA to trust, PEM, the current one first: the `caBundle` of the webhook configurations.
    pub fn ca_bundle(&self) -> String {
        let mut bundle = self.ca.trim_end().to_owned();
        if let Some(previous) = &self.previous_ca {
            bundle.push('\n');
            bundle.push_str(previous.trim_end());
        }
        bundle.push('\n');
        bundle
    }

    /// The served chain and its key, PEM.
    pub fn served(&self) -> (&str, &str) {
        (&self.leaf, &self.leaf_key)
    }

    /// When the leaf ends, seconds since 1970; unknown for foreign ones.
    pub fn leaf_not_after(&self) -> Option<i64> {
        match &self.origin {
            Origin::Ours(record) => Some(record.leaf.not_after),
            Origin::Foreign => None,
        }
    }
}

impl Record {
    fn state(&self) -> State {
        State {
            ca: self.ca,
            leaf: self.leaf,
            leaf_of_ca: self.leaf_of_ca,
            previous_until: self.previous_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::served::Served;
    use super::*;

    fn names() -> Vec<String> {
        vec!["coalmine-webhook.coalmine-system.svc".to_owned()]
    }

    #[test]
    fn what_is_written_is_read_again_and_can_be_served() {
        let made = Material::bootstrap(1_800_000_000, &names()).unwrap();
        let read = Material::read(&made.write()).unwrap();
        assert_eq!(read, made);
        let served = Served::default();
        let (chain, key) = read.served();
        served.exchange(chain.as_bytes(), key.as_bytes()).unwrap();
        assert!(served.is_set());
    }

    #[test]
    fn a_new_ca_stands_next_to_the_old_one_until_it_is_dropped() {
        let now = 1_800_000_000;
        let made = Material::bootstrap(now, &names()).unwrap();
        let changed = made.renewed(now + 5, &names(), Action::RenewCa).unwrap();
        assert_eq!(changed.ca_bundle().matches("BEGIN CERTIFICATE").count(), 2);
        assert!(changed.ca_bundle().contains(made.ca.trim_end()));
        assert_eq!(changed.served(), made.served());
        let signed = changed.renewed(now + 700, &names(), Action::RenewLeaf).unwrap();
        assert_ne!(signed.served(), made.served());
        let dropped = signed.renewed(now + 900_000, &names(), Action::DropPrevious).unwrap();
        assert_eq!(dropped.ca_bundle().matches("BEGIN CERTIFICATE").count(), 1);
    }

    #[test]
    fn a_secret_without_our_record_is_foreign_and_never_due() {
        let mut data = Material::bootstrap(1_800_000_000, &names()).unwrap().write();
        data.remove(RECORD);
        let foreign = Material::read(&data).unwrap();
        assert_eq!(
            (foreign.origin.clone(), foreign.due(i64::MAX, &names())),
            (Origin::Foreign, None)
        );
    }

    #[test]
    fn other_names_make_a_new_leaf_due() {
        let made = Material::bootstrap(1_800_000_000, &names()).unwrap();
        assert_eq!(
            made.due(1_800_000_000, &["other.svc".to_owned()]),
            Some(Action::RenewLeaf)
        );
        assert!(matches!(made.due(1_800_000_000, &names()), Some(Action::Wait(_))));
    }

    #[test]
    fn keys_are_not_in_the_debug_text() {
        let made = Material::bootstrap(1_800_000_000, &names()).unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
