//! References to Services as the Gateway API and Traefik both write them: a name, and where need be a kind and a namespace.

use super::Names;
use serde_json::Value;
use std::ops::Deref;

/// The pair as one route sees it: a reference to another namespace is to somebody else's Service, whatever its name.
#[derive(Debug, Clone, Copy)]
pub(in crate::routing) struct Local<'a> {
    names: &'a Names,
    namespace: Option<&'a str>,
}

impl<'a> Local<'a> {
    pub(in crate::routing) fn of(route: &'a Value, names: &'a Names) -> Self {
        let namespace = route.pointer("/metadata/namespace").and_then(Value::as_str);
        Self { names, namespace }
    }

    /// The route's own namespace.
    pub(in crate::routing) fn namespace(&self) -> Option<&'a str> {
        self.namespace
    }
}

impl Deref for Local<'_> {
    type Target = Names;

    fn deref(&self) -> &Names {
        self.names
    }
}

/// Which Service of the pair a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::routing) enum Side {
    Apex,
    Primary,
    Canary,
}

pub(in crate::routing) fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
    let text = |key| reference.get(key).and_then(Value::as_str);
    if !is_service(reference) {
        return None;
    }
    if text("namespace").is_some_and(|namespace| !namespace.is_empty() && Some(namespace) != names.namespace) {
        return None;
    }
    match text("name")? {
        name if name == names.apex => Some(Side::Apex),
        name if name == names.primary => Some(Side::Primary),
        name if name == names.canary => Some(Side::Canary),
        _ => None,
    }
}

/// Whether a reference is to a Service; both kinds of route leave `kind` out for one.
pub(in crate::routing) fn is_service(reference: &Value) -> bool {
    let text = |key| reference.get(key).and_then(Value::as_str);
    matches!(text("group"), None | Some("")) && matches!(text("kind"), None | Some("" | "Service"))
}

/// The Services of other namespaces than the route's `own` among what it refers to, as namespace and name.
pub(in crate::routing) fn outward<'a>(
    references: impl Iterator<Item = &'a Value>,
    own: Option<&str>,
) -> Vec<(String, String)> {
    others(
        references
            .filter(|reference| is_service(reference))
            .filter_map(elsewhere),
        own,
    )
}

/// Those of Services, each a namespace and a name, that are of other namespaces than `own`, each once.
pub(in crate::routing) fn others(
    services: impl Iterator<Item = (String, String)>,
    own: Option<&str>,
) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = services.filter(|(at, _)| Some(at.as_str()) != own).collect();
    found.sort_unstable();
    found.dedup();
    found
}

// What is of another namespace always names it.
fn elsewhere(reference: &Value) -> Option<(String, String)> {
    let text = |key| reference.get(key).and_then(Value::as_str);
    let namespace = text("namespace").filter(|namespace| !namespace.is_empty())?;
    Some((namespace.to_owned(), text("name")?.to_owned()))
}

/// What a reference says that it weighs.
pub(in crate::routing) fn weight(reference: &Value) -> Option<u64> {
    reference.get("weight").and_then(Value::as_u64)
}

/// `value` without these members.
pub(in crate::routing) fn without(value: &Value, gone: &[&str]) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !gone.contains(&name.as_str()));
    }
    value
}

/// `value` with one member set.
pub(in crate::routing) fn with(value: &Value, key: &str, member: Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.insert(key.to_owned(), member);
    }
    value
}
