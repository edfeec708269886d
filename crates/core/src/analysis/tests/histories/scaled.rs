//! Histories in which autoscalers move both halves.

use super::happening;
use crate::analysis::tests::model::{Happening, Model, hash, seconds};
use crate::analysis::tests::{run, weighted};
use crate::analysis::{Stage, Strategy};
use crate::api::{canary::Phase, labels::TargetState};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

/// The most that either autoscaler gives.
pub(in crate::analysis::tests) const MOST: u32 = 8;

impl Model {
    fn scaled(self) -> Self {
        Self {
            autoscaler_min_replicas: Some(0),
            ..self
        }
    }

    /// What production is to have.
    pub(in crate::analysis::tests) fn effective(&self) -> u32 {
        match (self.autoscaler_min_replicas, &self.primary) {
            (Some(_), Some(primary)) if primary.replicas > 0 => primary.replicas,
            (Some(_), _) => self.wanted.clamp(1, MOST),
            (None, _) => self.wanted,
        }
    }

    // An HPA leaves a workload at 0 alone.
    pub(in crate::analysis::tests) fn autoscale(&mut self, n: u32) {
        if let (Some(min_replicas), Some(primary)) = (
            self.autoscaler_min_replicas,
            self.primary.as_mut().filter(|p| p.replicas > 0),
        ) {
            primary.replicas = n.clamp(min_replicas.clamp(1, MOST), MOST);
        }
    }

    // As far as the webhook lets it.
    pub(in crate::analysis::tests) fn autoscale_target(&mut self, n: u32) {
        let min_replicas = self.state.min_replicas;
        if let (Some(_), Some(target)) = (
            self.autoscaler_min_replicas,
            self.target.as_mut().filter(|t| t.replicas > 0),
        ) {
            let n = n.clamp(1, MOST);
            if n > target.replicas || n >= min_replicas {
                target.replicas = n;
            }
        }
    }

    fn until(&mut self, stage: Stage) {
        for _ in 0..200 {
            if self.state.stage == stage {
                return;
            }
            self.step();
            self.now += seconds(1);
        }
        panic!("never came to {stage:?}: {:?}", self.state);
    }

    fn replicas(&self) -> (u32, u32) {
        (
            self.target.as_ref().unwrap().replicas,
            self.primary.as_ref().unwrap().replicas,
        )
    }
}

#[test]
fn the_canary_starts_with_what_primary_runs_and_neither_gets_fewer_in_the_run() {
    let mut model = Model::cold(weighted()).scaled();
    run(&mut model);
    model.happen(&Happening::Autoscale(5));
    run(&mut model);
    assert_eq!(model.replicas(), (0, 5));
    model.happen(&Happening::Apply(2));
    model.until(Stage::Analysing);
    assert_eq!((model.replicas(), model.autoscaler_min_replicas), ((5, 5), Some(5)));
    // Primary's load leaves, its autoscaler would follow; the target's has not seen its own yet.
    model.happen(&Happening::Autoscale(1));
    model.happen(&Happening::AutoscaleTarget(1));
    assert_eq!(model.replicas(), (5, 5));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.replicas(), model.autoscaler_min_replicas),
        (Phase::Succeeded, (0, 5), Some(0))
    );
    model.happen(&Happening::Autoscale(1));
    run(&mut model);
    assert_eq!(model.replicas(), (0, 1));
}

#[test]
fn promotion_carries_what_primary_runs_by_then_and_gives_back_what_the_canary_runs() {
    let mut model = Model::cold(weighted()).scaled();
    run(&mut model);
    model.happen(&Happening::Apply(2));
    model.until(Stage::Analysing);
    model.happen(&Happening::Autoscale(4));
    model.until(Stage::Cutover);
    assert_eq!(model.replicas(), (4, 4));
    model.happen(&Happening::AutoscaleTarget(7));
    model.until(Stage::Draining);
    assert_eq!(model.replicas(), (7, 7));
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
    assert_eq!(model.replicas(), (0, 7));
}

#[test]
fn an_idle_primary_is_not_given_an_autoscaler_before_it_serves() {
    let mut model = Model::hot(weighted()).scaled();
    model.autoscaler_min_replicas = Some(u32::MAX);
    while model.state.stage != Stage::Rest {
        assert_eq!(model.autoscaler_min_replicas, Some(u32::MAX));
        assert_ne!(model.label, Some(TargetState::Rest));
        model.step();
        model.now += seconds(1);
    }
    run(&mut model);
    assert_eq!(model.autoscaler_min_replicas, Some(0));
}

fn autoscaled() -> impl proptest::strategy::Strategy<Value = Happening> {
    prop_oneof![
        3 => happening(),
        2 => (0u32..10).prop_map(Happening::Autoscale),
        2 => (0u32..10).prop_map(Happening::AutoscaleTarget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, .. ProptestConfig::default() })]

    #[test]
    fn every_history_with_autoscalers_keeps_the_invariants_and_comes_to_rest(
        hot in any::<bool>(), green in any::<bool>(),
        history in proptest::collection::vec((autoscaled(), 0u8..4), 1..40),
    ) {
        let strategy = if green { Strategy::Iterations(2) } else { weighted() };
        let mut model = if hot { Model::hot(strategy) } else { Model::cold(strategy) }.scaled();
        for (what, steps) in &history {
            model.happen(what);
            for _ in 0..*steps {
                let before = model.state.stage;
                model.step();
                if before != Stage::Cutover && model.state.stage == Stage::Cutover {
                    let (target, primary) = model.replicas();
                    prop_assert!(target >= primary, "{target} are to carry what {primary} did");
                }
            }
        }
        model.pods_start = true;
        model.config_gone = false;
        model.roll();
        if model.target.is_none() {
            model.happen(&Happening::Apply(2));
        }
        model.answer = 0;
        model.everybody_agrees();
        model.settle();
        model.assert_at_rest();
    }
}
