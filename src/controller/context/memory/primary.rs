//! What primary's template was when we wrote it last, so that a change by somebody else is seen.
//!
//! It is compared with what the write returned, not with what was sent: whoever injects something at admission has done
//! so by then.

use crate::object::text;
use crate::{
    api::canary::PrimaryStatus,
    plan::revision::hash::{is_current, template_hash},
};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two times that one primary is put right: whoever changes it each time must not have its pods
/// replaced without end.
const PAUSE: Duration = Duration::from_secs(60);

/// A primary's template, as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Uid of primary.
    pub uid: String,
    /// Its generation then.
    pub generation: i64,
    /// Hash of its template.
    pub template: String,
}

impl Made {
    /// What a live object is; `None` for what has no template.
    pub fn of(object: &Value) -> Option<Self> {
        Some(Self {
            uid: text(object, "/metadata/uid").to_owned(),
            generation: object
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            template: template_hash(object.pointer("/spec/template")?),
        })
    }

    /// Whether nothing happened but that pods were counted anew.
    pub fn same_as(&self, other: &Self) -> bool {
        self.uid == other.uid && self.template == other.template
    }
}

impl From<&Made> for PrimaryStatus {
    fn from(made: &Made) -> Self {
        Self {
            uid: made.uid.clone(),
            generation: made.generation,
            template: made.template.clone(),
        }
    }
}

impl From<&PrimaryStatus> for Made {
    fn from(status: &PrimaryStatus) -> Self {
        Self {
            uid: status.uid.clone(),
            generation: status.generation,
            template: status.template.clone(),
        }
    }
}

/// What is known of a live primary that was last `known`, and whether somebody else changed its template since.
///
/// An API server of another version may show the same stored object with other defaults, so without a new generation
/// nothing has changed.
pub fn judged(known: Option<&Made>, live: Made) -> (Made, bool) {
    let Some(known) = known.filter(|known| known.uid == live.uid && is_current(&known.template)) else {
        return (live, false);
    };
    if known.template == live.template || known.generation == live.generation {
        return (live, false);
    }
    // An older one is the cache's, which our own write has not reached yet.
    (known.clone(), live.generation > known.generation)
}

/// The primary of a Canary.
#[derive(Debug, Default)]
pub struct Primary {
    made: Option<Made>,
    put_right: Option<Instant>,
    /// Somebody changed it, and that is about to be undone.
    edited: bool,
    /// A write of ours has begun, and no answer said what became of it.
    unanswered: bool,
}

impl Primary {
    /// A write of ours begins. One that is cut off may be done all the same, or be done yet. Answers whether another one before
    /// it may be, too.
    pub fn begin(&mut self) -> bool {
        std::mem::replace(&mut self.unanswered, true)
    }

    /// The write that began was answered, and not done. `before` is what its [beginning](Self::begin) answered.
    pub fn was_refused(&mut self, before: bool) {
        self.unanswered = before;
    }

    /// Remembers what a write of ours returned; `restored` when it was to undo somebody's change. Answers whether it did,
    /// also where primary was to be made anyway.
    pub fn note(&mut self, made: Made, restored: bool) -> bool {
        self.made = Some(made);
        self.unanswered = false;
        let undone = restored || std::mem::take(&mut self.edited);
        if undone {
            self.put_right = Some(Instant::now());
        }
        undone
    }

    /// Whether somebody else changed the live primary, and whether it is to be put right now. `recorded` is what the
    /// status has; nothing while primary is being made, when a template that is new may be the one of a write that was not
    /// answered.
    pub fn look(&mut self, recorded: Option<Made>, live: Made) -> (bool, bool) {
        self.unanswered &= recorded.is_none();
        let ours = |made: &&Made| made.uid == live.uid;
        let known = self.made.as_ref().filter(ours);
        // The first new generation is that write; the next one is somebody's.
        let came = self.unanswered && known.is_some_and(|made| live.generation > made.generation);
        self.unanswered &= !came;
        let known = known.filter(|_| !came).cloned().or(recorded);
        let (made, edited) = judged(known.as_ref(), live);
        self.made = Some(made);
        let rests = self.put_right.is_some_and(|since| since.elapsed() < PAUSE);
        self.edited = edited && !rests;
        (edited, self.edited)
    }

    /// What is known of it.
    pub fn known(&self) -> Option<Made> {
        self.made.clone()
    }

    /// How long a change that came right after another one still waits.
    pub fn pause(&self) -> Option<Duration> {
        PAUSE.checked_sub(self.put_right?.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(generation: i64, template: &str) -> Made {
        Made {
            uid: "p-1".into(),
            generation,
            template: format!("v1-{template}"),
        }
    }

    #[test]
    fn only_another_template_in_a_later_generation_was_written_by_somebody_else() {
        let known = made(3, "a");
        for (live, edited) in [
            (made(3, "a"), false),
            (made(5, "a"), false), // scaled
            (made(3, "b"), false), // other defaults
            (made(2, "b"), false), // an older cache
            (made(4, "b"), true),
        ] {
            assert_eq!(judged(Some(&known), live.clone()).1, edited, "{live:?}");
        }
        let other = Made {
            uid: "p-2".into(),
            ..made(9, "b")
        };
        assert_eq!(judged(Some(&known), other.clone()), (other, false), "made anew");
        assert_eq!(judged(None, made(1, "a")), (made(1, "a"), false));
        let old_rule = Made {
            template: "v0-a".into(),
            ..known.clone()
        };
        assert!(!judged(Some(&old_rule), made(4, "b")).1, "hashed by another rule");
        assert_eq!(judged(Some(&known), made(4, "b")).0, known, "what we made stays known");
    }

    #[test]
    fn what_a_write_made_that_was_cut_off_is_not_taken_for_somebody_elses() {
        let mut primary = Primary::default();
        primary.note(made(3, "a"), false);
        primary.begin();
        assert_eq!(primary.look(None, made(3, "a")), (false, false), "an older cache");
        assert_eq!(primary.look(None, made(4, "b")), (false, false), "it was done");
        // It is made, and the record is still that of before.
        assert_eq!(primary.look(Some(made(3, "a")), made(4, "b")), (false, false));
        assert_eq!(primary.look(Some(made(3, "a")), made(5, "c")), (true, true));
        // One that puts it right is cut off and not done: somebody else's it is still.
        primary.begin();
        assert_eq!(primary.look(Some(made(3, "a")), made(5, "c")), (true, true));
        primary.begin();
        primary.note(made(6, "b"), true);
        assert!(primary.look(None, made(7, "d")).0, "an answer is enough");
    }

    #[test]
    fn one_write_that_was_not_answered_accounts_for_one_change() {
        let mut primary = Primary::default();
        primary.note(made(3, "a"), false);
        primary.begin();
        assert_eq!(primary.look(None, made(4, "b")), (false, false), "it was done");
        assert_eq!(primary.look(None, made(5, "c")), (true, true), "that is somebody's");
        let mut refused = Primary::default();
        refused.note(made(3, "a"), false);
        let before = refused.begin();
        refused.was_refused(before);
        assert_eq!(refused.look(None, made(4, "b")), (true, true), "it was not done");
    }

    #[test]
    fn what_memory_has_counts_before_the_record_and_a_fight_has_pauses() {
        let mut primary = Primary::default();
        assert_eq!(primary.pause(), None);
        assert!(primary.look(Some(made(3, "a")), made(4, "b")).1, "found by the record");
        primary.note(made(5, "a"), true);
        assert_eq!(primary.look(Some(made(3, "a")), made(4, "b")), (false, false));
        assert_eq!(
            primary.look(None, made(6, "c")),
            (true, false),
            "edited again at once: known, and left for a while"
        );
        assert!(primary.pause().is_some());
    }
}
