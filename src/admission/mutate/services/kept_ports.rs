//! Which ports of a write are stored: where they lead waits for a revision that has it, and what only we asked for goes.

use super::{Notes, name};
use crate::admission::mutate::fields;
use crate::api::labels;
use crate::plan::services::ports::{self, AT_ONCE, Declared, Wanted};
use serde_json::Value;

// A port as `fieldsV1` calls it.
pub(super) fn item(port: &Value) -> String {
    let (number, protocol) = port_key(port);
    format!("k:{{\"port\":{number},\"protocol\":\"{protocol}\"}}")
}

// The ports that are stored of those `sent`; what waits goes into the notes, and is told.
pub(super) fn keep_ports(
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
pub(super) fn without_generated(old: &Value, new: &Value) -> Vec<Value> {
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
