//! Which labels and annotations of an object that we made its Canary gave it. They are noted on the object, so that those which
//! the Canary does not say any more are taken off again; what others put there is in no note, and stays.

use crate::api::labels::METADATA;
use crate::object::annotation;
use serde_json::{Map, Value, json};

const MAPS: [&str; 2] = ["labels", "annotations"];

/// The note of an object whose Canary gives it these; `None` where it gives none.
pub fn note(labels: &Map<String, Value>, annotations: &Map<String, Value>) -> Option<String> {
    if labels.is_empty() && annotations.is_empty() {
        return None;
    }
    let keys = |of: &Map<String, Value>| {
        let mut keys: Vec<&String> = of.keys().collect();
        keys.sort_unstable();
        json!(keys)
    };
    Some(json!({"annotations": keys(annotations), "labels": keys(labels)}).to_string())
}

/// What `live` has of its Canary and `wanted` has not, the note among it: which map of the metadata, and the key there.
pub fn stale(live: &Value, wanted: &Value) -> Vec<(&'static str, String)> {
    let noted = annotation(live, METADATA).and_then(|note| serde_json::from_str::<Value>(note).ok());
    let noted = noted.unwrap_or_default();
    let mut stale = Vec::new();
    for map in MAPS {
        let has = |object: &Value, key: &str| {
            let all = object.get("metadata").and_then(|metadata| metadata.get(map));
            all.and_then(|all| all.get(key)).is_some()
        };
        let keys = noted.get(map).and_then(Value::as_array).into_iter().flatten();
        let keys = keys.filter_map(Value::as_str);
        let keys = keys.chain((map == "annotations").then_some(METADATA));
        let gone = keys.filter(|key| has(live, key) && !has(wanted, key));
        stale.extend(gone.map(|key| (map, key.to_owned())));
    }
    stale.sort_unstable();
    stale.dedup();
    stale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(labels: Value, annotations: Value, note: Option<String>) -> Value {
        let mut object = json!({"metadata": {"labels": labels, "annotations": annotations}});
        if let Some(note) = note {
            object["metadata"]["annotations"][METADATA] = json!(note);
        }
        object
    }

    fn noted(labels: &Value, annotations: &Value) -> Option<String> {
        note(labels.as_object().unwrap(), annotations.as_object().unwrap())
    }

    #[test]
    fn what_the_canary_gave_and_does_not_say_any_more_is_stale_and_nothing_else_is() {
        let (labels, annotations) = (json!({"team": "a", "tier": "front"}), json!({"class": "x"}));
        let mut live = object(labels.clone(), annotations.clone(), noted(&labels, &annotations));
        live["metadata"]["labels"]["others"] = json!("stays");
        live["metadata"]["annotations"]["others"] = json!("stays");
        let same = object(labels.clone(), annotations.clone(), noted(&labels, &annotations));
        assert_eq!(stale(&live, &same), []);
        let fewer = json!({"team": "b"});
        let wanted = object(fewer.clone(), json!({}), noted(&fewer, &json!({})));
        let gone = [("annotations", "class".to_owned()), ("labels", "tier".to_owned())];
        assert_eq!(stale(&live, &wanted), gone);
    }

    #[test]
    fn the_note_goes_with_the_last_of_them() {
        let labels = json!({"team": "a"});
        let live = object(labels.clone(), json!({}), noted(&labels, &json!({})));
        let gone = [("annotations", METADATA.to_owned()), ("labels", "team".to_owned())];
        assert_eq!(stale(&live, &object(json!({}), json!({}), None)), gone);
        assert_eq!(noted(&json!({}), &json!({})), None);
    }

    #[test]
    fn a_note_that_nobody_can_read_or_that_lies_takes_nothing_that_is_wanted() {
        let wanted = object(json!({"team": "a"}), json!({}), None);
        for note in ["no note", "[]", r#"{"labels": "team"}"#] {
            let live = object(json!({"team": "a"}), json!({}), Some(note.to_owned()));
            assert_eq!(stale(&live, &wanted), [("annotations", METADATA.to_owned())], "{note}");
        }
        let twice = r#"{"labels": ["team", "absent", "tier", "tier"]}"#.to_owned();
        let live = object(json!({"team": "a", "tier": "b"}), json!({}), Some(twice));
        let gone = [("annotations", METADATA.to_owned()), ("labels", "tier".to_owned())];
        assert_eq!(stale(&live, &wanted), gone);
    }
}
