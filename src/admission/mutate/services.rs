//! A Service of a pair keeps the selector of the side that serves, and its ports, whoever re-applies it. Pure.

use super::deployments::CoarseStage;
use super::fields;
use super::released::{self, release, takes_over};
use crate::admission::review::{Decision, Operation, Request};
use crate::api::labels;
use crate::object::{annotation, label, text};
use crate::patches;
use crate::plan::services::{
    pointing::{self, Labels, ORIGINAL_SELECTOR},
    ports::{self, AT_ONCE, Declared, Wanted},
};
use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// Who writes a Service of a pair, and where its Canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apex<'a> {
    /// The writer is one of our own accounts.
    pub ours: bool,
    /// Of the Canary that holds it.
    pub stage: CoarseStage,
    /// The ports that the pods of production declare; `None` while there are none.
    pub declared: Option<&'a Declared>,
    /// The labels of the target's pods; `None` where nobody has looked.
    pub pods: Option<&'a Labels>,
}

/// What becomes of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What is stored otherwise than it was sent.
    pub patch: Vec<PatchOperation>,
    /// What the writer should know.
    pub warnings: Vec<String>,
    /// What it comes to.
    pub decision: Decision,
}

/// What becomes of an UPDATE of a Service of a pair: its apex, or one that follows.
///
/// Pointed at other pods than the pair's, it leaves the pair: that is how people go from blue to green.
///
/// Once a pair serves, what is stored as selector is ours: it stays, and a different one that was sent is recorded. So does
/// a targetPort that the pods of production do not declare: it waits for the promotion of a revision that has it. Both
/// leave every owner's list, also on our own writes, so that appliers never conflict. A Service that we generated becomes
/// the user's with the first write of its spec that is not ours.
pub fn mutate(request: &Request, apex: Apex<'_>) -> Held {
    let mut held = Held {
        patch: released::made(request, apex.ours),
        warnings: Vec::new(),
        decision: Decision::ServiceHeld,
    };
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return held;
    }
    let (old, new) = (&request.old_object, &request.object);
    // What we write ourselves is never owned, from the first move on: a chart would conflict with it.
    if !apex.ours && !is_held(old, apex.stage) {
        return held;
    }
    if !apex.ours && leaves(request, apex) {
        return left(request);
    }
    let stored = if apex.ours {
        ports::of(new).to_vec()
    } else {
        keep(request, apex.declared, &mut held)
    };
    if stored != ports::of(new) {
        held.patch.push(patches::replace(["spec", "ports"], stored.clone()));
    }
    if apex.ours && released::gives_way(new) {
        held.patch.extend(released::owned_by_nobody(new));
    } else {
        held.patch.extend(disowned(new, &stored));
    }
    held
}

/// Where a Service is pointed that is sent another selector than it has and than its author meant before.
pub fn points_anew(request: &Request) -> Option<Labels> {
    let (old, new) = (&request.old_object, &request.object);
    let sent = sent(old, new)?.filter(|sent| Some(sent) != pointing::recorded(old).as_ref())?;
    sent.as_object().filter(|labels| !labels.is_empty()).cloned()
}

// The selector that is sent, if it is not what is stored: that of the manifest, where a merge has mixed it with ours.
fn sent(old: &Value, new: &Value) -> Option<Option<Value>> {
    let (ours, sent) = (old.pointer("/spec/selector"), new.pointer("/spec/selector"));
    (ours != sent).then(|| meant(new, ours, sent))
}

// A selector that says something else of the pods than is true of them points at others. Where nobody has looked at the
// pods, what the author meant before tells.
fn leaves(request: &Request, apex: Apex<'_>) -> bool {
    let (old, new) = (&request.old_object, &request.object);
    let recorded = pointing::recorded(old);
    let generated = label(old, labels::GENERATED).is_some();
    let Some(sent) = sent(old, new).filter(|sent| *sent != recorded && !generated) else {
        return false;
    };
    let Some(sent) = sent.as_ref().and_then(Value::as_object).filter(|all| !all.is_empty()) else {
        return true;
    };
    match (apex.pods, recorded.as_ref().and_then(Value::as_object)) {
        (Some(pods), _) => !pointing::matches(sent, pods),
        (None, Some(before)) => sent
            .iter()
            .any(|(key, value)| before.get(key).is_some_and(|had| had != value)),
        (None, None) => false,
    }
}

/// What becomes of an UPDATE that points a Service of no pair at the pods of one that serves: it follows at once, since the
/// pods that are pointed at rest. `primary` is the selector of the side that serves.
pub fn joined(request: &Request, aim: Labels, primary: &Value, app: &str) -> Held {
    let new = &request.object;
    let own = Value::Object(aim);
    let mut patch = vec![patches::add(["spec", "selector"], primary.clone())];
    let notes = [(ORIGINAL_SELECTOR.to_owned(), Some(own.to_string()))];
    patch.extend(patches::metadata(new, "annotations", &notes));
    patch.extend(disowned(new, ports::of(new)));
    Held {
        patch,
        warnings: vec![format!(
            "coalmine: Service {}: points at the pods of {app}, so it follows the side that serves",
            name(new)
        )],
        decision: Decision::ServiceJoined,
    }
}

/// What becomes of an UPDATE that points a Service elsewhere than where it was moved for a pair that is no more: it is
/// stored as sent. Nothing where it is about something else; the note stays then, as what its author meant.
pub fn forsaken(request: &Request) -> Option<Held> {
    sent(&request.old_object, &request.object)?;
    Some(Held {
        patch: stored_as_sent(request),
        warnings: vec![format!(
            "coalmine: Service {}: no Canary holds it, so it is stored as sent and the selector that was noted on it is taken off",
            name(&request.object)
        )],
        decision: Decision::ServiceOrphaned,
    })
}

fn left(request: &Request) -> Held {
    Held {
        patch: stored_as_sent(request),
        warnings: vec![format!(
            "coalmine: Service {}: now points at other pods than those of its app, so it is stored as sent and not moved with the \
             app any more, until it points at these pods again",
            name(&request.object)
        )],
        decision: Decision::ServiceLeft,
    }
}

// Without our notes.
fn stored_as_sent(request: &Request) -> Vec<PatchOperation> {
    let new = &request.object;
    let notes = [
        (ORIGINAL_SELECTOR.to_owned(), None),
        (Wanted::ANNOTATION.to_owned(), None),
    ];
    let mut patch = patches::metadata(new, "annotations", &notes);
    // Without what of ours a merge has left in it.
    let aim = sent(&request.old_object, new).flatten();
    if let Some(aim) = aim.filter(|aim| Some(aim) != new.pointer("/spec/selector")) {
        patch.push(patches::add(["spec", "selector"], aim));
    }
    patch
}

// What of somebody's write is stored otherwise; returns the ports to store.
fn keep(request: &Request, declared: Option<&Declared>, held: &mut Held) -> Vec<Value> {
    let (old, new) = (&request.old_object, &request.object);
    let mut stored = ports::of(new).to_vec();
    let mut notes = Vec::new();
    keep_selector(old, new, &mut notes, held);
    if takes_over(old, new) {
        held.patch.extend(release(request));
        stored = without_generated(old, new);
    }
    if let Some(declared) = declared {
        stored = keep_ports((old, new), stored, declared, &mut notes, &mut held.warnings);
    }
    held.patch.extend(patches::metadata(new, "annotations", &notes));
    stored
}

// The selector, and where each port leads.
fn disowned(new: &Value, stored: &[Value]) -> Vec<PatchOperation> {
    let items: Vec<String> = stored.iter().map(item).collect();
    let ports: Vec<[&str; 4]> = items
        .iter()
        .map(|item| ["spec", "ports", item.as_str(), "targetPort"])
        .collect();
    let selector: fields::Path<'_> = &["spec", "selector"];
    let paths: Vec<fields::Path<'_>> = std::iter::once(selector)
        .chain(ports.iter().map(|path| &path[..]))
        .collect();
    fields::disown(new, &paths)
}

// A port as `fieldsV1` calls it.
fn item(port: &Value) -> String {
    let (number, protocol) = port_key(port);
    format!("k:{{\"port\":{number},\"protocol\":\"{protocol}\"}}")
}

/// Whether the stored selector is ours: a pair serves, or it is on the Service that we took it over or made it.
fn is_held(old: &Value, stage: CoarseStage) -> bool {
    let marked = annotation(old, ORIGINAL_SELECTOR).is_some() || label(old, labels::GENERATED).is_some();
    match stage {
        CoarseStage::Rest
        | CoarseStage::Waiting
        | CoarseStage::Running
        | CoarseStage::Promoting
        | CoarseStage::Failed => true,
        CoarseStage::Building | CoarseStage::Leaving => marked,
    }
}

type Notes = Vec<(String, Option<String>)>;

fn keep_selector(old: &Value, new: &Value, notes: &mut Notes, held: &mut Held) {
    let (ours, sent) = (old.pointer("/spec/selector"), new.pointer("/spec/selector"));
    let known = annotation(old, ORIGINAL_SELECTOR);
    let mut record = known.map(str::to_owned);
    if ours != sent {
        record = meant(new, ours, sent).map(|selector| selector.to_string()).or(record);
        match ours {
            Some(ours) => held.patch.push(patches::add(["spec", "selector"], ours.clone())),
            None => held.patch.push(patches::remove(["spec", "selector"])),
        }
        if record.as_deref() != known && label(old, labels::GENERATED).is_none() {
            held.warnings.push(format!(
                "coalmine: Service {}: its selector follows the side that serves, so the one that was sent is only noted and \
                 comes back when the app leaves; to move users by hand, delete the Canary first",
                name(new)
            ));
        }
    } else if let Some(sent) = annotation(new, ORIGINAL_SELECTOR) {
        // Our own output coming round again.
        record = Some(sent.to_owned());
    }
    notes.extend(record.map(|record| (ORIGINAL_SELECTOR.to_owned(), Some(record))));
}

// A client that merges maps (`kubectl apply`) sends what of our own it found beside what its author wrote.
fn meant(new: &Value, ours: Option<&Value>, sent: Option<&Value>) -> Option<Value> {
    let sent = sent?;
    let manifest = fields::last_manifest(new);
    let written = manifest.as_ref().and_then(|m| m.pointer("/spec/selector")?.as_object());
    let merged = |written: &Map<String, Value>| {
        let found = |key: &String, value: &Value| ours.and_then(|ours| ours.get(key)) == Some(value);
        let rest = |(key, value): (&String, &Value)| written.get(key) == Some(value) || found(key, value);
        sent.as_object().is_some_and(|sent| {
            written.iter().all(|(key, value)| sent.get(key) == Some(value)) && sent.iter().all(rest)
        })
    };
    Some(
        written
            .filter(|written| merged(written))
            .map_or_else(|| sent.clone(), |w| Value::Object(w.clone())),
    )
}

// The ports that are stored of those `sent`; what waits goes into the notes, and is told.
fn keep_ports(
    (old, new): (&Value, &Value),
    sent: Vec<Value>,
    declared: &Declared,
    notes: &mut Notes,
    warnings: &mut Vec<String>,
) -> Vec<Value> {
    if ports::at_once(new) {
        notes.push((Wanted::ANNOTATION.to_owned(), None));
        return sent;
    }
    let (stored, mut wanted) = ports::held(ports::of(old), &sent, declared);
    for port in sent.iter().filter(|port| wanted.get(port).is_some()) {
        warnings.push(format!(
            "coalmine: Service {name}: targetPort {} of port {} waits until a revision that has it is promoted, since the pods \
             that serve do not declare it; at once: kubectl annotate service {name} {AT_ONCE}=now",
            shown(&ports::target(port)),
            port_key(port).0,
            name = name(new),
        ));
    }
    // A write about something else leaves what waits; one that says the stored port again takes back what was asked for.
    let waiting = Wanted::of(new);
    for port in &sent {
        if let Some(to) = waiting
            .get(port)
            .filter(|_| wanted.get(port).is_none() && !says_again(old, new, port))
        {
            wanted.insert(&ports::leading(port, to.clone()));
        }
    }
    notes.push((Wanted::ANNOTATION.to_owned(), wanted.text()));
    stored
}

fn says_again(old: &Value, new: &Value, port: &Value) -> bool {
    let manifest = fields::last_manifest(new).filter(|_| fields::last_applied(new) != fields::last_applied(old));
    let listed = manifest.as_ref().map(ports::of).unwrap_or_default();
    let same = |one: &&Value| ports::key(one) == ports::key(port) && ports::target(one) == ports::target(port);
    let item = item(port);
    listed.iter().any(|one| same(&one)) || !fields::appliers(new, &["spec", "ports", &item, "targetPort"]).is_empty()
}

fn shown(target: &Value) -> String {
    target.as_str().map_or_else(|| target.to_string(), str::to_owned)
}

/// Ports merge by number, so an apply that brings other ones finds ours beside them, perhaps under its own name, which the
/// API server refuses. What only we asked for goes, as long as the user asks for any. An edit or a patch has seen the whole
/// list, and means it.
fn without_generated(old: &Value, new: &Value) -> Vec<Value> {
    let (ours, sent) = (ports::of(old), ports::of(new));
    let is_apply = fields::last_applied(old) != fields::last_applied(new) || newly_applied(old, new);
    let generated = |port: &Value| ours.iter().any(|one| port_key(one) == port_key(port)) && !asked_for(new, port);
    let left: Vec<Value> = sent.iter().filter(|port| !generated(port)).cloned().collect();
    if left.is_empty() || !is_apply {
        return sent.to_vec();
    }
    left
}

fn newly_applied(old: &Value, new: &Value) -> bool {
    let before = fields::appliers(old, &["spec", "ports"]);
    let now = fields::appliers(new, &["spec", "ports"]);
    now.iter()
        .any(|manager| manager != labels::FIELD_MANAGER && !before.contains(manager))
}

fn port_key(port: &Value) -> (u64, String) {
    let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
    (
        port.get("port").and_then(Value::as_u64).unwrap_or(0),
        protocol.to_owned(),
    )
}

/// Whether the user's manifest has the port: by the annotation of client-side apply, or by ownership of server-side apply.
fn asked_for(new: &Value, port: &Value) -> bool {
    let applied = fields::last_manifest(new).unwrap_or_default();
    if ports::of(&applied).iter().any(|one| port_key(one) == port_key(port)) {
        return true;
    }
    let owners = fields::appliers(new, &["spec", "ports", &item(port)]);
    owners.iter().any(|manager| manager != labels::FIELD_MANAGER)
}

fn name(service: &Value) -> &str {
    text(service, "/metadata/name")
}

#[cfg(test)]
mod tests;
