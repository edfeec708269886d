//! What the objects of a pair mean, with what hooks and checks answered and what is remembered of it.

use super::{snapshot::Snapshot, turn::Turn};
use crate::controller::{
    context::{
        Context,
        memory::{check::CheckRun, primary::Made},
    },
    effects::{apply::dispensable::makes_the_pair, ask::hooks},
    lifecycle::inheritance,
    observe::{self, Thresholds, bypassed, pod_diagnostics},
    status,
};
use crate::{
    analysis::{Observation, Rollout, Stage},
    api::Canary,
    plan::enrolment::pairing,
};
use std::time::Duration;

/// How long a target that is to serve again may take before its pods are asked why they do not start.
const SLOW_EXIT: Duration = Duration::from_secs(5);

/// What is seen of a pair.
pub async fn interpret(context: &Context, turn: &Turn, pair: &Snapshot) -> Observation {
    let (key, canary) = (&turn.key, &turn.canary);
    let (live, blueprint, state) = (&pair.live, &pair.blueprint, &pair.state);
    let (answer, answers, refused) = context.memory.of(key, |canary| {
        let answer = canary.check.as_ref().and_then(CheckRun::answer).cloned();
        let refused = canary.failures.refusal_of(|write| makes_the_pair(write, blueprint));
        (answer, canary.questions.answers(), refused)
    });
    let webhook = context.cluster.enabled(&key.0);
    let thresholds = thresholds(canary);
    let mut seen = observe::observe(live, &pair.selector, blueprint, thresholds, webhook, state, answer);
    seen.answers = answers;
    seen.edition = hooks::edition(canary);
    seen.commands = hooks::commands(canary);
    seen.inherited = inheritance::inherited(canary, live, blueprint);
    seen.refused = refused;
    see_whether_apart(context, turn, pair, &mut seen);
    see_whether_edited(context, turn, pair, &mut seen);
    see_why_it_waits(context, turn, pair, &mut seen).await;
    seen.bypassed = why_bypassed(context, turn, pair).await;
    seen
}

// Of a run that shows the canary to somebody; the next one is looked at anew.
async fn why_bypassed(context: &Context, turn: &Turn, pair: &Snapshot) -> Option<String> {
    let (state, memory) = (&pair.state, &context.memory);
    let before = memory.of(&turn.key, |canary| canary.bypassed.clone());
    let look = if state.stage.in_run() && state.intent.reaches_canary() {
        bypassed::look(&context.effects.client, &pair.live, &pair.blueprint, before).await
    } else {
        None
    };
    let why = look.as_ref().and_then(|look| look.why.clone());
    memory.of(&turn.key, |canary| canary.bypassed = look);
    why
}

fn thresholds(canary: &Canary) -> Thresholds {
    let percent = |n: i32| u32::try_from(n).unwrap_or(100);
    let analysis = canary.analysis();
    Thresholds {
        canary: percent(analysis.canary_ready_threshold()),
        primary: percent(analysis.primary_ready_threshold()),
    }
}

// Of generated Canaries alone: the author of a hand-written one chose to pair this app.
fn see_whether_apart(context: &Context, turn: &Turn, pair: &Snapshot, seen: &mut Observation) {
    let generated = turn.canary.is_generated();
    if let (Some(object), Some(target), true) = (&pair.live.target, &mut seen.target, generated) {
        let claims = context.cluster.claims_of(&turn.key.0, object);
        target.apart = pairing::beside_primary(object, &claims)
            .err()
            .map(|why| why.to_string());
    }
}

fn see_whether_edited(context: &Context, turn: &Turn, pair: &Snapshot, seen: &mut Observation) {
    let live = pair.live.primary.as_ref().and_then(Made::of);
    let (Some(primary), Some(made)) = (&mut seen.primary, live) else {
        return;
    };
    // While primary is being made again, the recorded template is the one before.
    let is_made = matches!(pair.state.stage, Stage::Building | Stage::Replacing);
    let recorded = status::made(&turn.canary).filter(|_| !is_made);
    let (edited, now) = context
        .memory
        .of(&turn.key, |canary| canary.primary.look(recorded, made));
    primary.edited = now;
    // What is ready is not what was verified.
    if edited {
        primary.rollout = Rollout::Waiting(String::from("somebody else changed its template"));
    }
}

async fn see_why_it_waits(context: &Context, turn: &Turn, pair: &Snapshot, seen: &mut Observation) {
    let patience = match pair.state.stage {
        Stage::Scaling => Some(turn.canary.progress_deadline()),
        // Nothing else would say why somebody's deletion hangs.
        Stage::LeavingScale => Some(SLOW_EXIT),
        _ => None,
    };
    let waiting = seen.target.as_mut().filter(|t| !t.rollout.is_ready());
    if let (Some(target), Some(patience)) = (waiting, patience) {
        target.trouble = pod_diagnostics::of(&context.effects.client, &pair.live, &pair.state, patience).await;
    }
}
