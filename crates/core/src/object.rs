//! What a Kubernetes object says at a place. Objects are JSON here: fields that this program does not know must reach
//! primary untouched.

use serde_json::Value;

/// The string at a JSON pointer (RFC 6901), or "".
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The value of a label; `None` where the object has no such label.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// The value of an annotation; `None` where the object has no such annotation.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// The condition of that type in an object's status.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut all = object.pointer("/status/conditions")?.as_array()?.iter();
    all.find(|condition| text(condition, "/type") == kind)
}

/// How many values a JSON text, or a piece of one, has at most: those of lists and maps, each of which takes some hundred bytes in
/// memory and perhaps two in the text. Signs within quoted text are counted too, which errs on the safe side.
pub fn most_values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// A resourceVersion as the number it is: since Kubernetes 1.35 they may be compared.
pub fn version(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}
