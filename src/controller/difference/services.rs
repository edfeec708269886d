//! The Services of the pair: the halves are simply made, the apex moves.

use super::{Conflict, Pair, contains, escaped, patch, test_version};
use crate::{
    analysis::{ApexSide, Dismantle, Pods, PrimaryTemplate, World},
    api::labels::TargetState,
    controller::{
        cache::Kind,
        live::{annotation, text},
        observe::apex_side,
        write::Write,
    },
    plan::{
        ServiceRole, Workload, apex_selector, copies,
        generate::ORIGINAL_SELECTOR,
        ports::{self, Around, Wanted},
        primary_revision, serves_alike, service, template,
    },
};
use serde_json::{Value, json};

/// The pod templates behind the Services.
struct Templates {
    verified: Option<Value>,
    tested: Option<Value>,
}

impl Pair<'_> {
    // The Services of the two halves never change side, so they are simply made.
    pub(super) fn halves(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        if self.blueprint.workload == Workload::Service {
            if let Some(target) = &self.live.target {
                self.canary_copy(target, world, writes, conflicts);
            }
            return;
        }
        let templates = self.templates(world);
        let around = self.around(world, &templates);
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
    fn templates(&self, world: &World) -> Templates {
        let own = |workload: &Option<Value>| workload.as_ref()?.pointer("/spec/template").cloned();
        let remembered = |revision: Option<&str>| revision.and_then(|revision| self.live.template(revision));
        let made = match &world.primary {
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

    fn around<'a>(&'a self, world: &World, templates: &'a Templates) -> Around<'a> {
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
            idle: matches!(world.primary, Some(PrimaryTemplate::Revision(_))),
        }
    }

    fn apply_service(
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
        if world.dismantle == Dismantle::Traffic {
            return self.returned_apex(writes);
        }
        let templates = self.templates(world);
        let around = self.around(world, &templates);
        let building_hot = world.apex.is_none() && world.primary.is_some();
        let side = world.apex.unwrap_or(ApexSide::Target);
        let ours = || service(ServiceRole::Apex, self.selector, &around, side);
        let Some(live) = &self.live.apex else {
            if let Some(wanted) = (world.apex.is_some() || building_hot).then(ours).flatten() {
                self.apply_service(None, wanted, writes, conflicts);
            }
            return;
        };
        if world.apex.is_none() {
            return;
        }
        if !self.is_ours(live) {
            return writes.extend(self.moved_apex(live, side, &around));
        }
        // One that we made follows its Canary, unless it has just become the user's.
        let Some(mut wanted) = ours().filter(|wanted| !is_as_wanted(live, wanted)) else {
            return;
        };
        if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert(
                "resourceVersion".to_owned(),
                json!(text(live, "/metadata/resourceVersion")),
            );
        }
        self.apply_service(Some(live), wanted, writes, conflicts);
    }

    // The user's own: its selector moves, and with it, in one write, the ports that the side behind it has.
    fn moved_apex(&self, live: &Value, side: ApexSide, around: &Around<'_>) -> Option<Write> {
        let mut operations = Vec::new();
        let mut notes: Vec<(&str, Option<String>)> = Vec::new();
        if apex_side(live, self.selector, self.live.target.as_ref()) != Some(side) {
            let selector = apex_selector(self.selector, side);
            operations.push(json!({"op": "add", "path": "/spec/selector", "value": selector}));
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
            operations.push(json!({"op": "replace", "path": "/spec/ports", "value": ports}));
        }
        changed(live, operations)
    }

    fn returned_apex(&self, writes: &mut Vec<Write>) {
        let Some(live) = &self.live.apex else { return };
        let recorded = annotation(live, ORIGINAL_SELECTOR).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let own = recorded.unwrap_or_else(|| Value::Object(self.selector.target_labels()));
        let mut operations = Vec::new();
        match live.pointer("/spec/selector") {
            has if has.unwrap_or(&Value::Null) == &own => {}
            Some(_) if own.is_null() => operations.push(json!({"op": "remove", "path": "/spec/selector"})),
            _ => operations.push(json!({"op": "add", "path": "/spec/selector", "value": own})),
        }
        operations.extend(noted(live, &[(ORIGINAL_SELECTOR, None), (Wanted::ANNOTATION, None)]));
        let ports = Wanted::of(live).over(ports::of(live));
        if ports != ports::of(live) {
            operations.push(json!({"op": "replace", "path": "/spec/ports", "value": ports}));
        }
        writes.extend(changed(live, operations));
    }
}

fn is_as_wanted(live: &Value, wanted: &Value) -> bool {
    let mut rest = wanted.clone();
    if let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("ports");
    }
    serves_alike(live, wanted) && contains(live, &rest)
}

fn changed(live: &Value, operations: Vec<Value>) -> Option<Write> {
    let all = std::iter::once(test_version(live)).chain(operations.iter().cloned());
    (!operations.is_empty()).then(|| patch(Kind::Service, live, all.collect()))
}

// The operations after which an object's annotations are these.
fn noted(live: &Value, notes: &[(&str, Option<String>)]) -> Vec<Value> {
    let differs = |(key, value): &&(&str, Option<String>)| annotation(live, key) != value.as_deref();
    let mut operations = Vec::new();
    for (key, value) in notes.iter().filter(differs) {
        let path = format!("/metadata/annotations/{}", escaped(key));
        let Some(value) = value else {
            operations.push(json!({"op": "remove", "path": path}));
            continue;
        };
        if live.pointer("/metadata/annotations").is_none() && operations.is_empty() {
            operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
        }
        operations.push(json!({"op": "add", "path": path, "value": value}));
    }
    operations
}
