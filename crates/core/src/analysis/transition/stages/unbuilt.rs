//! A pair that cannot be built as things are: nothing of its target is held meanwhile.
//!
//! The webhook holds a target before anybody knows whether primary can be made, so what is held is given back when it cannot:
//! when the API server refuses a part of the pair, or no pod of primary has come to be. The building is tried on beside
//! it, and goes on by itself when it can.

use crate::analysis::{
    Primary, ReleaseEvent, Rollout, Target, UNBUILT,
    instants::after,
    transition::step::{SLOW, Step},
};
use crate::plan::revision::same_template;

const NO_POD: &str = "none of its pods could be made";

impl Step<'_> {
    /// Looks whether the pair can be built, and says so once when it cannot.
    pub(in crate::analysis) fn cannot_be_built(&mut self, target: &Target) -> bool {
        let lacks = self.lacks_pods(target);
        match self.seen.refused.clone().or(lacks) {
            Some(why) => self.emit_once(UNBUILT, ReleaseEvent::Unbuilt(why)),
            None if self.state.is_unbuilt() => self.state.reason = None,
            None => {}
        }
        self.state.is_unbuilt()
    }

    /// Whether a primary that somebody deleted is not let come back, while the target rests with what it served.
    pub(in crate::analysis) fn primary_cannot_come_back(&self, target: &Target) -> bool {
        let serves = |hash: &String| same_template(&target.revision, hash);
        self.seen.primary.is_none()
            && self.seen.refused.is_some()
            && self.state.last_promoted.as_ref().is_some_and(serves)
    }

    /// Whether the target's revision may not run beside primary, and is not released; said once.
    pub(in crate::analysis) fn is_apart(&mut self, target: &Target) -> bool {
        let Some(why) = &target.apart else { return false };
        self.emit_once(why, ReleaseEvent::Apart(why.clone()));
        true
    }

    // Why primary has no pod, once that has lasted. Without their configs, the target's pods could not start either.
    fn lacks_pods(&mut self, target: &Target) -> Option<String> {
        if self.seen.primary_has_pods() || target.missing.is_some() {
            self.state.stalled = None;
            return None;
        }
        // A clock that was set back does not make it later.
        let since = self.state.stalled.map_or(self.now, |since| since.min(self.now));
        self.state.stalled = Some(since);
        self.is_past(after(since, SLOW))
            .then(|| why(self.seen.primary.as_ref()))
    }
}

fn why(primary: Option<&Primary>) -> String {
    match primary.map(|primary| &primary.rollout) {
        Some(Rollout::Waiting(why) | Rollout::Failed(why)) => why.clone(),
        Some(Rollout::Ready) | None => String::from(NO_POD),
    }
}
