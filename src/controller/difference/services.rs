//! The Services of the pair: the halves are simply made, the apex moves.

pub(super) mod followers;

use super::{Conflict, Pair, contains, patch, primary::metadata_operations, test_version};
use crate::object::{annotation, text};
use crate::{
    analysis::{DesiredState, Dismantle, Pods, PrimaryTemplate},
    api::labels::TargetState,
    controller::{
        difference::write::Write,
        observe::apex_side,
        watch::{cache::Kind, rivals::is_a_rivals},
    },
    patches,
    plan::{
        ApexSide, ServiceRole, Workload, apex_selector, primary_revision, serves_alike, service,
        services::{
            copies,
            pointing::{self, ORIGINAL_SELECTOR},
            ports::{self, Around, Wanted},
        },
        workload::template,
    },
};
use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// The pod templates behind the Services.
pub(super) struct Templates {
    pub(super) verified: Option<Value>,
    pub(super) tested: Option<Value>,
}

impl Pair<'_> {
    // The Services of the two halves never change side, so they are simply made.
    pub(super) fn halves(&self, desired: &DesiredState, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        if !self.blueprint.workload.rolls() {
            let copied = self.blueprint.workload == Workload::Service;
            if let Some(target) = self.live.target.as_ref().filter(|_| copied) {
                self.canary_copy(target, desired, writes, conflicts);
            }
            return;
        }
        let templates = self.templates(desired);
        let around = self.around(desired, &templates);
        let halves = [
            (ServiceRole::Primary, &self.live.primary_service),
            (ServiceRole::Canary, &self.live.canary_service),
        ];
        for (role, live) in halves {
            let Some(wanted) = service(role, self.selector, &around, ApexSide::Primary) else {
                continue;
            };
            self.apply_service(live.as_ref(), wanted, writes, conflicts);
        }
    }

    // Production is what primary is made from, or what it is; a target that is held still runs what it ran.
    pub(super) fn templates(&self, desired: &DesiredState) -> Templates {
        let own = |workload: &Option<Value>| workload.as_ref()?.pointer("/spec/template").cloned();
        let remembered = |revision: Option<&str>| revision.and_then(|revision| self.live.template(revision));
        let made = match &desired.primary {
            Some(PrimaryTemplate::Revision(revision) | PrimaryTemplate::Restored(revision)) => {
                self.live.template(revision)
            }
            _ => None,
        };
        let held = self.seen.target.as_ref().filter(|target| target.held);
        Templates {
            verified: made
                .or_else(|| own(&self.live.primary))
                .or_else(|| remembered(self.seen.promoted.as_deref())),
            tested: remembered(held.and_then(|target| target.active.as_deref())).or_else(|| own(&self.live.target)),
        }
    }

    fn around<'a>(&'a self, desired: &DesiredState, templates: &'a Templates) -> Around<'a> {
        let apex = self.live.apex.as_ref();
        Around {
            blueprint: self.blueprint,
            apex,
            users: apex.is_some_and(|apex| !self.is_ours(apex)),
            primary: self.live.primary_service.as_ref(),
            canary: self.live.canary_service.as_ref(),
            verified: templates.verified.as_ref(),
            tested: templates.tested.as_ref(),
            // Whenever it is made anew, nobody is sent to it.
            idle: matches!(desired.primary, Some(PrimaryTemplate::Revision(_))),
        }
    }

    pub(super) fn apply_service(
        &self,
        live: Option<&Value>,
        wanted: Value,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        match live {
            Some(object) if !self.is_ours(object) => {
                conflicts.push(Conflict::Name("Service", text(object, "/metadata/name").to_owned()));
            }
            Some(object) if is_as_wanted(object, &wanted) => {}
            _ => writes.push(Write::Apply {
                kind: Kind::Service,
                object: wanted,
            }),
        }
    }

    // Under traffic the copy stays as it is verified; before a run and between runs it follows its original.
    fn canary_copy(
        &self,
        target: &Value,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let idle = desired.target_pods == Some(Pods::Overridden) || desired.target_state == Some(TargetState::Rest);
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

    // What keeps this Canary from its Services: another one has them, or the apex is somebody else's.
    pub(super) fn contested(&self, desired: &DesiredState) -> Option<Conflict> {
        let live = self.live;
        if let Some(other) = self.rivals_service() {
            return Some(Conflict::Name("Service", text(other, "/metadata/name").to_owned()));
        }
        let apex = live.apex.as_ref().filter(|apex| !self.is_ours(apex))?;
        let pods = pointing::pods_of_pair(live.target.as_ref(), live.primary.as_ref(), self.selector);
        let leaving = desired.dismantle != Dismantle::No;
        let selects = apex.pointer("/spec/selector").and_then(Value::as_object);
        let chosen = self.blueprint.apex_is_chosen && selects.is_some_and(|labels| !labels.is_empty());
        let own = leaving || chosen || pointing::is_own_apex(apex, self.selector, &pods);
        (!own).then(|| Conflict::Apex(text(apex, "/metadata/name").to_owned()))
    }

    /// A Service of the pair's names that another Canary has.
    pub(super) fn rivals_service(&self) -> Option<&Value> {
        let live = self.live;
        let services = [&live.apex, &live.primary_service, &live.canary_service];
        services
            .into_iter()
            .flatten()
            .find(|service| is_a_rivals(service, &live.rivals))
    }

    pub(super) fn apex(&self, desired: &DesiredState, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        if !self.blueprint.workload.rolls() {
            return;
        }
        if desired.dismantle == Dismantle::Traffic {
            writes.extend(self.live.apex.iter().filter_map(|apex| self.returned(apex, false)));
            return;
        }
        let templates = self.templates(desired);
        let around = self.around(desired, &templates);
        let building_hot = desired.apex.is_none() && desired.primary.is_some();
        let side = desired.apex.unwrap_or(ApexSide::Target);
        let ours = || service(ServiceRole::Apex, self.selector, &around, side);
        let Some(live) = &self.live.apex else {
            let made = (desired.apex.is_some() || building_hot) && self.may_be_called();
            if let Some(wanted) = made.then(ours).flatten() {
                self.apply_service(None, wanted, writes, conflicts);
            }
            return;
        };
        if desired.apex.is_none() {
            return;
        }
        if !self.is_ours(live) {
            return writes.extend(self.moved_apex(live, side, &around));
        }
        // One that we made follows its Canary, unless it has just become the user's.
        if let Some(wanted) = ours().filter(|wanted| !is_as_wanted(live, wanted)) {
            writes.extend(changed(live, made_as(live, &wanted)));
        }
    }

    // The user's own: its selector moves, and with it, in one write, the ports that the side behind it has.
    pub(super) fn moved_apex(&self, live: &Value, side: ApexSide, around: &Around<'_>) -> Option<Write> {
        let mut operations = Vec::new();
        let mut notes: Vec<(&str, Option<String>)> = Vec::new();
        if apex_side(live, self.selector, self.live.target.as_ref()) != Some(side) {
            let selector = apex_selector(self.selector, side);
            operations.push(patches::add(["spec", "selector"], selector));
            if annotation(live, ORIGINAL_SELECTOR).is_none() {
                // One that had none gets none back.
                let original = live.pointer("/spec/selector").unwrap_or(&Value::Null);
                notes.push((ORIGINAL_SELECTOR, Some(original.to_string())));
            }
        }
        let (ports, wanted) = around.of_users_apex(live, side);
        notes.push((Wanted::ANNOTATION, wanted.text()));
        operations.extend(noted(live, &notes));
        if ports != ports::of(live) {
            operations.push(patches::replace(["spec", "ports"], ports));
        }
        changed(live, operations)
    }

    // Back to what its author means. One that means primary's pods as well waits for these to be gone: they are let go while
    // it would still send there.
    pub(super) fn returned(&self, live: &Value, last: bool) -> Option<Write> {
        let recorded = pointing::recorded(live);
        let moved = || apex_side(live, self.selector, self.live.target.as_ref()) == Some(ApexSide::Primary);
        if recorded.is_none() && !self.is_ours(live) && !moved() {
            return None;
        }
        let mut own = recorded.unwrap_or_else(|| Value::Object(self.selector.target_labels()));
        let of_primary = self.live.primary.as_ref().and_then(pointing::pods);
        let means = own.as_object();
        let both = means
            .zip(of_primary)
            .is_some_and(|(own, pods)| pointing::matches(own, pods));
        let waits = both && !last;
        if waits {
            own = Value::Object(self.selector.target_labels());
        }
        let mut operations = Vec::new();
        match live.pointer("/spec/selector") {
            has if has.unwrap_or(&Value::Null) == &own => {}
            Some(_) if own.is_null() => operations.push(patches::remove(["spec", "selector"])),
            _ => operations.push(patches::add(["spec", "selector"], own)),
        }
        if !waits {
            operations.extend(noted(live, &[(ORIGINAL_SELECTOR, None), (Wanted::ANNOTATION, None)]));
        }
        let ports = Wanted::of(live).over(ports::of(live));
        if ports != ports::of(live) {
            operations.push(patches::replace(["spec", "ports"], ports));
        }
        changed(live, operations)
    }
}

fn is_as_wanted(live: &Value, wanted: &Value) -> bool {
    let mut rest = wanted.clone();
    if let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("ports");
    }
    serves_alike(live, wanted) && contains(live, &rest)
}

// One by one, since nobody owns what we made of it: an apply would leave in it what is not wanted any more. What the API
// server filled in stays.
fn made_as(live: &Value, wanted: &Value) -> Vec<PatchOperation> {
    const LEFT_TO_OTHERS: [&str; 2] = ["clusterIP", "type"];
    let mut operations = Vec::new();
    let spec = |of: &Value| of.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let (has, wants) = (spec(live), spec(wanted));
    for (field, value) in wants
        .iter()
        .filter(|(field, _)| !LEFT_TO_OTHERS.contains(&field.as_str()))
    {
        let same = if field == "ports" {
            ports::same(ports::of(live), ports::of(wanted))
        } else {
            has.get(field) == Some(value)
        };
        if !same {
            operations.push(patches::add(["spec", field], value.clone()));
        }
    }
    if has.contains_key("trafficDistribution") && !wants.contains_key("trafficDistribution") {
        operations.push(patches::remove(["spec", "trafficDistribution"]));
    }
    metadata_operations(live, wanted, &mut operations);
    let owners = wanted.pointer("/metadata/ownerReferences");
    if let Some(owners) = owners.filter(|owners| Some(*owners) != live.pointer("/metadata/ownerReferences")) {
        operations.push(patches::add(["metadata", "ownerReferences"], owners.clone()));
    }
    operations
}

pub(super) fn changed(live: &Value, operations: Vec<PatchOperation>) -> Option<Write> {
    let all = std::iter::once(test_version(live)).chain(operations.iter().cloned());
    (!operations.is_empty()).then(|| patch(Kind::Service, live, all.collect()))
}

// The operations after which an object's annotations are these.
pub(super) fn noted(live: &Value, notes: &[(&str, Option<String>)]) -> Vec<PatchOperation> {
    let differs = |(key, value): &&(&str, Option<String>)| annotation(live, key) != value.as_deref();
    let mut operations = Vec::new();
    for (key, value) in notes.iter().filter(differs) {
        let place = ["metadata", "annotations", key];
        let Some(value) = value else {
            operations.push(patches::remove(place));
            continue;
        };
        if live.pointer("/metadata/annotations").is_none() && operations.is_empty() {
            operations.push(patches::add(["metadata", "annotations"], Map::new()));
        }
        operations.push(patches::add(place, value.as_str()));
    }
    operations
}
