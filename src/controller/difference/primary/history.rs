//! The memory of what was promoted, and what of it goes.

use crate::controller::difference::{Pair, patch};
use crate::object::{annotation, text};
use crate::{
    analysis::{DesiredState, PrimaryTemplate},
    controller::{difference::write::Write, watch::informers::cache::Kind},
    patches,
    plan::{
        REVISION_ANNOTATION,
        history::{self, Promoted},
    },
};
use serde_json::Value;

impl Pair<'_> {
    /// Remembers what primary is, or is about to be, made from. It comes before primary among the writes: a revision
    /// that serves and that nothing remembers could not be made again.
    pub(in crate::controller::difference) fn history(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        let revision = match &desired.primary {
            None => return,
            Some(PrimaryTemplate::Keep) => self.seen.promoted.as_ref(),
            Some(PrimaryTemplate::Revision(revision) | PrimaryTemplate::Restored(revision)) => Some(revision),
        };
        // What rolls no pods of ours is remembered elsewhere: the copies of a core Service are its history, and who runs the
        // revisions of a target remembers them.
        let Some(revision) = revision.filter(|_| self.blueprint.workload.rolls()) else {
            return;
        };
        let (entries, known) = (&self.live.history, self.live.remembers(revision));
        let promotes = matches!(desired.primary, Some(PrimaryTemplate::Revision(_)));
        let made = self.remembered(revision, known, promotes);
        let new = known.is_none() && made.is_some();
        writes.extend(made);
        let serves = self
            .live
            .primary
            .as_ref()
            .and_then(|live| annotation(live, REVISION_ANNOTATION));
        let promoted = self.seen.promoted.as_deref();
        let needed: Vec<&str> = [Some(revision.as_str()), promoted, serves]
            .into_iter()
            .flatten()
            .collect();
        for entry in history::outlived(entries, &needed, new) {
            writes.push(self.forgotten(entry));
        }
    }

    // The write that makes a revision the newest, where it is promoted or is not known yet.
    fn remembered(&self, revision: &str, known: Option<&Value>, promotes: bool) -> Option<Write> {
        let next = history::next(&self.live.history);
        match known {
            Some(entry) if !promotes || history::number(entry).saturating_add(1) == next => None,
            // It is about to serve once more, and is the newest again.
            Some(entry) => Some(patch(
                Kind::ControllerRevision,
                entry,
                vec![
                    patches::test(["metadata", "uid"], text(entry, "/metadata/uid")),
                    patches::replace(["revision"], next),
                ],
            )),
            None => self.entry(revision, next, promotes),
        }
    }

    // What is about to be promoted is verified with the configs of now; what was promoted read the copies.
    fn entry(&self, revision: &str, number: i64, promotes: bool) -> Option<Write> {
        let template = self.live.template(revision)?;
        let survey = self.live.configs.survey(&template);
        let configs = match survey.revision == revision {
            true => &survey.tracked,
            false if promotes => return None,
            false => &self.live.configs.promoted,
        };
        let promoted = Promoted {
            revision,
            template: &template,
            configs,
        };
        Some(Write::Create {
            kind: Kind::ControllerRevision,
            object: history::entry(&promoted, number, self.blueprint),
        })
    }

    /// The write that takes an entry away.
    pub(in crate::controller::difference) fn forgotten(&self, entry: &Value) -> Write {
        Write::Delete {
            kind: Kind::ControllerRevision,
            namespace: self.blueprint.namespace.clone(),
            name: text(entry, "/metadata/name").to_owned(),
            uid: text(entry, "/metadata/uid").to_owned(),
        }
    }
}
