//! Primary of a Knative Service: one of its revisions, which an annotation names.

use super::Due;
use crate::controller::difference::{Pair, write::Write};
use crate::plan::workload::knative;
use serde_json::Value;

impl Pair<'_> {
    /// The write after which the revision that is due serves. Users are sent there by its shares, which are written after it.
    pub(super) fn served_by(&self, target: &Value, due: &Due) -> Option<Write> {
        let wanted = knative::name(&due.revision);
        let name = if due.again {
            knative::serving(target, wanted)?
        } else {
            wanted
        };
        // Of what is named already, and missed by Knative, nothing better is known: a write would change nothing.
        if knative::primary(target) == Some(name) {
            return None;
        }
        Some(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body: knative::served_by(target, name),
        })
    }
}
