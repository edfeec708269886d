//! What is next of the certificates, and the record of validity by which it is due.

use serde_json::{Value, json};

/// The record, in the Secret with the certificates.
pub(super) const RECORD: &str = "validity.json";
const DAY: i64 = 86_400;

/// A part of a change of the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A new CA beside the one in use.
    Authority,
    /// A leaf of the new CA.
    Leaf,
    /// The CA before it is trusted no more.
    Gone,
}

impl Due {
    /// What comes next, by a record of what there is.
    pub fn next(record: &Value) -> Self {
        match (&record["leafOfCa"], &record["previousUntil"]) {
            (Value::Bool(false), _) => Self::Leaf,
            (_, Value::Number(_)) => Self::Gone,
            _ => Self::Authority,
        }
    }

    /// Makes it due in a record: two thirds of what is renewed are over, and a CA that is kept is kept no longer. What of the
    /// record goes into the next certificate stays as it is.
    pub fn make(self, record: &mut Value, now: i64) {
        match self {
            Self::Authority => record["ca"] = json!({"notBefore": now - 300 * DAY, "notAfter": now + 60 * DAY}),
            Self::Leaf => record["leaf"] = json!({"notBefore": now - 7 * DAY, "notAfter": now + 2 * DAY}),
            Self::Gone => record["previousUntil"] = json!(now - 1),
        }
    }

    /// What of the Secret is another when it is done.
    pub fn changes(self) -> &'static str {
        match self {
            Self::Authority => "ca.crt",
            Self::Leaf => "tls.crt",
            Self::Gone => "previous-ca.crt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine::admission::bootstrap::certificates::{Action, Material};
    use k8s_openapi::ByteString;

    #[test]
    fn what_is_made_due_is_what_the_program_does_next_and_one_change_follows_the_other() {
        let (now, names) = (1_800_000_000, vec!["a.svc".to_owned()]);
        let mut material = Material::bootstrap(now, &names).unwrap();
        let all = [
            (Due::Authority, Action::RenewCa),
            (Due::Leaf, Action::RenewLeaf),
            (Due::Gone, Action::DropPrevious),
        ];
        for (turn, (due, action)) in all.into_iter().chain(all).enumerate() {
            let now = now + 2 * i64::try_from(turn).unwrap();
            let before = material.write();
            let mut record: Value = serde_json::from_slice(&before[RECORD].0).unwrap();
            assert_eq!(Due::next(&record), due, "{turn}");
            due.make(&mut record, now);
            let mut data = before.clone();
            data.insert(RECORD.to_owned(), ByteString(record.to_string().into_bytes()));
            let read = Material::read(&data).unwrap();
            assert_eq!(read.due(now, &names), Some(action), "{turn}");
            material = read.renewed(now, &names, action).unwrap();
            let after = material.write();
            assert_ne!(after.get(due.changes()), before.get(due.changes()), "{turn}");
            assert!(matches!(material.due(now, &names), Some(Action::Wait(_))), "{turn}");
        }
    }
}
