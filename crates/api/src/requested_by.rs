//! The annotation `coalmine.dev/requested-by` of a target: who sent the template that is stored, and by what.

use std::fmt;

const VIA: &str = " via ";
/// In place of a manager, for a user whose own name has such a word in it.
const NOBODY: &str = "-";

/// Who sent something, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedBy {
    /// User name, as the API server authenticated it.
    pub user: String,
    /// Field manager, such as `kubectl-client-side-apply`.
    pub manager: Option<String>,
}

impl RequestedBy {
    /// Reads the annotation. Whatever it says is a user at least.
    pub fn parse(text: &str) -> Self {
        let (user, manager) = match text.rsplit_once(VIA) {
            Some((user, NOBODY)) => (user, None),
            Some((user, manager)) => (user, Some(manager.to_owned())),
            None => (text, None),
        };
        Self {
            user: user.to_owned(),
            manager,
        }
    }
}

impl fmt::Display for RequestedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        match &self.manager {
            // Whoever sends a request chooses this name: without spaces it cannot change who is read before it.
            Some(manager) => write!(f, "{VIA}{}", manager.replace(' ', "-")),
            None if self.user.contains(VIA) => write!(f, "{VIA}{NOBODY}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (user, manager) in [
            ("ann", None),
            ("ann", Some("kubectl-client-side-apply")),
            (
                "system:serviceaccount:flux-system:kustomize-controller",
                Some("kustomize-controller"),
            ),
            // Only the last word is the manager's.
            ("via via ann", Some("helm")),
            ("ann via x", None),
        ] {
            let by = RequestedBy {
                user: user.to_owned(),
                manager: manager.map(str::to_owned),
            };
            assert_eq!(RequestedBy::parse(&by.to_string()), by);
        }
        let forged = RequestedBy {
            user: "ann".to_owned(),
            manager: Some("x via y".to_owned()),
        };
        assert_eq!(RequestedBy::parse(&forged.to_string()).user, "ann");
    }
}
