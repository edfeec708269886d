//! The part of a configuration that is one entry.

use super::{Address, FailurePolicy, Rendering};
use crate::admission::bootstrap::configurations::conditions;
use crate::api::entry::Entry;
use crate::api::labels;
use base64::Engine as _;
use serde_json::{Value, json};

/// Namespaces that are never looked at, whatever their labels.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The name of an entry's webhook, which denials are prefixed with.
pub fn webhook_name(entry: Entry) -> String {
    format!("{}.coalmine.dev", entry.as_str())
}

/// An entry that holds fields, and so sees our own writes too, to take those fields out of their owners' lists. Where it may
/// fail closed, it is asked about specs that others write alone, and an entry beside it that never does is asked about all:
/// nothing of ours may wait for the webhook, and no label, annotation or finalizer of anybody's.
///
/// The open one is asked about specs as well, because a spec may be another one only later, by the webhook of somebody else:
/// then the API server asks again only whom it has asked before, and the closed one was not, of a write beside the spec. It
/// comes first. An API server shows each entry what those before it have made of the object, so the closed one is not asked
/// about what the open one has put back, and sees what it could not be asked about. Of a write that is let through both are
/// asked; the second finds nothing to do, as when the API server asks again.
pub(super) fn held(with: &Rendering, entry: Entry, rules: &Value) -> Vec<Value> {
    let closed = webhook(with, entry, rules);
    if policy(with, entry) == FailurePolicy::Ignore {
        return vec![closed];
    }
    let open = Rendering {
        failure_policy: FailurePolicy::Ignore,
        ..with.clone()
    };
    let mut open = webhook(&open, entry, rules);
    if let Some(members) = open.as_object_mut() {
        members.insert("name".into(), format!("open-{}", webhook_name(entry)).into());
    }
    let specs = [conditions::not_ourselves(&with.own_users), conditions::what_may_wait()];
    vec![open, only(closed, specs)]
}

// Of what an entry is asked about, what these conditions let through besides.
fn only(mut hook: Value, conditions: impl IntoIterator<Item = Value>) -> Value {
    if let Some(all) = hook.get_mut("matchConditions").and_then(Value::as_array_mut) {
        drop(all.splice(0..0, conditions));
    }
    hook
}

fn policy(with: &Rendering, entry: Entry) -> FailurePolicy {
    match entry {
        Entry::ValidateCanaries => with.canaries_failure_policy,
        // It completes what the controller writes as well.
        Entry::MutateCanaries => FailurePolicy::Ignore,
        // When an entry that fails closed cannot be reached, the API server shows its secret path to the requester. These two
        // entries write something, so their paths must not be shown: they fail open.
        Entry::FollowDeployments | Entry::ScaleDeployments => FailurePolicy::Ignore,
        // Never refused, and never kept waiting.
        Entry::FollowDeletions => FailurePolicy::Ignore,
        // It only tells.
        Entry::OptIn => FailurePolicy::Ignore,
        _ => with.failure_policy,
    }
}

/// One entry. Every defaulted field is written, so that what is stored is what was rendered.
pub(super) fn webhook(with: &Rendering, entry: Entry, rules: &Value) -> Value {
    let canaries = matches!(entry, Entry::ValidateCanaries | Entry::FollowDeletions);
    let mutates = matches!(
        entry,
        Entry::MutateDeployments
            | Entry::MutateCanaries
            | Entry::HoldServices
            | Entry::HoldRoutes
            | Entry::ScaleDeployments
    );
    let acts = matches!(entry, Entry::FollowDeployments | Entry::ScaleDeployments);
    let mut hook = json!({
        "name": webhook_name(entry),
        "admissionReviewVersions": ["v1"],
        "clientConfig": client_config(with, entry),
        "failurePolicy": policy(with, entry).as_str(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": namespaces(with, !canaries && entry != Entry::OptIn),
        "objectSelector": {},
        "rules": rules,
        "sideEffects": if acts { "NoneOnDryRun" } else { "None" },
        "timeoutSeconds": if entry == Entry::ValidateCanaries { 5 } else { 3 },
    });
    if let Some(members) = hook.as_object_mut() {
        if mutates {
            members.insert("reinvocationPolicy".into(), reinvocation(entry).into());
        }
        let conditions = conditions(with, entry);
        if !conditions.is_empty() {
            members.insert("matchConditions".into(), conditions.into());
        }
    }
    hook
}

// The API server asks again when another webhook has changed the object after us. Not about a scale: the second request
// would carry the number that we wrote ourselves, and to record that as what the user wants would put the app to sleep.
fn reinvocation(entry: Entry) -> &'static str {
    match entry {
        Entry::ScaleDeployments => "Never",
        _ => "IfNeeded",
    }
}

// What an entry does not ask for, the API server decides alone: no entry that can fail closed may be asked about anything
// that has to go on without the webhook.
fn conditions(with: &Rendering, entry: Entry) -> Vec<Value> {
    let ours = (!with.own_users.is_empty()).then_some(&with.own_users);
    let others = || ours.map(|users| conditions::not_ourselves(users)).into_iter();
    let own: Vec<Value> = match entry {
        Entry::MutateDeployments => vec![conditions::what_is_held()],
        // Of creations only our own are sent: what somebody else creates cannot contain fields that we hold.
        Entry::HoldServices | Entry::HoldRoutes => {
            vec![conditions::makes_only(&with.own_users), conditions::what_is_held()]
        }
        // A scale is nothing but what is held.
        Entry::ScaleDeployments => others().collect(),
        Entry::FollowDeployments => others().chain([conditions::what_is_followed()]).collect(),
        Entry::ValidateCanaries => {
            let others = ours.map(|users| conditions::not_ourselves_but_the_probe(users));
            others.into_iter().chain([conditions::what_may_wait()]).collect()
        }
        // `ValidateDeployments` is not registered any more; it is answered for API servers that know it still.
        Entry::MutateCanaries | Entry::ValidateDeployments => Vec::new(),
        Entry::OptIn => others().chain([conditions::what_opts_in()]).collect(),
        // There is no new object to ask about.
        Entry::FollowDeletions => return vec![conditions::not_a_collector()],
    };
    conditions::on_the_way_out().into_iter().chain(own).collect()
}

fn client_config(with: &Rendering, entry: Entry) -> Value {
    let bundle = base64::engine::general_purpose::STANDARD.encode(&with.ca_bundle);
    let path = with.paths.path(entry);
    match &with.address {
        Address::Service { namespace, name, port } => json!({
            "caBundle": bundle,
            "service": {"namespace": namespace, "name": name, "port": port, "path": path},
        }),
        Address::Url(base) => {
            json!({"caBundle": bundle, "url": format!("{}{}", base.trim_end_matches('/'), path)})
        }
    }
}

/// Which namespaces: never the system's and our own; only opted-in ones where `opted_in` says so. Objects cannot opt
/// out by a label, so there is no object selector.
fn namespaces(with: &Rendering, opted_in: bool) -> Value {
    let mut excluded: Vec<&str> = SYSTEM_NAMESPACES.to_vec();
    if !excluded.contains(&with.own_namespace.as_str()) {
        excluded.push(&with.own_namespace);
    }
    const NAME: &str = "kubernetes.io/metadata.name";
    let mut expressions = vec![json!({"key": NAME, "operator": "NotIn", "values": excluded})];
    if let Some(only) = &with.only_namespace {
        expressions.push(json!({"key": NAME, "operator": "In", "values": [only]}));
    }
    let mut selector = json!({"matchExpressions": expressions});
    if let (true, Some(members)) = (opted_in, selector.as_object_mut()) {
        members.insert("matchLabels".into(), json!({labels::ENABLED: labels::TRUE}));
    }
    selector
}
