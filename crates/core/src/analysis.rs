//! Pure: the state machine of a Canary. No kube, no clock, no I/O; `now` is an argument.
//!
//! [`step`] takes what the Canary asks for ([`RunSettings`]), what was recorded ([`State`]), what is seen ([`Observation`]) and
//! the time, and answers with the next state and the [`DesiredState`] that state wants. The desired state is a level, not a list of
//! deeds: whoever executes compares it with what is there and writes the difference, so a crash between any two writes
//! converges by stepping again. The state is stored *before* the desired state is written, which makes the stage the record of
//! intent: a live value that belongs to the stage is ours, anything else is foreign and repaired.
//!
//! | stage | phase | the desired state it wants | left when | next |
//! | --- | --- | --- | --- | --- |
//! | Building | Initializing | primary made from the target (cold: target at 0; hot, or while primary cannot be made: target untouched and serving, routes naming the halves without a share where that takes time to be heard; found serving: kept as it is, so named); a dry run: nothing | primary ready, named and settled; leaving | Rest (cold), Switching (hot or found serving); LeavingScale, Left |
//! | Switching | Initializing | all traffic on primary, or on the target while primary has no pods; target still running | moved, settled, drained, and primary carries it; leaving | Rest; LeavingScale, Left |
//! | Rest | Initialized, Succeeded, Failed, Waiting (after a dry run that passed) | all on primary, target at 0, primary at the wanted replicas | new revision or `reset`; `skip-analysis` of a failed one; primary deleted and not let come back; leaving | Waiting when a hook is asked first or the app sleeps, Emptying when pods are there that may have read other configs, else Scaling; Building; LeavingScale, Left |
//! | Waiting | Waiting | as Rest | `confirm-rollout` agrees, and the app does not sleep; a `rollback` hook; back at the promoted revision; leaving | Scaling, or Emptying when it changed and pods are there that may have read other configs; RollingBack; Rest; Cancelling |
//! | Scaling | Progressing | target scaled up, no traffic on it | target ready; deadline or `rollback` hook; configs changed; back at the promoted revision or no target; `reset`; falls asleep; leaving | Settling; RollingBack; Emptying; Rest; Restarting; Cancelling |
//! | Settling | Progressing | target labelled as serving, no traffic on it | settle time and delay passed, `pre-rollout` and the first `confirm-traffic-increase` agree; skipped; failed too often or deadline; new revision; promoted revision or leaving; no target; dry run over; falls asleep | Analysing; Carrying, Cutover; RollingBack; Restarting; Cancelling; Rest |
//! | Analysing | Progressing, WaitingPromotion while `confirm-promotion` is closed | the step's weight, or less while fewer pods are ready | checks due and passed and gates open; failed too often, or a share that cannot be carried or a route that does not follow by the deadline; new revision, or falls asleep; endpoints lost; promoted revision or leaving; no target or dry run over | itself at the next weight, then Carrying, Cutover; RollingBack; Restarting; Faltering; Cancelling; Rest |
//! | Faltering | Progressing | all on primary, target kept | target ready again; deadline; new revision; promoted revision or leaving; no target | Settling; RollingBack; Restarting; Cancelling; Rest |
//! | Restarting | Progressing | all on primary, target kept | moved, settled, drained; no target; leaving | Scaling with the new revision, Emptying when only configs changed, Waiting when the app sleeps; Rest; Cancelling |
//! | Emptying | Progressing | target at 0, so that no pod keeps the configs of before | no pod left, no config missing; back at the promoted revision or no target; leaving | Scaling, Waiting when the app sleeps; Rest; Cancelling |
//! | Carrying | Promoting | target scaled to carry everything | target ready; deadline; verified configs or, without the webhook, its template changed; its share not carried any more; no target; back at the promoted revision or leaving | Cutover; RollingBack; Restarting; Faltering; Rest; Cancelling |
//! | Cutover | Promoting | all on the target, apex too | moved, settled, drained; some of its pods lost; all of them lost, or a route that does not follow by the deadline; verified configs changed; no target | Replacing; Carrying; RollingBack; Restarting, Cancelling |
//! | Replacing | Promoting | primary made from the verified revision, idle; from the promoted one again, when that is applied or primary cannot follow and a newer revision is there | primary ready and settled; verified configs changed before it was made; canary lost; leaving | Returning by stepWeightPromotion, else Draining; Restarting; Draining, or Cancelling and RollingBack when primary is still what it was; LeavingScale |
//! | Returning | Promoting | share back to primary by stepWeightPromotion | all on primary, or canary lost; primary lost | Draining; Replacing |
//! | Draining | Finalising | all on primary, target kept | moved, settled, drained, and primary carries it; primary lost | Rest (Succeeded); Replacing |
//! | RollingBack | Progressing | all on primary, target kept | moved, settled, drained | Rest (Failed) |
//! | Cancelling | Progressing | all on primary, target kept | moved, settled, drained | Rest (Succeeded) |
//! | LeavingScale | Terminating | back to a plain Deployment: target made from the promoted revision, scaled up, routes naming the apex without a share where that takes time to be heard | target ready, named and settled; no target; stays after all, with primary carrying everything or not | LeavingSwitch; Left; Rest, Building |
//! | LeavingSwitch | Terminating | all on the target by the user's own selector, route folded, or naming the halves without a share | moved, settled, drained; target lost its pods; stays after all | Left; LeavingScale; Building |
//! | Left | Terminating | nothing of ours, route folded | stays after all | Building |
//!
//! What a step is given stands in `inputs`, how it gets on in `transition`, and what it answers in `outputs`. What hooks are asked,
//! and what annotations, suspension and dry runs do, stands in `gates` and `commands` of the transition. The table is checked
//! against random histories, step by step.

mod inputs;
pub mod instants;
mod outputs;
mod sizes;
mod transition;

pub use crate::messages::Severity;
pub use crate::metrics::Verdict;
pub use inputs::observation::{Checks, Commands, Inherited, Observation, Primary, Rollout, Scaler, Target};
pub use inputs::questions::{Answer, Question, Refusal, Wait};
pub use inputs::run_settings::{RunSettings, Sessions, Strategy, weight_steps};
pub use inputs::state::{Stage, State, UNBUILT};
pub use outputs::desired_state::{DesiredState, Dismantle, Pods, PrimaryTemplate};
pub use outputs::event::{ReleaseEvent, Subject};
pub use outputs::outcome::StepOutcome;
pub use transition::step;

#[cfg(test)]
mod tests;
