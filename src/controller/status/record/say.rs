//! What is told of a step once it is recorded: events, alerts, and what is noted on the target.

use super::Recorded;
use crate::analysis::{ReleaseEvent, Stage, State, StepOutcome, Subject};
use crate::api::Canary;
use crate::api::canary::Phase;
use crate::api::canary::status::conditions::{READY, Trouble};
use crate::controller::context::Context;
use crate::controller::effects::notify::alert;
use crate::controller::effects::notify::announce::announce;
use crate::controller::queue::key;
use crate::controller::status::exposition;
use crate::controller::watch::pair::live::Live;
use crate::messages::Severity;
use crate::plan::Workload;
use crate::plan::configs::{MOST, MOST_BYTES};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use std::sync::Arc;

/// The warning, once a run, that some configs are shared with the target and not copied.
fn shared_configs(live: &Live) -> Option<String> {
    let survey = live.survey(live.target.as_ref()?)?;
    let first = survey.shared.first()?;
    Some(format!(
        "{first} and {} more are not released with their pods: more than {} MiB of ConfigMaps and Secrets, or more than {}, \
         are not tracked. Primary shares them with its target",
        survey.shared.len() - 1,
        MOST_BYTES / 1024 / 1024,
        MOST
    ))
}

/// The warning, once a run, where Secrets may not be read.
const SHARED_SECRETS: &str = "Coalmine may not list Secrets here: primary uses the same Secrets as the target, and changing one starts no release";

impl Recorded<'_> {
    pub(super) fn say_what_is_new(
        &self,
        context: &Arc<Context>,
        (canary, stored): (&Canary, &Canary),
        config_has_changed: impl Iterator<Item = String>,
    ) {
        let (key, state) = (key(canary), &self.outcome.state);
        let tell = |severity, text| announce(context, &key, canary, state, severity, text);
        exposition::publish(context, canary, self.before, state);
        if let Some(trouble) = self.trouble.as_ref().filter(|t| !is_known(canary, t)) {
            tell(Severity::Warning, trouble.message.clone());
        }
        if state.phase == Phase::Progressing {
            config_has_changed.for_each(|message| tell(Severity::Normal, message));
        }
        say(context, stored, self.before, self.outcome);
        self.say_on_the_target(context, stored);
        let new_run = state.last_applied != self.before.last_applied;
        if new_run && self.live.configs.shares_secrets(self.live.target.as_ref()) {
            tell(Severity::Warning, SHARED_SECRETS.to_owned());
        }
        if let Some(message) = shared_configs(self.live).filter(|_| new_run) {
            tell(Severity::Warning, message);
        }
    }

    // Whoever looks at the Deployment is to see it there.
    fn say_on_the_target(&self, context: &Context, canary: &Canary) {
        let unbuilt = |note: &&ReleaseEvent| matches!(note, ReleaseEvent::Unbuilt(_));
        let target = self.live.target.clone();
        let target = target.and_then(|target| serde_json::from_value::<Deployment>(target).ok());
        if let (Some(event), Some(target)) = (self.outcome.events.iter().find(unbuilt), target) {
            context
                .effects
                .events
                .record(&target, Severity::Warning, event.text(&subject(canary)));
        }
    }
}

fn subject(canary: &Canary) -> Subject {
    Subject {
        canary: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        target: canary.target_name().to_owned(),
        workload: Workload::of(canary).unwrap_or_default(),
    }
}

pub(super) fn is_known(canary: &Canary, trouble: &Trouble) -> bool {
    let told = canary.status.as_ref().and_then(|status| status.condition(READY));
    told.is_some_and(|c| c.reason == trouble.reason && c.message.as_deref() == Some(trouble.message.as_str()))
}

fn say(context: &Arc<Context>, canary: &Canary, before: &State, outcome: &StepOutcome) {
    let (key, state) = (key(canary), &outcome.state);
    let subject = subject(canary);
    let in_run = |stage: Stage| stage.in_run() || stage == Stage::Waiting;
    let dry_run = state.dry_run && (in_run(before.stage) || in_run(state.stage));
    for event in &outcome.events {
        if *event == ReleaseEvent::Bypassed {
            context.effects.metrics.bypassed_change(&subject.namespace);
        }
        let text = event.text(&subject);
        let text = if dry_run { format!("Dry run: {text}") } else { text };
        announce(context, &key, canary, state, event.severity(), text);
        alert::raise(context, &key, canary, (state.phase, dry_run), event, &subject);
    }
}
