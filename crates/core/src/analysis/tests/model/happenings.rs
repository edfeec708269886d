//! What people and pods do in the cluster between two steps.

use super::*;

/// What happens between two steps.
#[derive(Debug, Clone)]
pub(in crate::analysis::tests) enum Happening {
    /// Somebody applies a template; the webhook holds it when the target serves.
    Apply(u8),
    /// The same, while the webhook is away.
    Bypass(u8),
    /// Somebody edits the config that all templates read.
    Config(u8),
    /// That config goes away, or comes back.
    ConfigGone(bool),
    /// Somebody wants another number of replicas.
    Scale(u32),
    /// So many seconds pass.
    Wait(u8),
    /// Pods become ready, or not.
    Pods(bool),
    /// All pods die, and come back unless pods do not start.
    LosePods,
    /// Some of the target's pods (or of primary's) die, and come back where there is room.
    LoseSome(bool, u8),
    /// Somebody edits primary's template past the webhook: its pods are whatever they are then.
    EditPrimary,
    /// The API server lets primary be made, or does not; the same of its pods.
    Refuse(bool, bool),
    /// Somebody deletes primary while it serves alone.
    DeletePrimary,
    /// There is room for this many pods in all; what runs stays.
    Room(u32),
    /// The namespace is opted in, or not: whether changes pass the webhook.
    Webhook(bool),
    /// Somebody edits the Canary's provider: whether it has weights.
    Weights(bool),
    /// Somebody edits the ready thresholds of the canary and of primary.
    Thresholds(u32, u32),
    /// The next check's answer.
    Answer(u8),
    /// The program dies after this many writes of the next step (0: before the state is stored).
    Crash(u8),
    /// Somebody else writes the route.
    ForeignRoute(Traffic),
    /// The target is deleted.
    Delete,
    /// Primary's autoscaler wants this many pods.
    Autoscale(u32),
    /// The target's autoscaler does.
    AutoscaleTarget(u32),
    /// From now on hooks of a type say this.
    Hook(HookType, Says),
    /// Somebody annotates the Canary.
    Annotate(Commands),
    /// Somebody edits the Canary: other checks before rollback, and closed gates are asked anew.
    Edit(u32),
    /// Somebody suspends it, or goes on.
    Suspend(bool),
    /// Somebody turns the dry run on or off.
    DryRun(bool),
    /// The clock is set back.
    ClockBack(u8),
    /// The Canary is deleted, or its namespace opts out; or it stays after all.
    Leave(bool),
}

impl Model {
    pub(in crate::analysis::tests) fn happen(&mut self, what: &Happening) {
        match what {
            Happening::Apply(template) => {
                let serves = self.webhook && matches!(self.label, Some(TargetState::Serving | TargetState::Hot));
                if let Some(target) = self.target.as_mut().filter(|t| t.template != *template) {
                    target.template = *template;
                    self.admitted = self.webhook;
                    self.release = if self.webhook {
                        Some(ReleaseState::Pending)
                    } else {
                        self.release
                    };
                    self.held = self.held || (serves && target.replicas > 0);
                    // Without the webhook, a change that comes before the pause rolls pods that serve.
                    self.foreign |= !self.webhook && !self.held && target.replicas > 0;
                } else if self.target.is_none() {
                    self.target = Some(Workload {
                        template: *template,
                        running: *template,
                        // The webhook holds it at 0; without it, its pods start at once.
                        replicas: if self.webhook { 0 } else { self.wanted },
                        ready: 0,
                        read: self.config,
                    });
                    self.foreign |= !self.webhook;
                    self.label = self.webhook.then_some(TargetState::Rest);
                    self.release = self.webhook.then_some(ReleaseState::Pending);
                    self.admitted = self.webhook;
                }
            }
            Happening::Bypass(template) => {
                self.foreign = true;
                if let Some(target) = &mut self.target {
                    self.admitted &= target.template == *template;
                    target.template = *template;
                }
            }
            Happening::Config(config) => self.config = *config,
            Happening::ConfigGone(gone) => self.config_gone = *gone,
            Happening::Scale(n) => self.wanted = *n,
            Happening::Wait(n) => self.now += seconds(u64::from(*n)),
            Happening::Pods(start) => self.pods_start = *start,
            Happening::LosePods => {
                for workload in [&mut self.target, &mut self.primary].into_iter().flatten() {
                    workload.ready = 0;
                }
                // The next step sees them gone; a moment later they are back.
                return;
            }
            Happening::LoseSome(primary, n) => {
                let side = if *primary { &mut self.primary } else { &mut self.target };
                if let Some(workload) = side {
                    workload.ready = workload.ready.saturating_sub(u32::from(*n));
                }
                return;
            }
            Happening::EditPrimary => {
                self.edited = self.primary.is_some();
                return;
            }
            Happening::Refuse(primary, pods) => (self.refuses, self.no_pods) = (*primary, *pods),
            Happening::DeletePrimary if self.state.stage == Stage::Rest => self.primary = None,
            Happening::DeletePrimary => {}
            Happening::Room(n) => {
                self.room = *n;
                return;
            }
            Happening::Webhook(webhook) => self.webhook = *webhook,
            Happening::Weights(weights) => self.weights = *weights,
            Happening::Thresholds(canary, primary) => {
                self.settings.canary_threshold = *canary;
                self.settings.primary_threshold = *primary;
            }
            Happening::Answer(answer) => self.answer = *answer,
            Happening::Crash(after) => self.crash = Some(*after),
            Happening::ForeignRoute(traffic) => {
                self.foreign = true;
                self.traffic = *traffic;
            }
            Happening::Autoscale(n) => self.autoscale(*n),
            Happening::AutoscaleTarget(n) => self.autoscale_target(*n),
            Happening::Delete => {
                self.target = None;
                self.last_traffic = None;
                self.held = false;
                self.label = None;
                self.release = None;
            }
            Happening::Hook(kind, says) => {
                self.receiver.says.insert(*kind, *says);
            }
            Happening::Annotate(commands) => {
                self.annotated.skip |= commands.skip;
                self.annotated.reset |= commands.reset;
                self.edits += 1;
            }
            Happening::Edit(threshold) => {
                self.settings.threshold = *threshold;
                self.edits += 1;
            }
            Happening::Suspend(on) => self.settings.suspended = *on,
            Happening::DryRun(on) => self.settings.dry_run = *on,
            Happening::ClockBack(n) => {
                self.outruns = None;
                self.now -= seconds(u64::from(*n));
                self.last_traffic = self.last_traffic.map(|at| at - seconds(u64::from(*n)));
            }
            Happening::Leave(on) => self.settings.leaving = *on,
        }
        self.roll();
    }
}
