//! Field ownership: taking the fields we hold out of `metadata.managedFields`.
//!
//! Conflicts of server-side apply are computed before admission, from the managers as stored. A field that we hold at
//! another value than the applier sent must therefore have no owner at all: neither the applier, nor another applier,
//! nor our controller. Each is taken out of every entry, whatever its manager, operation or subresource.

use super::patch::{PatchOp, token};
use serde_json::Value;

/// A field as a path of names, without the `f:` of `fieldsV1`: `["spec", "replicas"]`.
pub type Path<'a> = &'a [&'a str];

/// Operations that take `paths` out of every entry of `object`'s managedFields.
///
/// A container that owned nothing else goes too, since an empty one would mean that the container itself is owned; so
/// does an entry that is left with nothing. Entries are edited from the last to the first, so indices stay right.
pub fn disown(object: &Value, paths: &[Path<'_>]) -> Vec<PatchOp> {
    let Some(entries) = object.pointer("/metadata/managedFields").and_then(Value::as_array) else {
        return Vec::new();
    };
    let mut ops = Vec::new();
    for (index, entry) in entries.iter().enumerate().rev() {
        let Some(fields) = entry.get("fieldsV1").filter(|fields| fields.is_object()) else {
            continue;
        };
        let at = format!("/metadata/managedFields/{index}");
        let mut left = fields.clone();
        let mut removed = Vec::new();
        for path in paths {
            if let Some(pointer) = take(&mut left, path) {
                removed.push(pointer);
            }
        }
        if removed.is_empty() {
            continue;
        }
        if left.as_object().is_some_and(serde_json::Map::is_empty) {
            ops.push(PatchOp::remove(at));
            continue;
        }
        ops.extend(
            removed
                .into_iter()
                .map(|pointer| PatchOp::remove(format!("{at}/fieldsV1{pointer}"))),
        );
    }
    ops
}

/// Whether any entry of `object` for which `of` holds owns the field.
pub fn owned(object: &Value, path: Path<'_>, of: impl Fn(&Value) -> bool) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(|entries| {
        entries.iter().filter(|entry| of(entry)).any(|entry| {
            let mut at = entry.get("fieldsV1");
            for name in path {
                at = at.and_then(|fields| fields.get(format!("f:{name}")));
            }
            at.is_some()
        })
    })
}

/// Removes the field from `fields` and returns the pointer of what was removed: the field, or the outermost container
/// that would have been left empty. `None` when nothing there owns it.
fn take(fields: &mut Value, path: Path<'_>) -> Option<String> {
    let (name, rest) = path.split_first()?;
    let key = format!("f:{name}");
    let members = fields.as_object_mut()?;
    if rest.is_empty() {
        members.remove(&key)?;
        return Some(format!("/{}", token(&key)));
    }
    let inner = members.get_mut(&key)?;
    let pointer = take(inner, rest)?;
    // `.` alone says that the container itself exists by this manager's will; it goes with the last member.
    let empty = inner.as_object().is_some_and(|left| left.keys().all(|key| key == "."));
    if empty {
        members.remove(&key);
        return Some(format!("/{}", token(&key)));
    }
    Some(format!("/{}{pointer}", token(&key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::patch::applied;
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
