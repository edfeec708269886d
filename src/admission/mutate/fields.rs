//! Field ownership: taking the fields we hold out of `metadata.managedFields`.
//!
//! Conflicts of server-side apply are computed before admission, from the managers as stored. A field that we hold at
//! another value than the applier sent must therefore have no owner at all: neither the applier, nor another applier,
//! nor our controller. Each is taken out of every entry, whatever its manager, operation or subresource.

use crate::api::labels;
use crate::patches;
use json_patch::{PatchOperation, jsonptr::PointerBuf};
use serde_json::{Map, Value, json};

/// A field as a path of names, without the `f:` of `fieldsV1`: `["spec", "replicas"]`. An item of a list is named by its
/// key, as there: `k:{"port":80,"protocol":"TCP"}`.
pub type Path<'a> = &'a [&'a str];

/// Operations that take `paths` out of every entry of `object`'s managedFields.
///
/// A container that owned nothing else goes too, since an empty one would mean that the container itself is owned; so
/// does an entry that is left with nothing. Entries are edited from the last to the first, so indices stay right.
pub fn disown(object: &Value, paths: &[Path<'_>]) -> Vec<PatchOperation> {
    disown_marking(object, paths, &[])
}

/// As [`disown`]; an applier that owned one of `marked` is made to own its mark instead.
pub fn disown_marking(object: &Value, paths: &[Path<'_>], marked: &[(Path<'_>, &Mark)]) -> Vec<PatchOperation> {
    let Some(entries) = object.pointer("/metadata/managedFields").and_then(Value::as_array) else {
        return Vec::new();
    };
    let mut ops = Vec::new();
    for (index, entry) in entries.iter().enumerate().rev() {
        let mut named = paths.iter().chain(marked.iter().map(|(path, _)| path));
        if named.any(|path| owns(entry, path)) {
            let entry_at = PointerBuf::from_tokens(["metadata", "managedFields", &index.to_string()]);
            ops.extend(disowned_by(entry, &entry_at, paths, marked));
        }
    }
    ops
}

// Operations that take `paths` out of one entry.
fn disowned_by(
    entry: &Value,
    at: &PointerBuf,
    paths: &[Path<'_>],
    marked: &[(Path<'_>, &Mark)],
) -> Vec<PatchOperation> {
    let Some(fields) = entry.get("fieldsV1").filter(|fields| fields.is_object()) else {
        return Vec::new();
    };
    let fields_at = at.with_trailing_token("fieldsV1");
    let mut left = fields.clone();
    let mut removed: Vec<PointerBuf> = paths.iter().filter_map(|path| take(&mut left, path)).collect();
    let mut marks = false;
    for (path, mark) in marked {
        let Some(outermost) = take(&mut left, path) else {
            continue;
        };
        removed.push(outermost);
        if is_apply(entry) {
            marks = true;
            claim(&mut left, mark);
        }
    }
    if removed.is_empty() {
        return Vec::new();
    }
    if marks {
        return vec![patches::replace(&fields_at, left)];
    }
    if left.as_object().is_some_and(serde_json::Map::is_empty) {
        return vec![patches::remove(at)];
    }
    let pointers = removed.iter().map(|outermost| fields_at.concat(outermost));
    pointers.map(|pointer| patches::remove(&pointer)).collect()
}

/// An annotation that no object has, and that an applier is made to own in place of a field that nobody may own.
///
/// A server-side apply replaces all that its manager owns by what the manifest says. So a manager that still owns its
/// mark has not applied since; one that owns the field again says it again; and one that owns neither has dropped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub String);

fn claim(fields: &mut Value, mark: &Mark) {
    let mut at = fields;
    for name in ["f:metadata", "f:annotations", &format!("f:{}", mark.0)] {
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(name.to_owned()).or_insert_with(|| json!({}));
    }
}

fn is_apply(entry: &Value) -> bool {
    let whole = entry
        .get("subresource")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty);
    whole && entry.get("operation").and_then(Value::as_str) == Some("Apply")
}

/// What client-side `kubectl apply` recorded as the manifest it was given last.
pub fn last_applied(object: &Value) -> Option<&str> {
    object
        .pointer("/metadata/annotations")?
        .get(labels::LAST_APPLIED)?
        .as_str()
}

/// The same, read; `None` also for what is no JSON.
pub fn last_manifest(object: &Value) -> Option<Value> {
    serde_json::from_str(last_applied(object)?).ok()
}

/// What each applier of `object` owns at or below `path`.
pub fn claims<'a>(object: &'a Value, path: Path<'_>) -> Vec<&'a Value> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let applied = entries.into_iter().flatten().filter(|entry| is_apply(entry));
    applied.filter_map(|entry| at(entry, path)).collect()
}

// What an entry owns at or below `path`.
fn at<'a>(entry: &'a Value, path: Path<'_>) -> Option<&'a Value> {
    path.iter()
        .try_fold(entry.get("fieldsV1")?, |at, name| at.get(member(name)))
}

fn member(name: &str) -> String {
    if name.starts_with("k:") {
        name.to_owned()
    } else {
        format!("f:{name}")
    }
}

fn owns(entry: &Value, path: Path<'_>) -> bool {
    at(entry, path).is_some()
}

/// The managers that own `path` by server-side apply.
pub fn appliers(object: &Value, path: Path<'_>) -> Vec<String> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let applied = entries.into_iter().flatten().filter(|entry| is_apply(entry));
    let manager = |entry: &Value| {
        entry
            .get("manager")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    applied.filter(|entry| owns(entry, path)).map(manager).collect()
}

/// `base` with what `owned` (a part of `fieldsV1`) names taken from `sent`.
pub fn overlaid(base: Option<Value>, sent: Option<&Value>, owned: &Value) -> Option<Value> {
    let members = owned.as_object().into_iter().flatten();
    let named: Vec<(&str, &Value)> = members
        .filter_map(|(key, value)| Some((key.strip_prefix("f:")?, value)))
        .collect();
    let Some(sent) = sent.and_then(Value::as_object).filter(|_| !named.is_empty()) else {
        return sent.cloned();
    };
    let mut out = match base {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    for (key, owned) in named {
        match overlaid(out.remove(key), sent.get(key), owned) {
            Some(value) => drop(out.insert(key.to_owned(), value)),
            None => drop(out.remove(key)),
        }
    }
    Some(Value::Object(out))
}

/// Whether any entry of `object` for which `of` holds owns the field.
pub fn owned(object: &Value, path: Path<'_>, of: impl Fn(&Value) -> bool) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(|entries| entries.iter().filter(|entry| of(entry)).any(|entry| owns(entry, path)))
}

/// Removes the field from `fields` and returns the pointer of what was removed: the field, or the outermost container
/// that would have been left empty. `None` when nothing there owns it.
fn take(fields: &mut Value, path: Path<'_>) -> Option<PointerBuf> {
    let (name, rest) = path.split_first()?;
    let key = member(name);
    let members = fields.as_object_mut()?;
    if rest.is_empty() {
        members.remove(&key)?;
        return Some(PointerBuf::from_tokens([key]));
    }
    let inner = members.get_mut(&key)?;
    let mut outermost = take(inner, rest)?;
    // `.` alone says that the container itself exists by this manager's will; it goes with the last member.
    let empty = inner.as_object().is_some_and(|left| left.keys().all(|key| key == "."));
    if empty {
        members.remove(&key);
        return Some(PointerBuf::from_tokens([key]));
    }
    outermost.push_front(key);
    Some(outermost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches::applied;
    use serde_json::json;

    const REPLICAS: Path<'static> = &["spec", "replicas"];
    const LABEL: Path<'static> = &["metadata", "labels", "coalmine.dev/state"];

    fn object(fields: Vec<Value>) -> Value {
        let entries: Vec<Value> = fields
            .into_iter()
            .map(|f| json!({"manager": "m", "operation": "Apply", "fieldsV1": f}))
            .collect();
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn a_field_leaves_every_entry_and_the_rest_stays() {
        let before = object(vec![
            json!({"f:spec": {"f:replicas": {}, "f:template": {}}}),
            json!({"f:spec": {"f:replicas": {}}, "f:status": {}}),
        ]);
        let after = applied(&before, &disown(&before, &[REPLICAS])).unwrap();
        assert_eq!(
            after,
            object(vec![json!({"f:spec": {"f:template": {}}}), json!({"f:status": {}})])
        );
    }

    #[test]
    fn an_entry_left_with_nothing_is_removed_and_later_indices_stay_right() {
        let before = object(vec![
            json!({"f:spec": {"f:replicas": {}}}),
            json!({"f:spec": {"f:replicas": {}, "f:paused": {}}}),
            json!({"f:spec": {"f:replicas": {}}}),
        ]);
        let after = applied(&before, &disown(&before, &[REPLICAS])).unwrap();
        assert_eq!(after, object(vec![json!({"f:spec": {"f:paused": {}}})]));
    }

    #[test]
    fn two_fields_of_one_container_leave_together() {
        let before = object(vec![json!({"f:spec": {"f:replicas": {}, "f:paused": {}}, "f:x": {}})]);
        let paths: [Path<'_>; 2] = [REPLICAS, &["spec", "paused"]];
        let after = applied(&before, &disown(&before, &paths)).unwrap();
        assert_eq!(after, object(vec![json!({"f:x": {}})]));
    }

    #[test]
    fn labels_are_escaped_and_their_dot_goes_with_the_last() {
        let before = object(vec![
            json!({"f:metadata": {"f:labels": {".": {}, "f:coalmine.dev/state": {}}, "f:name": {}}}),
            json!({"f:metadata": {"f:labels": {".": {}, "f:coalmine.dev/state": {}, "f:app": {}}}}),
        ]);
        let after = applied(&before, &disown(&before, &[LABEL])).unwrap();
        assert_eq!(
            after,
            object(vec![
                json!({"f:metadata": {"f:name": {}}}),
                json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}})
            ])
        );
    }

    #[test]
    fn disowning_twice_changes_nothing_more() {
        let before = object(vec![json!({"f:spec": {"f:replicas": {}, "f:x": {}}})]);
        let after = applied(&before, &disown(&before, &[REPLICAS])).unwrap();
        assert_eq!(disown(&after, &[REPLICAS]), Vec::new());
        assert_eq!(disown(&json!({}), &[REPLICAS]), Vec::new());
    }
}
