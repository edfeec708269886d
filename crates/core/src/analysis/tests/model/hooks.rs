//! The other end of hooks in histories, and what must be true of gates whatever it says.

use crate::analysis::*;
use crate::api::canary::{HookType, Phase};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The types of hooks that a run waits for.
pub(in crate::analysis::tests) const GATES: [HookType; 6] = [
    HookType::ConfirmRollout,
    HookType::PreRollout,
    HookType::ConfirmTrafficIncrease,
    HookType::ConfirmPromotion,
    HookType::PostRollout,
    HookType::Rollback,
];

/// What hooks of a type say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::analysis::tests) enum Says {
    /// They answer with success.
    Yes,
    /// They answer with failure.
    No,
    /// Nothing, for ever.
    Nothing,
}

/// Answers what is asked, as told.
#[derive(Debug, Default)]
pub(in crate::analysis::tests) struct Receiver {
    pub(in crate::analysis::tests) says: BTreeMap<HookType, Says>,
    pub(in crate::analysis::tests) answers: Vec<Answer>,
    pub(in crate::analysis::tests) asked: Vec<Question>,
}

impl Receiver {
    pub(in crate::analysis::tests) fn hear(&mut self, questions: &[Question], now: Timestamp) {
        for question in questions {
            self.asked.push(question.clone());
            self.answers.retain(|answer| answer.question.kind != question.kind);
            let default = if question.kind == HookType::Rollback {
                Says::No
            } else {
                Says::Yes
            };
            let says = self.says.get(&question.kind).copied().unwrap_or(default);
            if says != Says::Nothing {
                self.answers.push(answer(question, says == Says::Yes, now));
            }
        }
    }

    /// How often hooks of a type were asked.
    pub(in crate::analysis::tests) fn times(&self, kind: HookType) -> usize {
        self.asked.iter().filter(|question| question.kind == kind).count()
    }
}

fn answer(question: &Question, yes: bool, at: Timestamp) -> Answer {
    let hook = question.kind.as_str().to_owned();
    let refusal = Refusal {
        hook: hook.clone(),
        error: "no".into(),
        muted: false,
    };
    Answer {
        question: question.clone(),
        at,
        agreed: if yes { vec![hook] } else { Vec::new() },
        refused: (!yes).then_some(refusal),
    }
}

/// No gate is passed that did not open, and nothing begins that nobody asked for.
pub(in crate::analysis::tests) fn assert_allowed(settings: &RunSettings, old: &State, new: &State, seen: &Observation) {
    let agreed = |kind| {
        let mut answers = seen.answers.iter();
        !settings.hooks.contains(&kind) || answers.any(|a| a.question.kind == kind && a.refused.is_none())
    };
    let skipped = new.skip || settings.skip_analysis;
    let entered = |from: Stage, to: Stage| old.stage == from && new.stage == to;
    if entered(Stage::Waiting, Stage::Scaling) {
        assert!(
            agreed(HookType::ConfirmRollout) || skipped,
            "scaled up past a gate: {old:?}"
        );
    }
    if new.stage == Stage::Analysing && !old.started {
        assert!(
            agreed(HookType::PreRollout) || new.gate.is_some() || old.gate.is_some(),
            "{old:?}"
        );
    }
    let promotes = old.stage == Stage::Analysing && matches!(new.stage, Stage::Carrying | Stage::Cutover);
    if promotes {
        assert!(
            agreed(HookType::ConfirmPromotion) || skipped,
            "promoted past a gate: {old:?}"
        );
        assert!(!new.dry_run, "a dry run promotes nothing: {old:?}");
    }
    let weighted = matches!(settings.strategy, Strategy::Weighted(_));
    let rises = old.stage == Stage::Analysing && new.intent.canary() > old.intent.canary();
    if weighted && rises && !promotes {
        assert!(
            agreed(HookType::ConfirmTrafficIncrease),
            "a weight rose past a gate: {old:?}"
        );
    }
    // Also while it is suspended, and nothing is looked at.
    let still = matches!(new.reason.as_deref(), Some("asleep" | "paused"));
    let waits = new.phase == Phase::WaitingPromotion || new.stage == Stage::Waiting;
    assert!(
        !waits || new.gate.is_some() || !settings_have_gates(settings) || still,
        "waits for nothing named: {new:?}"
    );
    if old.stage == Stage::Rest && matches!(new.stage, Stage::Scaling | Stage::Waiting) {
        let revision = seen.target.as_ref().map(|t| &t.revision);
        let asked = old.commands.reset || old.commands.skip || old.dry_run;
        assert!(
            old.last_applied.as_ref() != revision || asked,
            "nobody asked for this run: {old:?}"
        );
    }
    if new.dry_run {
        assert_eq!(new.canary_weight(), 0, "a dry run moves nobody");
    }
}

fn settings_have_gates(settings: &RunSettings) -> bool {
    settings.hooks.contains(&HookType::ConfirmPromotion)
}
