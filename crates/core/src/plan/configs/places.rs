//! Where a pod template names ConfigMaps and Secrets.

use super::{ConfigKind, Reference};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

// A place in a pod template that names one.
struct Place {
    of: Reference,
    optional: bool,
    // JSON pointer of the name, in the template.
    at: String,
}

/// What a pod template (`{metadata, spec}`) names, and whether pods start without it: every mention is `optional`.
///
/// Credentials that are no data of the app's are left out: imagePullSecrets, and those of volume drivers.
pub fn references(template: &Value) -> BTreeMap<Reference, bool> {
    let mut found = BTreeMap::new();
    for place in places(template) {
        let optional = found.entry(place.of).or_insert(true);
        *optional = *optional && place.optional;
    }
    found
}

/// The template with every mention of a tracked one replaced by its copy's name.
pub fn rewritten(template: &Value, tracked: &BTreeSet<Reference>) -> Value {
    let mut out = template.clone();
    for place in places(template) {
        if tracked.contains(&place.of)
            && let Some(name) = out.pointer_mut(&place.at)
        {
            *name = json!(place.of.copy().name);
        }
    }
    out
}

/// Undoes [`rewritten`].
pub fn restored(template: &Value, tracked: &BTreeSet<Reference>) -> Value {
    let originals: BTreeMap<Reference, &Reference> = tracked.iter().map(|of| (of.copy(), of)).collect();
    let mut out = template.clone();
    for place in places(template) {
        if let Some(original) = originals.get(&place.of)
            && let Some(name) = out.pointer_mut(&place.at)
        {
            *name = json!(original.name);
        }
    }
    out
}

fn places(template: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    each(template, "/spec/volumes", &mut |volume, at| {
        named(volume, at, "configMap", ConfigKind::ConfigMap, "name", &mut found);
        named(volume, at, "secret", ConfigKind::Secret, "secretName", &mut found);
        each(volume, "/projected/sources", &mut |source, inner| {
            let at = format!("{at}{inner}");
            named(source, &at, "configMap", ConfigKind::ConfigMap, "name", &mut found);
            named(source, &at, "secret", ConfigKind::Secret, "name", &mut found);
        });
    });
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        each(template, &format!("/spec/{containers}"), &mut |container, at| {
            of_container(container, at, &mut found);
        });
    }
    found
}

fn of_container(container: &Value, at: &str, found: &mut Vec<Place>) {
    each(container, "/env", &mut |variable, inner| {
        let Some(source) = variable.get("valueFrom") else {
            return;
        };
        let at = format!("{at}{inner}/valueFrom");
        named(source, &at, "configMapKeyRef", ConfigKind::ConfigMap, "name", found);
        named(source, &at, "secretKeyRef", ConfigKind::Secret, "name", found);
    });
    each(container, "/envFrom", &mut |source, inner| {
        let at = format!("{at}{inner}");
        named(source, &at, "configMapRef", ConfigKind::ConfigMap, "name", found);
        named(source, &at, "secretRef", ConfigKind::Secret, "name", found);
    });
}

// The items of a list, each with its JSON pointer from `of`.
fn each(of: &Value, list: &str, visit: &mut dyn FnMut(&Value, &str)) {
    let items = of.pointer(list).and_then(Value::as_array).into_iter().flatten();
    for (index, item) in items.enumerate() {
        visit(item, &format!("{list}/{index}"));
    }
}

fn named(holder: &Value, at: &str, member: &str, kind: ConfigKind, key: &str, found: &mut Vec<Place>) {
    let Some(source) = holder.get(member) else { return };
    let Some(name) = source.get(key).and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return;
    };
    found.push(Place {
        of: Reference {
            kind,
            name: name.to_owned(),
        },
        optional: source.get("optional").and_then(Value::as_bool).unwrap_or(false),
        at: format!("{at}/{member}/{key}"),
    });
}
