//! Primary's autoscaler: a copy of the user's own, at work on primary. Pure.
//!
//! The user's autoscaler keeps pointing at the target. An HPA does nothing for a Deployment at 0 replicas, so at rest it
//! is inert by itself; a KEDA ScaledObject would scale up from 0, so it is paused by annotation.

use super::query;
use crate::api::{canary::AutoscalerRef, labels};
use crate::object::text;
use crate::plan::scaler::{Autoscaler, Bounds, ScalerKind};
use crate::plan::{Blueprint, marks};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Annotation by which KEDA keeps a workload at a number of pods; `"0"` on the target's ScaledObject at rest.
pub const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";

// KEDA labels each ScaledObject with its own name and would fight over a copied one.
const KEDA_LABELS: &str = "scaledobject.keda.sh/";

impl Autoscaler {
    /// The copy of `user` for primary, which gives it at least `minimum` pods, as far as its maximum allows.
    pub fn for_primary(&self, user: &Value, blueprint: &Blueprint, min_replicas: u32) -> Value {
        let mut spec = user.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        let target = spec.remove("scaleTargetRef").unwrap_or_default();
        let primary = blueprint.primary_name();
        let reference = match self.kind {
            ScalerKind::Hpa => json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": primary}),
            ScalerKind::ScaledObject => {
                keep_queries_apart(&mut spec, &self.queries, &blueprint.target);
                rename_hpa(&mut spec);
                renamed(target, primary)
            }
        };
        spec.insert("scaleTargetRef".to_owned(), reference);
        self.bound(&mut spec, self.bounds(user), min_replicas);
        json!({
            "apiVersion": self.kind.api_version(),
            "kind": self.kind.as_str(),
            "metadata": {
                "name": self.primary_name(),
                "namespace": blueprint.namespace,
                "labels": self.labels(user),
                "annotations": self.annotations(user),
                "ownerReferences": blueprint.owner_references(),
            },
            "spec": spec,
        })
    }

    // Only what differs from the copy is written: a bound the user left to its default stays that.
    fn bound(&self, spec: &mut Map<String, Value>, bounds: Bounds, min_replicas: u32) {
        let (min, max) = self.kind.bound_names();
        let least = bounds.min.max(min_replicas).min(bounds.max);
        // KEDA goes below its least when nothing is to be done.
        if min_replicas > 0 {
            spec.remove("idleReplicaCount");
        }
        if self.min.is_some() || least != bounds.min {
            spec.insert(min.to_owned(), json!(least));
        }
        if self.max.is_some() {
            spec.insert(max.to_owned(), json!(bounds.max));
        }
    }

    fn labels(&self, user: &Value) -> Map<String, Value> {
        let mut labels = marks::copied(user.pointer("/metadata/labels"), |key| !key.starts_with(KEDA_LABELS));
        labels.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_FLAGGER));
        labels
    }

    // Flagger copies annotations of a ScaledObject, the pause among them, which then keeps primary at 0 (its issue 1934).
    fn annotations(&self, user: &Value) -> Map<String, Value> {
        match self.kind {
            ScalerKind::Hpa => Map::new(),
            ScalerKind::ScaledObject => {
                marks::copied(user.pointer("/metadata/annotations"), |key| key != PAUSED_REPLICAS)
            }
        }
    }
}

// kind, apiVersion and envSourceContainerName stay the user's.
fn renamed(target: Value, name: String) -> Value {
    let mut target = target.as_object().cloned().unwrap_or_default();
    target.insert("name".to_owned(), json!(name));
    Value::Object(target)
}

fn rename_hpa(spec: &mut Map<String, Value>) {
    let named = spec
        .get_mut("advanced")
        .and_then(|advanced| advanced.pointer_mut("/horizontalPodAutoscalerConfig/name"));
    if let Some(name) = named
        && let Some(text) = name.as_str().filter(|text| !text.is_empty())
    {
        *name = json!(format!("{text}-primary"));
    }
}

// A trigger that is given no query of its own asks about primary where the user's asks about the target.
fn keep_queries_apart(spec: &mut Map<String, Value>, queries: &BTreeMap<String, String>, target: &str) {
    let triggers = spec.get_mut("triggers").and_then(Value::as_array_mut);
    for trigger in triggers.into_iter().flatten() {
        let name = trigger.get("name").and_then(Value::as_str);
        let given = name.and_then(|name| queries.get(name)).cloned();
        if let Some(query) = trigger.pointer_mut("/metadata/query")
            && let Some(text) = query.as_str()
        {
            *query = json!(given.unwrap_or_else(|| query::about_primary(text, target)));
        }
    }
}

/// Whether an autoscaler scales the Deployment of this name, and is not on its way out.
pub fn scales(scaler: &Value, deployment: &str) -> bool {
    // KEDA takes a reference without a kind for one to a Deployment.
    let kind = text(scaler, "/spec/scaleTargetRef/kind");
    let gone = scaler.pointer("/metadata/deletionTimestamp").is_some();
    !gone && matches!(kind, "" | "Deployment") && text(scaler, "/spec/scaleTargetRef/name") == deployment
}

/// The autoscaler of the Deployment `target` among those of its namespace, as a Canary names it. A ScaledObject comes
/// before an HPA: KEDA makes one of its own for it.
pub fn reference(target: &str, scalers: &[Value]) -> Option<AutoscalerRef> {
    let found = |kind: ScalerKind| {
        let of_kind = |object: &&Value| text(object, "/kind") == kind.as_str();
        let named = scalers.iter().filter(of_kind).filter(|object| scales(object, target));
        named
            .map(|object| text(object, "/metadata/name"))
            .min()
            .map(|name| (kind, name.to_owned()))
    };
    let (kind, name) = found(ScalerKind::ScaledObject).or_else(|| found(ScalerKind::Hpa))?;
    Some(AutoscalerRef {
        api_version: kind.api_version().to_owned(),
        kind: kind.as_str().to_owned(),
        name,
        primary_scaler_queries: None,
        primary_scaler_replicas: None,
    })
}

#[cfg(test)]
mod tests;
