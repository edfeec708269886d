//! What is seen of the target and of primary. Pure.

use super::{
    Thresholds,
    live_workload::LiveWorkload,
    pod_diagnostics,
    wanted::{decides, wanted},
};
use crate::object::label;
use crate::{
    analysis::{Primary, Rollout, Target},
    api::labels::{self, TargetState},
    controller::watch::pair::live::Live,
    plan::{
        Blueprint,
        configs::Reference,
        primary_revision,
        revision::template_of,
        workload::{
            overrides::{self, Record},
            revisions, template,
        },
    },
    routing::{Names, OwnRoute},
};
use serde_json::{Map, Value};

/// The halves of a pair, and how they are looked at.
#[derive(Debug)]
pub struct Halves<'a> {
    /// The objects of the pair.
    pub live: &'a Live,
    /// What its Canary wants of it.
    pub blueprint: &'a Blueprint,
    /// The Services by whose halves users are sent, or are about to be.
    pub carrying: Vec<&'a Names>,
    /// How ready is ready.
    pub thresholds: Thresholds,
    /// Whether every change of the target should have passed admission.
    pub webhook: bool,
}

impl Halves<'_> {
    /// The target; `nodes` is how many pods primary is to have.
    pub fn target(&self, target: &Value, nodes: Option<u32>) -> Target {
        let half = self.half(target);
        let survey = self.live.survey(target);
        let (revision, missing) = survey.map_or_else(
            || (half.revision(), None),
            |s| (s.revision, missing_configs(&s.missing)),
        );
        let (active, held, state) = (half.active(), half.is_held(), self.state(target));
        let current = if held {
            active.as_deref()
        } else {
            Some(revision.as_str())
        };
        let rolls = self.blueprint.workload.rolls();
        Target {
            replicas: half.replicas(),
            wanted: self.wanted(state, half.replicas(), nodes),
            fixed: self.is_fixed(),
            paused: target.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false),
            held,
            state,
            bypassed: self.webhook && rolls && label(target, labels::REVISION) != Some(template_of(&revision)),
            rollout: half.rollout(self.thresholds.canary),
            known: self.live.known(),
            plain: Record::of(target).is_none(),
            apart: None,
            restorable: rolls,
            overridden: !rolls || has_overrides(target, &self.blueprint.overrides),
            endpoints: self.endpoints(half, current, |names| &names.canary),
            revision,
            missing,
            active,
            trouble: None,
        }
    }

    /// Primary, if there is one.
    pub fn primary(&self) -> Option<Primary> {
        if let Some(own) = self.blueprint.workload.own_route() {
            return self.live.target.as_ref().and_then(|target| self.serving(own, target));
        }
        let primary = self.live.primary.as_ref()?;
        let half = self.half(primary);
        Some(Primary {
            replicas: half.replicas(),
            fixed: self.is_fixed(),
            revision: primary_revision(primary).map(str::to_owned),
            edited: false,
            rollout: with_refusal(half.rollout(self.thresholds.primary), primary),
            has_pods: half.has_pods(),
            endpoints: self.endpoints(half, Some(&half.revision()), |names| &names.primary),
        })
    }

    // The revision of a target that is its own route that serves everybody. None is named of a new one before any is ready.
    fn serving(&self, own: OwnRoute, target: &Value) -> Option<Primary> {
        // One that is missing serves nobody: another is named in its place.
        let named = own.primary(target).filter(|name| !own.is_missing(target, name));
        let half = self.half(target);
        let rollout = match (named, own.ready(target)) {
            (Some(_), _) => Rollout::Ready,
            (None, None) => half.rollout(self.thresholds.primary),
            (None, Some(_)) => return None,
        };
        Some(Primary {
            replicas: half.replicas(),
            fixed: self.is_fixed(),
            revision: named.map(revisions::revision),
            edited: false,
            rollout,
            has_pods: half.has_pods(),
            endpoints: None,
        })
    }

    fn half<'a>(&'a self, object: &'a Value) -> LiveWorkload<'a> {
        LiveWorkload {
            workload: self.blueprint.workload,
            object,
            live: self.live,
        }
    }

    // Nobody says how many pods it has: nodes do.
    fn is_fixed(&self) -> bool {
        !self.blueprint.workload.is_counted()
    }

    // A Service needs no label: nothing of it starts or stops.
    fn state(&self, target: &Value) -> Option<TargetState> {
        let told = || label(target, labels::STATE).and_then(TargetState::parse);
        if self.blueprint.workload.rolls() {
            told()
        } else {
            Some(TargetState::Serving)
        }
    }

    fn wanted(&self, state: Option<TargetState>, replicas: u32, nodes: Option<u32>) -> u32 {
        match nodes.filter(|_| self.is_fixed()) {
            Some(nodes) => nodes,
            None => {
                let who = decides(self.live, self.blueprint);
                wanted(self.live.desired(), state, replicas, nodes, who)
            }
        }
    }

    // The fewest ready endpoints of a revision that any of the Services users are sent by has.
    fn endpoints(
        &self,
        half: LiveWorkload<'_>,
        revision: Option<&str>,
        service: impl Fn(&Names) -> &String,
    ) -> Option<u32> {
        let all = self.carrying.iter();
        all.map(|names| half.endpoints(service(names), revision)).min()
    }
}

// Whether canary pods made from the template are what the Canary wants of them.
fn has_overrides(target: &Value, overrides: &Map<String, Value>) -> bool {
    let author = template::authored(target).unwrap_or_default();
    let (wanted, record) = overrides::applied(&author, overrides);
    // A DaemonSet that is kept at zero says so in its node selector.
    let zero = template::is_scaled_to_zero(target);
    let live = target.pointer("/spec/template/spec");
    let same = |field: &str| {
        let meant = wanted.get("spec").and_then(|spec| spec.get(field));
        zero && field == "nodeSelector" || live.and_then(|spec| spec.get(field)) == meant
    };
    Record::of(target) == record && overrides::FIELDS.into_iter().all(same)
}

fn missing_configs(configs: &[Reference]) -> Option<String> {
    let names: Vec<String> = configs.iter().map(Reference::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

// What keeps pods from being created is the better reason.
fn with_refusal(rollout: Rollout, workload: &Value) -> Rollout {
    match (rollout, pod_diagnostics::quota(workload)) {
        (Rollout::Waiting(why), Some(refused)) => Rollout::Waiting(format!("{why}: {refused}")),
        (rollout, _) => rollout,
    }
}
