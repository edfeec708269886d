//! Which requests the API server need not send at all: `matchConditions`, judged in it, in CEL.
//!
//! A write that changes nothing the door would look at costs two calls otherwise: the annotation that the Deployment
//! controller counts revisions in, a re-apply that changes nothing. What is in doubt is sent. An error in a condition
//! would have the request pass unseen, so every field that may be missing is asked for with `?`.

use crate::api::labels;
use serde_json::{Value, json};

/// What the mutating entry for workloads has to see of an UPDATE: everything but metadata that is no business of ours, and
/// server-side appliers who own other fields than is stored, because fields that we hold must not be theirs.
pub(super) fn what_is_held() -> Value {
    let watched = format!(
        "(k.startsWith('{}') || k.startsWith('{}') || k == '{}')",
        labels::PREFIX,
        labels::FLAGGER_PREFIX,
        labels::LAST_APPLIED
    );
    let new = "object.metadata.?annotations.orValue({})";
    let old = "oldObject.metadata.?annotations.orValue({})";
    condition(
        "changes-what-is-held",
        &[
            "request.operation != 'UPDATE'".to_owned(),
            "object.spec != oldObject.spec".to_owned(),
            "object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})".to_owned(),
            format!("{new}.exists(k, {watched} && !(k in {old} && {old}[k] == {new}[k]))"),
            format!("{old}.exists(k, {watched} && !(k in {new}))"),
            applies_what_the_other_does_not("object", "oldObject"),
            applies_what_the_other_does_not("oldObject", "object"),
        ],
    )
}

// Whether an applier owns other fields in the one object than in the other.
fn applies_what_the_other_does_not(one: &str, other: &str) -> String {
    format!(
        "{one}.metadata.?managedFields.orValue([]).exists(m, m.?operation.orValue('') == 'Apply' && \
         !{other}.metadata.?managedFields.orValue([]).exists(o, o.?operation.orValue('') == 'Apply' && \
         o.?manager.orValue('') == m.?manager.orValue('') && \
         o.?fieldsV1.orValue({{}}) == m.?fieldsV1.orValue({{}})))"
    )
}

/// What the validating entry for workloads has to see of an UPDATE: another template, and a workload that is not ours yet.
/// A part of one, such as its scale, is always seen.
pub(super) fn what_is_followed() -> Value {
    condition(
        "changes-the-template",
        &[
            "request.operation != 'UPDATE'".to_owned(),
            "(has(request.subResource) && request.subResource != '')".to_owned(),
            "object.spec.template != oldObject.spec.template".to_owned(),
            format!("!('{}' in object.metadata.?labels.orValue({{}}))", labels::MANAGED),
        ],
    )
}

/// Nobody but ourselves.
pub(super) fn not_ourselves(users: &[String]) -> Value {
    let list: Vec<String> = users
        .iter()
        .map(|user| format!("'{}'", user.replace(['\'', '\\'], "")))
        .collect();
    condition(
        "not-coalmine-itself",
        &[format!("!(request.userInfo.username in [{}])", list.join(", "))],
    )
}

fn condition(name: &str, any_of: &[String]) -> Value {
    json!({"name": name, "expression": any_of.join(" || ")})
}
