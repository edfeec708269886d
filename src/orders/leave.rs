//! Who is to be given back.

use std::collections::BTreeSet;

const EVERYTHING: &str = "*";

/// Who is to be given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Leave {
    /// No app is to be given back.
    #[default]
    Nobody,
    /// The apps of these namespaces.
    Namespaces(BTreeSet<String>),
    /// The apps of all namespaces.
    Everybody,
}

impl Leave {
    pub(super) fn parse(text: &str) -> Self {
        let named: BTreeSet<String> = text.split_whitespace().map(str::to_owned).collect();
        match named {
            all if all.contains(EVERYTHING) => Self::Everybody,
            none if none.is_empty() => Self::Nobody,
            some => Self::Namespaces(some),
        }
    }

    pub(super) fn text(&self) -> String {
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
