//! Pure: the state machine of a Canary. No kube, no clock, no I/O; `now` is an argument.
//!
//! [`step`] takes what the Canary asks for ([`Rules`]), what was recorded ([`State`]), what is seen ([`Observation`]) and
//! the time, and answers with the next state and the [`World`] that state wants. The world is a level, not a list of
//! deeds: whoever executes compares it with what is there and writes the difference, so a crash between any two writes
//! converges by stepping again. The state is stored *before* the world is written, which makes the stage the record of
//! intent: a live value that belongs to the stage is ours, anything else is foreign and repaired.
//!
//! | stage | phase | the world it wants | left when | next |
//! | --- | --- | --- | --- | --- |
//! | Building | Initializing | primary made from the target (cold: target at 0; hot: target untouched and serving) | primary ready | Rest (cold), Switching (hot) |
//! | Switching | Initializing | all traffic on primary, target still running | moved, settled, drained | Rest |
//! | Rest | Initialized, Succeeded, Failed | all on primary, target at 0, primary at the wanted replicas | new revision | Scaling |
//! | Scaling | Progressing | target scaled up, no traffic on it | target ready; deadline | Settling; RollingBack |
//! | Settling | Progressing | target labelled as serving, no traffic on it | settle time and delay passed | Analysing; Carrying when analysis is skipped |
//! | Analysing | Progressing | the step's weight | checks due and passed; failed too often; new revision; endpoints lost | itself at the next weight, Carrying; RollingBack; Restarting; Faltering |
//! | Faltering | Progressing | all on primary, target kept | target ready again; deadline | Settling; RollingBack |
//! | Restarting | Progressing | all on primary, target kept | moved, settled, drained | Scaling with the new revision |
//! | Carrying | Promoting | target scaled to carry everything | target ready; deadline | Cutover; RollingBack |
//! | Cutover | Promoting | all on the target, apex too | moved, settled, drained | Replacing |
//! | Replacing | Promoting | primary made from the verified revision, idle | primary ready | Rejoining |
//! | Rejoining | Promoting | as Replacing | settled | Returning |
//! | Returning | Promoting | share back to primary by stepWeightPromotion | all on primary | Draining |
//! | Draining | Finalising | all on primary, target kept | moved, settled, drained | Rest (Succeeded) |
//! | RollingBack | Progressing | all on primary, target kept | moved, settled, drained | Rest (Failed) |
//! | Cancelling | Progressing | all on primary, target kept | moved, settled, drained | Rest (Succeeded) |
//! | Returning to a plain Deployment: LeavingScale | Terminating | target made from the promoted revision, scaled up | target ready | LeavingSwitch |
//! | LeavingSwitch | Terminating | all on the target by the user's own selector, route folded | moved, settled, drained | Left |
//! | Left | Terminating | nothing of ours | - | - |

mod bootstrap;
mod leave;
mod note;
mod observation;
mod promotion;
mod rules;
mod run;
mod scaling;
mod state;
mod step;
mod world;

pub use note::{Note, Severity, Subject};
pub use observation::{Checks, Observation, Primary, Rollout, Scaler, Target, Verdict};
pub use rules::{Rules, Strategy, weight_steps};
pub use state::{Stage, State};
pub use step::{Decision, step};
pub use world::{ApexSide, Dismantle, Pods, PrimaryTemplate, World};

#[cfg(test)]
mod tests;
