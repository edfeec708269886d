//! The Services of the pair: the halves are simply made, the apex moves.

use super::{Conflict, Pair, escaped, patch, test_version};
use crate::{
    analysis::{ApexSide, Dismantle, Pods, World},
    api::labels::{self, TargetState},
    controller::{
        cache::Kind,
        live::{annotation, label},
        observe::apex_side,
        write::Write,
    },
    plan::{
        ServiceRole, Workload, apex_selector, copies, generate::ORIGINAL_SELECTOR, primary_revision, service, template,
    },
};
use serde_json::{Map, Value, json};

impl Pair<'_> {
    // The Services of the two halves never change side, so they are simply made.
    pub(super) fn halves(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let target = self.live.target.as_ref();
        if self.blueprint.workload == Workload::Service {
            if let Some(target) = target {
                self.canary_copy(target, world, writes, conflicts);
            }
            return;
        }
        let halves = [
            (ServiceRole::Primary, &self.live.primary_service),
            (ServiceRole::Canary, &self.live.canary_service),
        ];
        for (role, live) in halves {
            let Some(wanted) = service(role, target, self.selector, self.blueprint, ApexSide::Primary) else {
                continue;
            };
            self.apply(Kind::Service, "Service", live.as_ref(), wanted, writes, conflicts);
        }
    }

    // Under traffic the copy stays as it is verified; before a run and between runs it follows its original.
    fn canary_copy(&self, target: &Value, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let idle = world.target_pods == Some(Pods::Dressed) || world.target_state == Some(TargetState::Rest);
        let live = self.live.canary_service.as_ref();
        let revision = template::revision(target).unwrap_or_default();
        let same = live.is_some_and(|copy| primary_revision(copy) == Some(revision.as_str()));
        if same || live.is_some() && !idle {
            return;
        }
        if live.is_some_and(|copy| !self.is_ours(copy)) {
            conflicts.push(Conflict::Name("Service", copies::canary_name(self.blueprint)));
            return;
        }
        let spec = copies::copied_spec(target);
        let object = copies::copy(&copies::canary_name(self.blueprint), &spec, &revision, self.blueprint);
        writes.push(Write::Apply {
            kind: Kind::Service,
            object,
        });
    }

    pub(super) fn apex(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        if self.blueprint.workload == Workload::Service {
            return;
        }
        let target = self.live.target.as_ref();
        if world.dismantle == Dismantle::Traffic {
            return self.returned_apex(writes);
        }
        let building_hot = world.apex.is_none() && world.primary.is_some();
        let side = world.apex.unwrap_or(ApexSide::Target);
        let Some(live) = &self.live.apex else {
            if (world.apex.is_some() || building_hot)
                && let Some(wanted) = service(ServiceRole::Apex, target, self.selector, self.blueprint, side)
            {
                self.apply(Kind::Service, "Service", None, wanted, writes, conflicts);
            }
            return;
        };
        let Some(side) = world.apex else { return };
        if apex_side(live, self.selector, target) == Some(side) {
            return;
        }
        writes.push(self.moved_apex(live, &apex_selector(self.selector, side)));
    }

    fn moved_apex(&self, live: &Value, selector: &Map<String, Value>) -> Write {
        let mut operations = vec![
            test_version(live),
            json!({"op": "replace", "path": "/spec/selector", "value": selector}),
        ];
        let own = label(live, labels::GENERATED).is_none() && annotation(live, ORIGINAL_SELECTOR).is_none();
        let original = live.pointer("/spec/selector").map(Value::to_string);
        if let Some(original) = original.filter(|_| own) {
            if live.pointer("/metadata/annotations").is_none() {
                operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
            }
            operations.push(json!({"op": "add", "path": format!("/metadata/annotations/{}", escaped(ORIGINAL_SELECTOR)), "value": original}));
        }
        patch(Kind::Service, live, operations)
    }

    fn returned_apex(&self, writes: &mut Vec<Write>) {
        let Some(live) = &self.live.apex else { return };
        let original = annotation(live, ORIGINAL_SELECTOR).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let wanted = original.unwrap_or_else(|| Value::Object(self.selector.target_labels()));
        let recorded = annotation(live, ORIGINAL_SELECTOR).is_some();
        if live.pointer("/spec/selector") == Some(&wanted) && !recorded {
            return;
        }
        let mut operations = vec![
            test_version(live),
            json!({"op": "replace", "path": "/spec/selector", "value": wanted}),
        ];
        if recorded {
            operations
                .push(json!({"op": "remove", "path": format!("/metadata/annotations/{}", escaped(ORIGINAL_SELECTOR))}));
        }
        writes.push(patch(Kind::Service, live, operations));
    }
}
