//! The writes that make the live objects what a [`World`] wants. Pure; no difference, no write.
//!
//! Order: the target is labelled and scaled up first, then Services, primary, apex, route. Scaling down needs no place
//! of its own: a stage wants it only when its traffic is known to have left.

use super::{
    cache::Kind,
    live::{Live, annotation, label, text},
    observe::apex_side,
    write::Write,
};
use crate::{
    analysis::{ApexSide, Dismantle, Observation, PrimaryTemplate, Target, World},
    api::labels,
    plan::{Blueprint, Selector, ServiceRole, apex_selector, generate::ORIGINAL_SELECTOR, primary, route, service},
    routing::{Weights, httproute},
};
use serde_json::{Map, Value, json};

/// What keeps a world from being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// An object of that kind and name exists and is not ours.
    Name(&'static str, String),
    /// No stored object remembers the template of this revision.
    LostRevision(String),
}

/// Everything a difference is made from.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The live objects.
    pub live: &'a Live,
    /// How the halves are told apart.
    pub selector: &'a Selector,
    /// What the Canary wants of its objects.
    pub blueprint: &'a Blueprint,
    /// What was seen.
    pub seen: &'a Observation,
}

/// The writes from `pair` to `world`, in order, and what could not be done.
pub fn difference(world: &World, pair: Pair<'_>) -> (Vec<Write>, Vec<Conflict>) {
    let mut writes = Vec::new();
    let mut conflicts = Vec::new();
    if world.dismantle == Dismantle::Everything {
        pair.dismantle(&mut writes);
        return (writes, conflicts);
    }
    pair.target(world, &mut writes);
    if world.primary.is_some() {
        pair.halves(&mut writes, &mut conflicts);
    }
    pair.primary(world, &mut writes, &mut conflicts);
    pair.apex(world, &mut writes, &mut conflicts);
    pair.routes(world, &mut writes);
    (writes, conflicts)
}

impl Pair<'_> {
    fn target(&self, world: &World, writes: &mut Vec<Write>) {
        let (Some(object), Some(seen)) = (&self.live.target, &self.seen.target) else {
            return;
        };
        let mut wanted = Map::new();
        if let Some(state) = world.target_state {
            wanted.insert(labels::MANAGED.to_owned(), json!(labels::TRUE));
            wanted.insert(labels::DESIRED_REPLICAS.to_owned(), json!(seen.wanted.to_string()));
            wanted.insert(labels::STATE.to_owned(), json!(state.as_str()));
            if seen.bypassed {
                wanted.insert(labels::REVISION.to_owned(), json!(seen.revision));
            }
        }
        wanted.retain(|key, value| label(object, key) != value.as_str());
        if world.unpause {
            wanted.insert(labels::HELD.to_owned(), Value::Null);
        }
        let mut spec = Map::new();
        if let Some(replicas) = world.target_replicas.filter(|r| *r != seen.replicas) {
            spec.insert("replicas".to_owned(), json!(replicas));
        }
        if world.unpause && seen.paused {
            spec.insert("paused".to_owned(), Value::Null);
        }
        self.restored_template(world, seen, object, writes);
        if wanted.is_empty() && spec.is_empty() {
            return;
        }
        let mut body =
            json!({"metadata": {"labels": wanted, "resourceVersion": text(object, "/metadata/resourceVersion")}});
        if let (Some(members), false) = (body.as_object_mut(), spec.is_empty()) {
            members.insert("spec".to_owned(), Value::Object(spec));
        }
        writes.push(Write::Merge {
            kind: Kind::Deployment,
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body,
        });
    }

    // Leaving: what serves afterwards is what was verified, even when the target holds something else.
    fn restored_template(&self, world: &World, seen: &Target, object: &Value, writes: &mut Vec<Write>) {
        let Some(revision) = world.target_revision.as_ref().filter(|r| **r != seen.revision) else {
            return;
        };
        let Some(template) = self.live.template(revision) else {
            return;
        };
        writes.push(Write::Patch {
            kind: Kind::Deployment,
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            operations: json!([
                {"op": "test", "path": "/metadata/uid", "value": text(object, "/metadata/uid")},
                {"op": "replace", "path": "/spec/template", "value": template},
            ]),
        });
    }

    // The Services of the two halves never change side, so they are simply made.
    fn halves(&self, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let Some(target) = self.live.target.as_ref() else {
            return;
        };
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

    fn apply(
        &self,
        kind: Kind,
        named: &'static str,
        live: Option<&Value>,
        wanted: Value,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        match live {
            Some(object) if !self.is_ours(object) => {
                conflicts.push(Conflict::Name(named, text(object, "/metadata/name").to_owned()));
            }
            Some(object) if contains(object, &wanted) => {}
            _ => writes.push(Write::Apply { kind, object: wanted }),
        }
    }

    // Ours: made by us for this Canary, or for one that is gone, whose children the collector has not reached yet.
    fn is_ours(&self, object: &Value) -> bool {
        let owners = object
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let mut canaries = owners.filter(|o| o.get("kind").and_then(Value::as_str) == Some("Canary"));
        label(object, labels::GENERATED).is_some() || canaries.any(|_| true)
    }

    fn primary(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let (Some(wish), Some(target)) = (&world.primary, &self.live.target) else {
            return self.resized(world, writes);
        };
        let live = self.seen.primary.as_ref();
        let revision = match (wish, live) {
            (PrimaryTemplate::Keep, Some(_)) => return self.resized(world, writes),
            (PrimaryTemplate::Revision(hash), Some(primary)) if primary.revision.as_ref() == Some(hash) => {
                return self.resized(world, writes);
            }
            (PrimaryTemplate::Keep, None) => match self.seen.promoted.clone() {
                Some(hash) => hash,
                None => return,
            },
            (PrimaryTemplate::Revision(hash), _) => hash.clone(),
        };
        if let Some(object) = self.live.primary.as_ref().filter(|object| !self.is_ours(object)) {
            conflicts.push(Conflict::Name("Deployment", text(object, "/metadata/name").to_owned()));
            return;
        }
        let Some(template) = self.live.template(&revision) else {
            conflicts.push(Conflict::LostRevision(revision));
            return;
        };
        let replicas = world
            .primary_replicas
            .or(live.map(|p| p.replicas))
            .unwrap_or_else(|| self.wanted());
        let object = primary(target, &template, &revision, replicas, self.selector, self.blueprint);
        writes.push(Write::Apply {
            kind: Kind::Deployment,
            object,
        });
    }

    fn wanted(&self) -> u32 {
        self.seen.target.as_ref().map_or(1, |t| t.wanted)
    }

    fn resized(&self, world: &World, writes: &mut Vec<Write>) {
        let Some(live) = &self.seen.primary else { return };
        let Some(replicas) = world.primary_replicas.filter(|r| *r != live.replicas) else {
            return;
        };
        writes.push(Write::Merge {
            kind: Kind::Deployment,
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.primary_name(),
            body: json!({"spec": {"replicas": replicas}}),
        });
    }

    fn apex(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let Some(target) = self.live.target.as_ref() else {
            return;
        };
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
        if apex_side(live, self.selector, Some(target)) == Some(side) {
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

    fn routes(&self, world: &World, writes: &mut Vec<Write>) {
        let Some(names) = &self.blueprint.names else { return };
        if world.dismantle == Dismantle::Traffic {
            for route in self.live.routes.iter().filter(|r| httproute::refers_to(r, names)) {
                let folded = httproute::folded(route, names);
                if route.pointer("/spec/rules") != Some(&folded) {
                    writes.push(rules(route, folded));
                }
            }
            return;
        }
        if !self.blueprint.provider.has_weights() || world.primary.is_none() {
            return;
        }
        // Nothing of ours serves yet when the weights are left open: the target does.
        let first = || route(self.blueprint, world.weights.unwrap_or(Weights::CANARY));
        if let Some(object) = self.live.routes.is_empty().then(first).flatten() {
            writes.push(Write::Apply {
                kind: Kind::HttpRoute,
                object,
            });
            return;
        }
        let Some(weights) = world.weights else { return };
        for route in self.live.routes.iter().filter(|r| httproute::refers_to(r, names)) {
            if let Some(wanted) = self.generated_anew(route, weights) {
                writes.push(Write::Apply {
                    kind: Kind::HttpRoute,
                    object: wanted,
                });
            } else if httproute::weights(route, names) != Some(weights) || !httproute::is_split(route, names) {
                writes.push(rules(route, httproute::with_weights(route, names, weights)));
            }
        }
    }

    // A route we generated follows its Canary: hosts, gateways, ports.
    fn generated_anew(&self, route_of: &Value, weights: Weights) -> Option<Value> {
        label(route_of, labels::GENERATED)?;
        let wanted = route(self.blueprint, weights)?;
        let same = wanted
            .get("spec")
            .zip(route_of.get("spec"))
            .is_some_and(|(wanted, live)| contains(live, wanted));
        (!same).then_some(wanted)
    }

    // The target serves by itself: what we made goes, what we wrote on the user's objects is taken off.
    fn dismantle(&self, writes: &mut Vec<Write>) {
        if let Some(target) = &self.live.target {
            let all = target
                .pointer("/metadata/labels")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            let ours: Map<String, Value> = all
                .filter(|(key, _)| key.starts_with(labels::PREFIX) && *key != labels::POLICY)
                .map(|(key, _)| (key.clone(), Value::Null))
                .collect();
            if !ours.is_empty() {
                let mut body = json!({"metadata": {"labels": ours}});
                if label(target, labels::HELD).is_some()
                    && let Some(members) = body.as_object_mut()
                {
                    members.insert("spec".to_owned(), json!({"paused": null}));
                }
                writes.push(Write::Merge {
                    kind: Kind::Deployment,
                    namespace: self.blueprint.namespace.clone(),
                    name: self.blueprint.target.clone(),
                    body,
                });
            }
        }
        let gone = [
            (Kind::Deployment, &self.live.primary),
            (Kind::Service, &self.live.primary_service),
            (Kind::Service, &self.live.canary_service),
        ];
        for (kind, object) in gone {
            let Some(object) = object.as_ref().filter(|object| self.is_ours(object)) else {
                continue;
            };
            writes.push(Write::Delete {
                kind,
                namespace: self.blueprint.namespace.clone(),
                name: text(object, "/metadata/name").to_owned(),
                uid: text(object, "/metadata/uid").to_owned(),
            });
        }
    }
}

fn test_version(object: &Value) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": text(object, "/metadata/resourceVersion")})
}

// The generation, not the resourceVersion: gateways write a route's status at any time, which is no edit.
fn rules(route: &Value, rules: Value) -> Write {
    let generation = route.pointer("/metadata/generation").cloned().unwrap_or_default();
    patch(
        Kind::HttpRoute,
        route,
        vec![
            json!({"op": "test", "path": "/metadata/generation", "value": generation}),
            json!({"op": "replace", "path": "/spec/rules", "value": rules}),
        ],
    )
}

fn patch(kind: Kind, object: &Value, operations: Vec<Value>) -> Write {
    Write::Patch {
        kind,
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
        operations: Value::Array(operations),
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Whether `live` has everything `wanted` says. Lists are compared item by item, each by the same rule, so that members
/// the API server adds by default do not count as a difference.
fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, value)| match live.get(key) {
            Some(live) if key == "selector" => live == value,
            Some(live) => contains(live, value),
            None => value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() >= wanted.len() && wanted.iter().zip(live).all(|(wanted, live)| contains(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

#[cfg(test)]
mod tests;
