//! Primary of a target that is its own route: one of its revisions, which is named on it.

use super::Due;
use crate::controller::difference::{Pair, write::Write};
use crate::plan::workload::revisions;
use crate::routing::OwnRoute;
use serde_json::Value;

impl Pair<'_> {
    /// The write after which the revision that is due serves. Users are sent there by its shares, which are written after it.
    pub(super) fn served_by(&self, own: OwnRoute, target: &Value, due: &Due) -> Option<Write> {
        let wanted = revisions::name(&due.revision);
        let name = if due.again {
            own.serving(target, wanted)?
        } else {
            wanted
        };
        // Of what is named already, and is missing, nothing better is known: a write would change nothing.
        if own.primary(target) == Some(name) {
            return None;
        }
        Some(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body: own.served_by(target, name),
        })
    }
}
