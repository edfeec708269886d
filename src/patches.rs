//! JSON patches (RFC 6902): how operations are written, here and at the webhook. A place is named member by member, so that
//! nobody has to escape a key.

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
    jsonptr::{PointerBuf, Token},
};
use serde_json::Value;

/// Adds a member, or replaces one that is there.
pub fn add<'t>(place: impl IntoIterator<Item: Into<Token<'t>>>, value: impl Into<Value>) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(place),
        value: value.into(),
    })
}

/// Replaces a member that must be there.
pub fn replace<'t>(place: impl IntoIterator<Item: Into<Token<'t>>>, value: impl Into<Value>) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation {
        path: PointerBuf::from_tokens(place),
        value: value.into(),
    })
}

/// Removes a member that must be there.
pub fn remove<'t>(place: impl IntoIterator<Item: Into<Token<'t>>>) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation {
        path: PointerBuf::from_tokens(place),
    })
}

/// Fails the whole patch where the member is anything else.
pub fn test<'t>(place: impl IntoIterator<Item: Into<Token<'t>>>, value: impl Into<Value>) -> PatchOperation {
    PatchOperation::Test(TestOperation {
        path: PointerBuf::from_tokens(place),
        value: value.into(),
    })
}

/// Operations that make the string map `name` (`labels`) in the metadata of `object` hold exactly what `changes` say: `Some`
/// sets a key, `None` removes it. Nothing is written where nothing changes.
pub fn metadata(object: &Value, name: &str, changes: &[(String, Option<String>)]) -> Vec<PatchOperation> {
    let current = object
        .get("metadata")
        .and_then(|metadata| metadata.get(name)?.as_object());
    let Some(current) = current else {
        let members: serde_json::Map<String, Value> = changes
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|v| (key.clone(), Value::from(v.as_str()))))
            .collect();
        if members.is_empty() {
            return Vec::new();
        }
        return vec![add(["metadata", name], members)];
    };
    let mut ops = Vec::new();
    for (key, value) in changes {
        let place = ["metadata", name, key];
        match (current.get(key).and_then(Value::as_str), value) {
            (Some(was), Some(new)) if was == new => {}
            (_, Some(new)) => ops.push(add(place, new.as_str())),
            (_, None) if current.contains_key(key) => ops.push(remove(place)),
            (_, None) => {}
        }
    }
    ops
}

/// Applies operations to a copy of `object`.
///
/// # Errors
/// When an operation does not fit the object.
pub fn applied(object: &Value, operations: &[PatchOperation]) -> Result<Value, String> {
    let mut copy = object.clone();
    json_patch::patch(&mut copy, operations).map_err(|error| error.to_string())?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_map_is_added_whole() {
        let changes = [("a/b".to_owned(), Some("1".to_owned())), ("c".to_owned(), None)];
        let ops = metadata(&json!({"metadata": {}}), "labels", &changes);
        assert_eq!(
            json!(ops),
            json!([{"op": "add", "path": "/metadata/labels", "value": {"a/b": "1"}}])
        );
    }

    #[test]
    fn only_what_differs_is_written_and_keys_are_escaped() {
        let object = json!({"metadata": {"labels": {"a/b": "1", "c": "2"}}});
        let changes = [
            ("a/b".to_owned(), Some("1".to_owned())),
            ("c".to_owned(), None),
            ("d/e~f".to_owned(), Some("3".to_owned())),
        ];
        let ops = metadata(&object, "labels", &changes);
        assert_eq!(
            json!(ops),
            json!([
                {"op": "remove", "path": "/metadata/labels/c"},
                {"op": "add", "path": "/metadata/labels/d~1e~0f", "value": "3"},
            ])
        );
        let after = applied(&object, &ops).unwrap();
        assert_eq!(after, json!({"metadata": {"labels": {"a/b": "1", "d/e~f": "3"}}}));
    }
}
