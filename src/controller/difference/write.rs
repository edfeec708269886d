//! What is to be written, as comparable values. [`apply`](crate::controller::effects::apply) does it.

mod copy;

use crate::controller::watch::{informers::cache::Kind, pair::configs::kind_of};
use crate::object::text;
pub use copy::Copy;
use json_patch::PatchOperation;
use serde_json::{Value, json};

/// One write. Every one can be replayed: it says how things are to be, not how to change them, or carries the version of
/// the object it was decided on.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Server-side apply of exactly the fields we own.
    Apply {
        /// Kind of the object.
        kind: Kind,
        /// The object with our fields alone.
        object: Value,
    },
    /// A new object. One of that name must not exist: a patch would merge with what somebody else put there, and takes
    /// no list with a key twice, which Deployments may have.
    Create {
        /// Kind of the object.
        kind: Kind,
        /// The object to create.
        object: Value,
    },
    /// JSON Patch (RFC 6902); it begins by testing the object that it was decided on: its resourceVersion, its generation, or its uid,
    /// by how much of it may have changed meanwhile.
    Patch {
        /// Kind of the object.
        kind: Kind,
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// The operations, of which the first is the test.
        operations: json_patch::Patch,
    },
    /// JSON merge patch.
    Merge {
        /// Kind of the object.
        kind: Kind,
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// What is merged.
        body: Value,
    },
    /// Primary's copies of ConfigMaps and Secrets: all of them, or none when an original is not what was verified.
    Copies(Vec<Copy>),
    /// Deletion of one object, told apart from a namesake by its uid.
    Delete {
        /// Kind of the object.
        kind: Kind,
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// Uid of the object as it was seen.
        uid: String,
    },
}

impl Write {
    /// Whether it asks for the same as `other`, whatever version of the object each was decided on.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.subject() == other.subject() && self.desired() == other.desired()
    }

    /// What it asks for, whatever version of the object it was decided on.
    pub fn desired(&self) -> Value {
        match self {
            Self::Apply { object, .. } | Self::Create { object, .. } => versionless(object),
            Self::Merge { body, .. } => versionless(body),
            Self::Patch { operations, .. } => {
                let is_test = |one: &&PatchOperation| matches!(one, PatchOperation::Test(_));
                operations
                    .iter()
                    .filter(|one| !is_test(one))
                    .map(|one| json!(one))
                    .collect()
            }
            Self::Copies(all) => all.iter().map(|copy| json!(copy.checksum)).collect(),
            Self::Delete { uid, .. } => json!(uid),
        }
    }

    /// What it does, for people, as what follows "to".
    pub fn what(&self) -> String {
        let verb = match self {
            Self::Apply { .. } => "apply",
            Self::Create { .. } => "create",
            Self::Patch { .. } | Self::Merge { .. } => "change",
            Self::Copies(_) => "copy",
            Self::Delete { .. } => "delete",
        };
        let (kind, _, name) = self.subject();
        format!("{verb} {} {name}", kind.resource().kind)
    }

    /// The object it is about, for logs: kind, namespace and name.
    pub fn subject(&self) -> (Kind, &str, &str) {
        match self {
            Self::Apply { kind, object } | Self::Create { kind, object } => (
                *kind,
                text(object, "/metadata/namespace"),
                text(object, "/metadata/name"),
            ),
            Self::Copies(all) => all.first().map_or((Kind::ConfigMap, "", ""), |copy| {
                (kind_of(copy.of.kind), copy.namespace.as_str(), copy.of.name.as_str())
            }),
            Self::Patch {
                kind, namespace, name, ..
            }
            | Self::Merge {
                kind, namespace, name, ..
            }
            | Self::Delete {
                kind, namespace, name, ..
            } => (*kind, namespace, name),
        }
    }
}

fn versionless(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches;

    #[test]
    fn a_write_asks_the_same_whatever_version_it_was_decided_on() {
        let patch = |version: &str, replicas: i64| Write::Patch {
            kind: Kind::Deployment,
            namespace: "shop".into(),
            name: "web".into(),
            operations: json_patch::Patch(vec![
                patches::test(["metadata", "resourceVersion"], version),
                patches::replace(["spec", "replicas"], replicas),
            ]),
        };
        assert!(patch("1", 2).asks_the_same(&patch("7", 2)));
        assert!(!patch("1", 2).asks_the_same(&patch("1", 3)));
        let merge = |version: &str| Write::Merge {
            kind: Kind::Deployment,
            namespace: "shop".into(),
            name: "web".into(),
            body: json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": 0}}),
        };
        assert!(merge("1").asks_the_same(&merge("7")));
        assert_eq!(merge("1").what(), "change Deployment web");
    }
}
