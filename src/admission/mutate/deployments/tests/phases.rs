//! The target as it is stored in each phase; v1 is promoted.

use super::super::CoarseStage;
use super::{deployment, managed};
use serde_json::Value;

pub(super) struct Phase {
    pub name: &'static str,
    pub stage: CoarseStage,
    pub stored: Value,
}

impl Phase {
    /// The image of the template that is stored.
    pub(super) fn image(&self) -> &str {
        self.stored["spec"]["template"]["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
    }
}

/// All of them.
pub(super) fn phases() -> Vec<Phase> {
    let phase = |name, stage, stored| Phase { name, stage, stored };
    let serving = || managed("serving", 3, "3", "v2");
    vec![
        phase("enrolling, cold", CoarseStage::Building, managed("cold", 0, "3", "v1")),
        phase("enrolling, hot", CoarseStage::Building, managed("hot", 3, "3", "v1")),
        phase("at rest", CoarseStage::Rest, managed("rest", 0, "3", "v1")),
        phase("Waiting", CoarseStage::Waiting, managed("rest", 0, "3", "v2")),
        phase("analysis running", CoarseStage::Running, serving()),
        phase("WaitingPromotion", CoarseStage::Running, serving()),
        phase("Promoting", CoarseStage::Promoting, serving()),
        phase("Finalising", CoarseStage::Promoting, serving()),
        phase("Failed", CoarseStage::Failed, managed("rest", 0, "3", "bad")),
        phase("asleep", CoarseStage::Rest, managed("rest", 0, "0", "v1")),
        phase("Terminating", CoarseStage::Leaving, managed("hot", 3, "3", "v1")),
    ]
}

/// Those of an app that has pods and stays.
pub(super) fn awake() -> Vec<Phase> {
    let mut all = phases();
    all.retain(|phase| phase.name != "asleep" && phase.stage != CoarseStage::Leaving);
    all
}

/// What the author of the app sends.
pub(super) fn manifest(replicas: i64, image: &str) -> Value {
    deployment(replicas, image, &[])
}
