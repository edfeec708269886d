//! Canary pods on other nodes: fields that differ on the canary half only (`canaryAnalysis.templateVariables`).
//!
//! They are set in the target's template, whole field by whole field, and an annotation records what was set and what
//! the author has there. So the template can always be read as the author means it: a field as it was set stands for
//! the author's recorded value, and what was changed since is the author's change. The Deployment controller copies
//! annotations to ReplicaSets and a DaemonSet's to its ControllerRevisions, so every stored revision explains itself,
//! and `kubectl rollout undo` brings the record back with its template.

use crate::api::{Canary, canary::PodOverrides};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Annotation on a target whose canary pods differ: a [`Record`] as JSON.
pub const ANNOTATION: &str = "coalmine.dev/pod-overrides";

/// The fields of a pod's spec that may differ on the canary half.
pub const FIELDS: [&str; 4] = ["affinity", "nodeSelector", "priorityClassName", "tolerations"];

/// What was set in a template, and what its author has in those places.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Field to the value of canary pods.
    pub set: Map<String, Value>,
    /// Field to the author's value; a field of `set` that is missing here the author leaves out.
    pub author: Map<String, Value>,
}

impl Record {
    /// The record on `object`; what cannot be read is none.
    pub fn of(object: &Value) -> Option<Self> {
        let text = object.pointer("/metadata/annotations")?.get(ANNOTATION)?.as_str()?;
        serde_json::from_str(text)
            .ok()
            .filter(|record: &Self| !record.set.is_empty())
    }

    /// The annotation's value.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The author's value of one field of `template`, which carries this record.
    pub fn authors(&self, template: &Value, field: &str) -> Option<Value> {
        let sent = pod_spec(template).and_then(|spec| spec.get(field));
        merged(self.set.get(field), sent, self.author.get(field))
    }

    /// `template`, which carries this record, as its author means it.
    pub fn restored(&self, template: &Value) -> Value {
        let mut out = template.clone();
        for field in self.set.keys() {
            put(&mut out, field, self.authors(template, field));
        }
        out
    }
}

/// `template` (as its author wrote it) for canary pods, and the record of it; none when nothing differs.
pub fn applied(template: &Value, set: &Map<String, Value>) -> (Value, Option<Record>) {
    let mut out = template.clone();
    if set.is_empty() {
        return (out, None);
    }
    let mut author = Map::new();
    for (field, value) in set {
        if let Some(own) = pod_spec(template).and_then(|spec| spec.get(field)) {
            author.insert(field.clone(), own.clone());
        }
        put(&mut out, field, Some(value.clone()));
    }
    let set = set.clone();
    (out, Some(Record { set, author }))
}

/// Sets or removes a field of a template's pod spec.
pub fn put(template: &mut Value, field: &str, value: Option<Value>) {
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    match value {
        Some(value) => drop(spec.insert(field.to_owned(), value)),
        None => drop(spec.remove(field)),
    }
}

/// What `overrides` set, in the API server's own form; empty fields set nothing.
pub fn fields(overrides: &PodOverrides) -> Map<String, Value> {
    let typed = PodOverrides {
        affinity: None,
        ..overrides.clone()
    };
    let mut all = match serde_json::to_value(typed) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    };
    if let Ok(Some(affinity)) = overrides.affinity() {
        all.insert(
            "affinity".to_owned(),
            serde_json::to_value(affinity).unwrap_or_default(),
        );
    }
    all.retain(|_, value| match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        other => !other.is_null(),
    });
    all
}

/// What differs on the canary pods of `canary`, field to value.
pub fn of(canary: &Canary) -> Map<String, Value> {
    canary
        .extras()
        .template_variables
        .as_ref()
        .map(fields)
        .unwrap_or_default()
}

/// A three-way merge: what of `sent` differs from what was `set` is the author's change of `author`.
pub fn merged(set: Option<&Value>, sent: Option<&Value>, author: Option<&Value>) -> Option<Value> {
    if sent == set {
        return author.cloned();
    }
    let (Some(Value::Object(was)), Some(Value::Object(is))) = (set, sent) else {
        return sent.cloned();
    };
    let own = author.and_then(Value::as_object);
    let mut out = own.cloned().unwrap_or_default();
    for key in was.keys().chain(is.keys()) {
        match merged(was.get(key), is.get(key), own.and_then(|own| own.get(key))) {
            Some(value) => drop(out.insert(key.clone(), value)),
            None => drop(out.remove(key)),
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// The fields of a pod template's spec.
fn pod_spec(template: &Value) -> Option<&Map<String, Value>> {
    template.get("spec")?.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::workload::template::{authored, revision};
    use proptest::prelude::*;
    use serde_json::json;

    fn template(pool: &str) -> Value {
        json!({"spec": {"containers": [{"image": "web:1"}], "nodeSelector": {"pool": pool, "disk": "ssd"}}})
    }

    fn set() -> Map<String, Value> {
        let overrides = serde_json::from_value(json!({
            "nodeSelector": {"pool": "spot"}, "tolerations": [{"key": "spot", "operator": "Exists"}],
            "priorityClassName": "", "affinity": {"nodeAffinity": {"unknownField": 1}},
        }));
        fields(&overrides.unwrap())
    }

    fn object(template: &Value, record: Option<&Record>) -> Value {
        let annotations = record.map(|record| json!({ANNOTATION: record.text()}));
        json!({"metadata": {"annotations": annotations}, "spec": {"template": template}})
    }

    #[test]
    fn a_dressed_template_is_the_same_revision() {
        let (changed, record) = applied(&template("stable"), &set());
        assert_eq!(changed["spec"]["nodeSelector"], json!({"pool": "spot"}));
        assert_eq!(changed["spec"].get("priorityClassName"), None);
        assert_eq!(
            changed["spec"]["affinity"],
            json!({"nodeAffinity": {}}),
            "as the API server would store it"
        );
        let object = object(&changed, record.as_ref());
        assert_eq!(authored(&object), Some(template("stable")));
        assert_eq!(
            revision(&object),
            revision(&json!({"spec": {"template": template("stable")}}))
        );
    }

    #[test]
    fn what_was_changed_since_is_the_authors() {
        let (mut changed, record) = applied(&template("stable"), &set());
        changed["spec"]["nodeSelector"]["zone"] = json!("b");
        changed["spec"]["nodeSelector"]["pool"] = json!("other");
        let read = authored(&object(&changed, record.as_ref())).unwrap();
        assert_eq!(
            read["spec"]["nodeSelector"],
            json!({"pool": "other", "disk": "ssd", "zone": "b"})
        );
        changed["spec"].as_object_mut().unwrap().remove("nodeSelector");
        let read = authored(&object(&changed, record.as_ref())).unwrap();
        assert_eq!(read["spec"].get("nodeSelector"), None);
        assert_eq!(read["spec"].get("tolerations"), None, "set, and not the author's");
    }

    fn selector() -> impl Strategy<Value = Value> {
        let map = prop::collection::btree_map("[a-c]", "[x-z]", 1..3);
        map.prop_map(|map| json!({"spec": {"containers": [], "nodeSelector": map}}))
    }

    proptest! {
        #[test]
        fn what_is_applied_is_restored(author in selector(), canary in selector()) {
            let set: Map<String, Value> = canary["spec"].as_object().unwrap().clone()
                .into_iter().filter(|(key, _)| FIELDS.contains(&key.as_str())).collect();
            let (out, record) = applied(&author, &set);
            prop_assert_eq!(authored(&object(&out, record.as_ref())), Some(author));
        }
    }
}
