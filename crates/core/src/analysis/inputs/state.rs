//! What is recorded of a Canary between two steps; it is kept in the Canary's status.

use super::{
    observation::{Commands, Inherited, Observation, Target},
    questions::Wait,
};
use crate::{
    api::canary::Phase,
    plan::ApexSide,
    routing::{Cookies, Traffic},
};
use jiff::Timestamp;

/// The word in the record for a pair that cannot be built.
pub const UNBUILT: &str = "unbuilt";
/// The word in the record for a promotion that primary does not follow.
pub(in crate::analysis) const STUCK: &str = "stuck";
/// What the reason of a pair begins with that serves already and whose routes are to name its halves first.
pub(in crate::analysis) const ADOPTED: &str = "adopted: ";

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as it stands in the status.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// Reads a name; `None` for an unknown one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

named! {
    /// Where a Canary stands; finer than its phase. See the table in [`crate::analysis`].
    Stage {
        /// Primary is being made.
        Building,
        /// Traffic moves from a live target to primary.
        Switching,
        /// Primary serves, the target is at 0.
        Rest,
        /// A new revision waits for `confirm-rollout`, the target is at 0.
        Waiting,
        /// The target is being scaled up.
        Scaling,
        /// The data plane learns of the target's pods.
        Settling,
        /// The target has its share of traffic and is checked.
        Analysing,
        /// The target lost its endpoints in mid-run; traffic left it.
        Faltering,
        /// A new revision arrived in mid-run; traffic leaves the old one.
        Restarting,
        /// The target's pods go, because they started with the configs of before.
        Emptying,
        /// The target is scaled to carry everything.
        Carrying,
        /// All traffic moves to the target.
        Cutover,
        /// Primary, idle, gets the verified revision, and the data plane learns of its new pods.
        Replacing,
        /// Traffic goes back to primary.
        Returning,
        /// All traffic is on primary; the target's requests end.
        Draining,
        /// Traffic leaves a failed revision.
        RollingBack,
        /// The promoted revision was applied again in mid-run; traffic leaves the other.
        Cancelling,
        /// Leaving: the target is scaled up with the promoted revision.
        LeavingScale,
        /// Leaving: traffic moves to the target.
        LeavingSwitch,
        /// Nothing of ours is needed any more.
        Left,
    }
}

impl Stage {
    /// Whether a revision is under way.
    pub fn in_run(self) -> bool {
        !matches!(
            self,
            Self::Building
                | Self::Switching
                | Self::Rest
                | Self::Waiting
                | Self::LeavingScale
                | Self::LeavingSwitch
                | Self::Left
        )
    }

    /// Whether the run's revision is given up, replaced or promoted for everybody: nobody is kept on a side any more.
    pub fn ends_sessions(self) -> bool {
        matches!(
            self,
            Self::Rest | Self::Cutover | Self::Restarting | Self::RollingBack | Self::Cancelling | Self::LeavingScale
        )
    }

    /// Whether the target's pods may have traffic, or be about to get it.
    pub fn target_serves(self) -> bool {
        self.in_run() && !matches!(self, Self::Scaling | Self::Emptying)
    }
}

/// The recorded state of one Canary.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `status.phase`.
    pub phase: Phase,
    /// Where it stands.
    pub stage: Stage,
    /// When the stage was entered.
    pub since: Timestamp,
    /// When the desired state of this stage was first seen to be in place; timers of traffic count from here, not from the
    /// intent, so that a crash between the two cannot cut them short.
    pub moved_at: Option<Timestamp>,
    /// Since when this run is tried: what its metrics say of the time before is about another revision. See `freshness`.
    pub traffic_since: Option<Timestamp>,
    /// When the next check is due (Analysing), or the next share goes back (Returning).
    pub due: Option<Timestamp>,
    /// What traffic is to do by this stage.
    pub intent: Traffic,
    /// The cookies that keep users on their side.
    pub cookies: Cookies,
    /// Failed checks of the run; kept after a failure.
    pub failed_checks: u32,
    /// The iteration under way, from 1, of a strategy that has them; passed checks of weights that are bounded.
    pub iterations: u32,
    /// Checks put off because there was no data yet.
    pub waits: u32,
    /// Whether any check of the run had data to judge.
    pub had_data: bool,
    /// Since when, in this stage, the target cannot have what it is to have: pods are missing, or its route does not
    /// follow. `None` while it can.
    pub stalled: Option<Timestamp>,
    /// Pods that primary ran when the run started, where it has an autoscaler; 0 elsewhere and at rest. While the run
    /// lasts, no autoscaler makes either half smaller.
    pub min_replicas: u32,
    /// Revision of the run, or of the last one.
    pub last_applied: Option<String>,
    /// Revision of what primary serves.
    pub last_promoted: Option<String>,
    /// The gate it stands at.
    pub gate: Option<Wait>,
    /// The hooks before the first traffic have agreed.
    pub started: bool,
    /// An annotation asked to promote this run without its checks and gates.
    pub skip: bool,
    /// This run is a dry run: nothing is routed, nothing promoted.
    pub dry_run: bool,
    /// What annotations asked for and was not done yet.
    pub commands: Commands,
    /// The revision that waits for the end of the run.
    pub queued: Option<String>,
    /// Why the Canary waits, as last reported; a change of it emits an event.
    pub reason: Option<String>,
}

impl State {
    /// A Canary nobody has looked at yet.
    pub fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Initializing,
            stage: Stage::Building,
            since: now,
            moved_at: None,
            traffic_since: None,
            due: None,
            intent: Traffic::PRIMARY,
            cookies: Cookies::default(),
            failed_checks: 0,
            iterations: 0,
            waits: 0,
            had_data: false,
            stalled: None,
            min_replicas: 0,
            last_applied: None,
            last_promoted: None,
            gate: None,
            started: false,
            skip: false,
            dry_run: false,
            commands: Commands::default(),
            queued: None,
            reason: None,
        }
    }

    /// Whether a primary that is being built was seen ready: requests may be on their way to it.
    pub(in crate::analysis) fn primary_serves(&self) -> bool {
        self.stage == Stage::Building && self.moved_at.is_some()
    }

    /// Whether a promotion waits for a primary that does not become ready.
    pub fn is_stuck(&self) -> bool {
        self.stage == Stage::Replacing && self.reason.as_deref() == Some(STUCK)
    }

    /// Whether the pair cannot be built as things are.
    pub fn is_unbuilt(&self) -> bool {
        self.stage == Stage::Building && self.reason.as_deref() == Some(UNBUILT)
    }

    /// Whether the pair serves already, and its routes are to name its halves before anybody is sent to them.
    pub(in crate::analysis) fn is_adopted(&self) -> bool {
        let marked = |reason: &String| reason.starts_with(ADOPTED);
        self.stage == Stage::Building && self.reason.as_ref().is_some_and(marked)
    }

    /// What Flagger left, where primary serves already. Where Flagger was about to make the pair, the target serves, and it is
    /// made like any other.
    pub(in crate::analysis) fn inherits<'a>(&self, seen: &'a Observation) -> Option<&'a Inherited> {
        let was = seen.inherited.as_ref().filter(|_| self.last_promoted.is_none())?;
        let begun = matches!(was.phase, Phase::Unset | Phase::Initializing);
        let hot = seen.target.as_ref().is_some_and(Target::is_hot);
        (!begun || !hot || seen.apex == Some(ApexSide::Primary)).then_some(was)
    }

    /// Whether a revision is the run's, or the promoted one.
    pub(in crate::analysis) fn knows(&self, revision: &str) -> bool {
        [&self.last_applied, &self.last_promoted]
            .into_iter()
            .any(|known| known.as_deref() == Some(revision))
    }

    /// `status.canaryWeight`: what the canary carries by this stage's intent.
    pub fn canary_weight(&self) -> u8 {
        self.traffic().canary()
    }

    /// What traffic really is to do: a dry run has none.
    pub fn traffic(&self) -> Traffic {
        if self.dry_run { Traffic::PRIMARY } else { self.intent }
    }
}
