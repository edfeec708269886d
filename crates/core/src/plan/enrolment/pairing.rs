//! What keeps a Deployment from being one half of a pair, as far as its template and its surroundings tell. Pure: the webhook
//! asks before it holds anything, and the controller before it makes anything, so that both know the same.

use super::{NotEnrolled, reach};
use crate::api::labels;
use crate::plan::{Blueprint, REVISION_ANNOTATION, Selector};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest name of a Service, and longest value of a label.
const MAX_LABEL: usize = 63;

/// A PersistentVolumeClaim, as far as it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Its access modes.
    Modes(Vec<String>),
    /// There is none of that name.
    Missing,
    /// It could not be looked for.
    Unknown,
}

impl Claim {
    /// Of a live claim.
    pub fn of(claim: &Value) -> Self {
        let modes = claim.pointer("/spec/accessModes").and_then(Value::as_array);
        let modes = modes.into_iter().flatten().filter_map(Value::as_str);
        Self::Modes(modes.map(str::to_owned).collect())
    }

    // Whether pods of two revisions may have it at once, on whatever nodes they run.
    fn is_shared(modes: &[String]) -> bool {
        let has = |mode: &str| modes.iter().any(|one| one == mode);
        has("ReadWriteMany") || has("ReadOnlyMany") && !has("ReadWriteOnce") && !has("ReadWriteOncePod")
    }
}

/// What is around a Deployment that is to be paired.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// The claims that its template names.
    pub claims: BTreeMap<String, Claim>,
    /// NetworkPolicies, of its namespace and of others.
    pub policies: Arc<Vec<Value>>,
    /// Those of other namespaces that have no say, by namespace and name: they protect nobody.
    pub idle: BTreeSet<(String, String)>,
    /// Labels of its namespace.
    pub namespace_labels: Map<String, Value>,
    /// The Deployment that has primary's name.
    pub primary: Option<Value>,
    /// Services that have the names of the halves'.
    pub halves: Vec<Value>,
}

/// The claims that the pods of a workload mount.
pub fn claims(target: &Value) -> Vec<String> {
    let volumes = target.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
    let named = |volume: &Value| {
        volume
            .pointer("/persistentVolumeClaim/claimName")?
            .as_str()
            .map(str::to_owned)
    };
    let mut all: Vec<String> = volumes.into_iter().flatten().filter_map(named).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether two revisions of the template can run side by side, whatever is around it.
///
/// # Errors
/// Why they cannot.
pub fn side_by_side(target: &Value) -> Result<(), NotEnrolled> {
    if target.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        return Err(refused(
            "its strategy Recreate forbids two revisions at once".to_owned(),
        ));
    }
    let pod = |field: &str| target.pointer(&format!("/spec/template/spec/{field}"));
    let network = pod("hostNetwork").and_then(Value::as_bool) == Some(true);
    if network || has_host_port(pod("containers")) || has_host_port(pod("initContainers")) {
        return Err(refused(
            "host ports cannot be shared by two halves on one node".to_owned(),
        ));
    }
    Ok(())
}

/// Whether pods of the template may run beside those of primary, which have what `claims` they name too.
///
/// # Errors
/// Why they may not.
pub fn beside_primary(target: &Value, claims: &BTreeMap<String, Claim>) -> Result<(), NotEnrolled> {
    side_by_side(target)?;
    claims.iter().try_for_each(|(name, claim)| volume(name, claim))
}

/// Whether a pair can be made for `target` in its `around`.
///
/// # Errors
/// Why it cannot.
pub fn check(target: &Value, selector: &Selector, pair: &Blueprint, around: &Surroundings) -> Result<(), NotEnrolled> {
    beside_primary(target, &around.claims)?;
    names(pair)?;
    if let Some(policy) = reach::cut_off(target, selector, &around.policies, &around.namespace_labels) {
        return Err(NotEnrolled::CutOff(policy.to_string()));
    }
    if let Some(why) = reach::too_large(target, &around.policies) {
        return Err(NotEnrolled::CutOff(why));
    }
    let others = around.primary.iter().map(|object| ("Deployment", object));
    let others = others.chain(around.halves.iter().map(|object| ("Service", object)));
    match others.into_iter().find(|(_, object)| is_anothers(object)) {
        Some((kind, object)) => {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            Err(NotEnrolled::NameTaken(format!("{kind} {}", name.unwrap_or_default())))
        }
        None => by_others(target, selector, around),
    }
}

// Last of all: it is the word of others, which may be one that is ignored.
fn by_others(target: &Value, selector: &Selector, around: &Surroundings) -> Result<(), NotEnrolled> {
    let policies = reach::cut_off_by_others(target, selector, &around.policies, &around.namespace_labels);
    let mut counting = policies.iter().filter(|policy| !around.idle.contains(&policy.place()));
    counting
        .next()
        .map_or(Ok(()), |policy| Err(NotEnrolled::CutOffByOthers(policy.to_string())))
}

/// Whether the names of a pair are names.
///
/// # Errors
/// Which is not.
pub fn names(pair: &Blueprint) -> Result<(), NotEnrolled> {
    let primary = pair.primary_name();
    if primary.len() > MAX_LABEL {
        return Err(too_long(&primary));
    }
    let Some(names) = &pair.names else { return Ok(()) };
    for name in [&names.apex, &names.primary, &names.canary] {
        if name.len() > MAX_LABEL {
            return Err(too_long(name));
        }
        if !is_service_name(name) {
            return Err(refused(format!(
                "no Service can be called {name:?}: lower-case letters, digits and hyphens, and a letter first"
            )));
        }
    }
    Ok(())
}

/// Whether a Service may have that name: a DNS-1035 label, which begins with a letter.
pub fn is_service_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.len() <= MAX_LABEL
        && name.chars().all(inner)
}

fn too_long(name: &str) -> NotEnrolled {
    refused(format!("the name {name} is longer than {MAX_LABEL} characters"))
}

fn refused(why: String) -> NotEnrolled {
    NotEnrolled::CannotBePaired(why)
}

fn volume(name: &str, claim: &Claim) -> Result<(), NotEnrolled> {
    let why = match claim {
        Claim::Modes(modes) if Claim::is_shared(modes) => return Ok(()),
        Claim::Modes(modes) => {
            let modes = if modes.is_empty() {
                "no mode".to_owned()
            } else {
                modes.join(", ")
            };
            format!(
                "two revisions would write to the volume of PersistentVolumeClaim {name} ({modes}) at once; only \
                 ReadWriteMany and ReadOnlyMany can be shared"
            )
        }
        Claim::Missing => format!(
            "PersistentVolumeClaim {name} does not exist yet, and only one that several pods may have at once can be \
             shared; it is looked at again when it is there"
        ),
        Claim::Unknown => format!(
            "PersistentVolumeClaim {name} could not be looked at, and only one that several pods may have at once can be \
             shared"
        ),
    };
    Err(NotEnrolled::Volume(why))
}

fn has_host_port(containers: Option<&Value>) -> bool {
    let all = containers.and_then(Value::as_array).into_iter().flatten();
    all.flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten())
        .any(|port| port.get("hostPort").and_then(Value::as_u64).unwrap_or(0) > 0)
}

/// Whether an object that has a name of a pair's belongs to no pair, ours or Flagger's.
pub fn is_anothers(object: &Value) -> bool {
    let marked = |map: &str, key: &str| object.pointer(map).and_then(|all| all.get(key)).and_then(Value::as_str);
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let canarys = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("Canary");
    !owners.into_iter().flatten().any(canarys)
        && marked("/metadata/labels", labels::GENERATED).is_none()
        && marked("/metadata/labels", labels::MANAGED_BY) != Some(labels::MANAGED_BY_FLAGGER)
        && marked("/metadata/annotations", REVISION_ANNOTATION).is_none()
}

#[cfg(test)]
mod tests;
