//! Which requests the API server need not send at all: `matchConditions`, judged in it, in CEL.
//!
//! A write that changes nothing the webhook would look at costs two calls otherwise: the annotation that the Deployment
//! controller counts revisions in, a re-apply that changes nothing. What is in doubt is sent. An error in a condition
//! would have the request pass unseen, so every field that may be missing is asked for with `?`.

use crate::api::labels;
use serde_json::{Value, json};

/// Accounts of the control plane that only take away what is deleted or ownerless. Without accounts of their own they are
/// `system:kube-controller-manager`, as autoscalers are, whose writes have to be seen; what they write is metadata only.
const COLLECTORS: [&str; 2] = [
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
];

/// What every entry lets pass, so that nothing ever waits for the webhook on its way out: an object that is being deleted, and
/// what the namespace controller and the garbage collector write.
pub(super) fn on_the_way_out() -> [Value; 2] {
    [
        condition(
            "not-being-deleted",
            &["!has(object.metadata.deletionTimestamp)".to_owned()],
        ),
        not_a_collector(),
    ]
}

/// Excludes the garbage collector and the namespace controller.
pub(super) fn not_a_collector() -> Value {
    condition("not-a-collector", &[by_none_of(&COLLECTORS.map(str::to_owned))])
}

/// What a holding entry has to see of an UPDATE: everything but metadata that is no business of ours, and server-side
/// appliers who own other fields than is stored, because fields that we hold must not be theirs.
pub(super) fn what_is_held() -> Value {
    condition("changes-what-is-held", &changes())
}

fn changes() -> Vec<String> {
    vec![
        "request.operation != 'UPDATE'".to_owned(),
        spec_changes(),
        ours_changes("labels"),
        ours_changes("annotations"),
        applies_what_the_other_does_not("object", "oldObject"),
        applies_what_the_other_does_not("oldObject", "object"),
    ]
}

fn spec_changes() -> String {
    "object.?spec.orValue({}) != oldObject.?spec.orValue({})".to_owned()
}

// Whether a label or annotation that means something to us differs. Where none does, which is most often so, none is looked at
// by itself.
fn ours_changes(place: &str) -> String {
    let watched = format!(
        "(k.startsWith('{}') || k.startsWith('{}') || k == '{}')",
        labels::PREFIX,
        labels::FLAGGER_PREFIX,
        labels::LAST_APPLIED
    );
    let new = format!("object.metadata.?{place}.orValue({{}})");
    let old = format!("oldObject.metadata.?{place}.orValue({{}})");
    format!(
        "{new} != {old} && ({new}.exists(k, {watched} && !(k in {old} && {old}[k] == {new}[k])) || \
         {old}.exists(k, {watched} && !(k in {new})))"
    )
}

/// What an entry may see that fails closed: what is new, and another spec. Labels, annotations, finalizers and who owns which
/// field can then be written while the webhook is away.
pub(super) fn what_may_wait() -> Value {
    let changes = ["request.operation != 'UPDATE'".to_owned(), spec_changes()];
    condition("changes-the-spec", &changes)
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

/// What the entry that follows workloads has to see of an UPDATE: of a workload that is ours another template, on a dry run,
/// which shows the plan, and where the Canary is to be told of it; of one that is not ours yet what the mutating entry sees.
pub(super) fn what_is_followed() -> Value {
    // As it was stored: what this very write makes ours is followed.
    let managed = format!("'{}' in oldObject.metadata.?labels.orValue({{}})", labels::MANAGED);
    condition(
        "changes-the-template",
        &[
            "request.operation != 'UPDATE'".to_owned(),
            format!(
                "(request.?dryRun.orValue(false) || '{}' in object.metadata.?annotations.orValue({{}})) && \
                 object.spec.template != oldObject.spec.template",
                labels::ANNOUNCE
            ),
            format!("!({managed}) && ({})", changes().join(" || ")),
        ],
    )
}

/// What the entry of namespaces has to see: the label comes or goes.
pub(super) fn what_opts_in() -> Value {
    let is = |object: &str| {
        format!(
            "{object}.metadata.?labels[?'{}'].orValue('') == '{}'",
            labels::ENABLED,
            labels::TRUE
        )
    };
    condition(
        "opts-in-or-out",
        &[format!("({}) != ({})", is("object"), is("oldObject"))],
    )
}

/// Nobody but ourselves.
pub(super) fn not_ourselves(users: &[String]) -> Value {
    condition("not-coalmine-itself", &[by_none_of(users)])
}

/// Of what is new only what `users`, which are ourselves, make.
pub(super) fn makes_only(users: &[String]) -> Value {
    condition(
        "made-by-coalmine",
        &["request.operation != 'CREATE'".to_owned(), by_one_of(users)],
    )
}

/// Nobody but ourselves, except for the policies that the self-probe sends.
pub(super) fn not_ourselves_but_the_probe(users: &[String]) -> Value {
    let probe = "request.resource.resource == 'canarypolicies'".to_owned();
    condition("not-coalmine-itself", &[by_none_of(users), probe])
}

fn by_none_of(users: &[String]) -> String {
    format!("!({})", by_one_of(users))
}

fn by_one_of(users: &[String]) -> String {
    let list: Vec<String> = users
        .iter()
        .map(|user| format!("'{}'", user.replace(['\'', '\\'], "")))
        .collect();
    format!("request.userInfo.username in [{}]", list.join(", "))
}

fn condition(name: &str, any_of: &[String]) -> Value {
    json!({"name": name, "expression": any_of.join(" || ")})
}
