//! Where the Service of a write points, and what of its selector is kept.

use super::{Apex, Notes, name};
use crate::admission::mutate::{Mutation, fields};
use crate::admission::review::Request;
use crate::api::labels;
use crate::object::{annotation, label};
use crate::patches;
use crate::plan::services::pointing::{self, Labels, ORIGINAL_SELECTOR};
use serde_json::{Map, Value};

/// Where a Service is pointed that is sent another selector than it has and than its author meant before.
pub fn points_anew(request: &Request) -> Option<Labels> {
    let (old, new) = (&request.old_object, &request.object);
    let sent = sent(old, new)?.filter(|sent| Some(sent) != pointing::recorded(old).as_ref())?;
    sent.as_object().filter(|labels| !labels.is_empty()).cloned()
}

// The selector that is sent, if it is not what is stored: that of the manifest, where a merge has mixed it with ours.
pub(super) fn sent(old: &Value, new: &Value) -> Option<Option<Value>> {
    let (ours, sent) = (old.pointer("/spec/selector"), new.pointer("/spec/selector"));
    (ours != sent).then(|| meant(new, ours, sent))
}

// A selector that says something else of the pods than is true of them points at others. Where nobody has looked at the
// pods, what the author meant before tells.
pub(super) fn leaves(request: &Request, apex: Apex<'_>) -> bool {
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

pub(super) fn keep_selector(old: &Value, new: &Value, notes: &mut Notes, mutation: &mut Mutation) {
    let (ours, sent) = (old.pointer("/spec/selector"), new.pointer("/spec/selector"));
    let known = annotation(old, ORIGINAL_SELECTOR);
    let mut record = known.map(str::to_owned);
    if ours != sent {
        record = meant(new, ours, sent).map(|selector| selector.to_string()).or(record);
        match ours {
            Some(ours) => mutation.patch.push(patches::add(["spec", "selector"], ours.clone())),
            None => mutation.patch.push(patches::remove(["spec", "selector"])),
        }
        if record.as_deref() != known && label(old, labels::GENERATED).is_none() {
            mutation.warnings.push(format!(
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
