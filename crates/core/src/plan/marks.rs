//! What other tools write on objects to know what they own, prune, or keep. Pure.
//!
//! It speaks of the one object it stands on. A copy that had it would be taken for that object: Flux, Helm, Argo CD or
//! `kubectl apply --prune` would delete it with the next apply, Velero's restores would leave it out, a replicator would
//! write into it. So no object of ours has any of it from yours, also where `--include-label-prefix` asks for everything.

use crate::api::labels;
use serde_json::{Map, Value};

/// What such labels and annotations are called, or begin with.
pub const MARKS: [&str; 30] = [
    // kubectl: what was applied, what is pruned by a set, what it counts revisions in.
    "kubectl.kubernetes.io/",
    "applyset.kubernetes.io/",
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    // Helm.
    "meta.helm.sh/",
    "helm.sh/",
    "helm.fluxcd.io/",
    // Who manages it, and Argo CD's name for the application it belongs to.
    labels::MANAGED_BY,
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/",
    "argoproj.io/",
    // Fleet, k3s and Rancher; kapp; Pulumi; Skaffold; kpt, Config Sync and others that keep an inventory.
    "objectset.rio.cattle.io/",
    "fleet.cattle.io/",
    "field.cattle.io/",
    "kapp.k14s.io/",
    "pulumi.com/",
    "skaffold.dev/",
    "config.k8s.io/",
    "config.kubernetes.io/",
    "cli-utils.sigs.k8s.io/",
    "configsync.gke.io/",
    "configmanagement.gke.io/",
    // Operators that delete what they find without an owner of theirs.
    "olm.owner",
    "operators.coreos.com/",
    "reconcile.external-secrets.io/",
    "sealedsecrets.bitnami.com/",
    // Backups; downscalers; tools that copy data from elsewhere into what says so.
    "velero.io/",
    "downscaler/original-replicas",
    "replicator.v1.mittwald.de/",
    "reflector.v1.k8s.emberstack.com/",
];

/// Of all of Flux's, whatever stands before it.
const FLUX: &str = "toolkit.fluxcd.io";

/// Whether a label or annotation of this name is such a mark.
pub fn is_mark(key: &str) -> bool {
    key.contains(FLUX) || MARKS.iter().any(|mark| key.starts_with(mark))
}

/// Whether a label or annotation may be on a copy at all: it is neither such a mark nor ours.
pub fn may_be_copied(key: &str) -> bool {
    !is_mark(key) && !key.starts_with(labels::PREFIX)
}

/// What Helm writes on what belongs to a release: without it, a chart's own object cannot take the place of one that is
/// there already.
pub const HELM: [&str; 2] = ["meta.helm.sh/release-name", "meta.helm.sh/release-namespace"];
/// Value of [`labels::MANAGED_BY`] on what Helm manages.
pub const MANAGED_BY_HELM: &str = "Helm";

/// The marks of the Helm release that `target` belongs to; none where no chart brought it. What we generate under a name
/// that the chart may come to use has them. Helm deletes only what stands in a release's manifest.
pub fn of_helm(target: &Value) -> Map<String, Value> {
    let label = target
        .pointer("/metadata/labels")
        .and_then(|all| all.get(labels::MANAGED_BY));
    if label.and_then(Value::as_str) != Some(MANAGED_BY_HELM) {
        return Map::new();
    }
    let annotation = |key: &str| target.pointer("/metadata/annotations")?.get(key).cloned();
    let of = |key: &str| Some((key.to_owned(), annotation(key)?));
    HELM.into_iter().filter_map(of).collect()
}

/// Those of `from` that a copy may have and `keep` wants.
pub(super) fn copied(from: Option<&Value>, keep: impl Fn(&str) -> bool) -> Map<String, Value> {
    let members = from.and_then(Value::as_object).into_iter().flatten();
    members
        .filter(|(key, _)| may_be_copied(key) && keep(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Labels or annotations of a pod template for a copy of it. Tools own no pods by these, and some mean the pods (a restart
/// by kubectl, a volume to back up), so all of them stay but Flux's, which Flagger leaves out as well.
pub(super) fn of_pods(from: Option<&Value>) -> Map<String, Value> {
    let members = from.and_then(Value::as_object).into_iter().flatten();
    let kept = members.filter(|(key, _)| !key.contains(FLUX));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether `key` is asked for by one of `prefixes` (`*` is all, an empty prefix none).
pub(super) fn prefix_matches(prefixes: &[String], key: &str) -> bool {
    prefixes
        .iter()
        .any(|p| p == "*" || (!p.is_empty() && key.starts_with(p.as_str())))
}

#[cfg(test)]
mod tests;
