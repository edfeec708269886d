//! The chart's objects as they are rendered in `manifests/`.

use serde_json::Value;
use std::error::Error;

/// All of them but the definitions.
pub fn objects() -> Result<Vec<Value>, Box<dyn Error>> {
    let rendered = std::fs::read_to_string("manifests/coalmine.yaml")?;
    let read = |text| serde_saphyr::from_str(text).map_err(Into::into);
    rendered.split("\n---\n").map(read).collect()
}

/// The items of a list; none of what is no list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
