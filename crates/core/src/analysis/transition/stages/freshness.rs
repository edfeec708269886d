//! A verdict is about this revision in this run: since when it is tried, and what is asked before it can be known.

use crate::analysis::{ReleaseEvent, transition::step::Step};
use jiff::Timestamp;

impl Step<'_> {
    /// The run's share of the traffic was first seen where it belongs. Later shares belong to the same trial. A strategy
    /// that sends the canary nobody is tried from here on all the same: by hooks, or by what its pods do of themselves.
    /// A dry run is never tried.
    pub(in crate::analysis) fn trial_begins(&mut self) {
        if !self.state.dry_run {
            self.state.traffic_since.get_or_insert(self.now);
        }
    }

    /// Traffic leaves, or the run is over: what comes after is another trial.
    pub(in crate::analysis) fn trial_ends(&mut self) {
        self.state.traffic_since = None;
    }

    /// No value, and the traffic is younger than what the metric looks at: asked again, said once, and no failure.
    /// It cannot go on: an interval later the same answer is [`NoData`](crate::analysis::Verdict::NoData).
    pub(in crate::analysis) fn too_early(&mut self, message: String, due: Timestamp) {
        self.emit_once("early", ReleaseEvent::Early(message));
        self.next_due(due);
    }
}
