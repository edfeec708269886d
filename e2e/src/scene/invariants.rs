//! What holds of every release, whatever happens in it. The controller's model has the same invariants under the same
//! names; here they are looked at from outside, on the cluster.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{CanaryView, Mirror, Scene, wait_for};
use crate::load::Report;

/// Every request was answered by the app.
pub fn nothing_lost(report: &Report) -> Result<()> {
    ensure!(report.requests() > 0, "nothing was asked, so nothing is known");
    report.nothing_lost()
}

/// Requests were lost at most from `from` on for as long as `blip`: what a side that is taken away costs until it is
/// noticed.
pub fn lost_at_most(report: &Report, from: Instant, blip: Duration) -> Result<()> {
    nothing_lost(&report.before(from)).context("before it happened")?;
    nothing_lost(&report.since(from + blip)).with_context(|| format!("later than {blip:?} after it happened"))
}

/// Nobody but these versions ever answered: for what is asked outside of runs, those that were promoted; else those that
/// were analysed, too.
pub fn serves_only_verified(report: &Report, verified: &[&str]) -> Result<()> {
    let seen = report.versions();
    let stray: Vec<_> = seen
        .iter()
        .filter(|(name, _)| !verified.contains(&name.as_str()))
        .collect();
    ensure!(stray.is_empty(), "{stray:?} answered, and only {verified:?} may");
    Ok(())
}

/// Primary's live template is that of `promoted`, the Deployment as its author wrote it, but for what Coalmine changes:
/// names that end in `-primary`, the mark of Flagger's and its own annotations.
pub async fn primary_is_what_was_promoted(scene: &Scene, promoted: &Value) -> Result<()> {
    let name = promoted["metadata"]["name"]
        .as_str()
        .context("a Deployment has a name")?;
    let as_written = defaulted(scene, promoted).await?;
    let live = scene.objects().deployments().get(&format!("{name}-primary")).await?;
    let live = serde_json::to_value(live)?;
    let (live, wanted) = (template(&live), template(&as_written));
    ensure!(
        live == wanted,
        "{name}-primary is not what was promoted\nis:     {live}\nwanted: {wanted}"
    );
    Ok(())
}

/// What the API server makes of a manifest, defaults and all, without storing anything.
async fn defaulted(scene: &Scene, manifest: &Value) -> Result<Value> {
    let mut anew = manifest.clone();
    anew["metadata"]["name"] = Value::from("as-written");
    let create = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let said = scene.kubectl_with(&create, &anew.to_string()).await?.succeeded()?;
    Ok(serde_json::from_str(&said.out)?)
}

fn template(deployment: &Value) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    if let Some(metadata) = template["metadata"].as_object_mut() {
        metadata.remove("creationTimestamp");
    }
    if let Some(annotations) = template["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| key != "flagger-id" && !key.starts_with("coalmine.dev/"));
    }
    without_primary(&mut template);
    template
}

fn without_primary(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_suffix("-primary") {
                *text = name.to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_primary),
        Value::Object(members) => members.values_mut().for_each(without_primary),
        _ => {}
    }
}

/// Each Service of the pair asks its pods at a port that they have.
pub async fn ports_belong_to_their_revision(scene: &Scene, app: &str) -> Result<()> {
    let objects = scene.objects();
    let pods = objects.pods().list(&Default::default()).await?.items;
    for name in [app.to_owned(), format!("{app}-primary"), format!("{app}-canary")] {
        let Some(service) = objects.services().get_opt(&name).await? else {
            continue;
        };
        let behind = pods.iter().filter(|pod| is_behind(pod, &service));
        for pod in behind.filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            for target in targets(&service) {
                let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
                ensure!(
                    declares(pod, &target),
                    "Service {name} asks pod {pod_name} at {target:?}, which it does not have"
                );
            }
        }
    }
    Ok(())
}

fn is_behind(pod: &Pod, service: &Service) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let labels = pod.metadata.labels.as_ref();
    let (Some(selector), Some(labels)) = (selector, labels) else {
        return false;
    };
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn targets(service: &Service) -> Vec<IntOrString> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let target = |port: &k8s_openapi::api::core::v1::ServicePort| {
        port.target_port.clone().unwrap_or(IntOrString::Int(port.port))
    };
    ports.map(target).collect()
}

fn declares(pod: &Pod, target: &IntOrString) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.any(|port| match target {
        IntOrString::Int(number) => port.container_port == *number,
        IntOrString::String(name) => port.name.as_ref() == Some(name),
    })
}

/// A Service of the author's own is sent to the pods of primary, as all of an app's are while it rests or is tried.
pub async fn whatever_points_at_the_pods_follows(scene: &Scene, service: &str, primary: &str) -> Result<()> {
    let live = scene.objects().services().get(service).await?;
    let pods = scene.objects().pods().list(&Default::default()).await?.items;
    let behind: Vec<&Pod> = pods.iter().filter(|pod| is_behind(pod, &live)).collect();
    ensure!(!behind.is_empty(), "Service {service} has no pods");
    for pod in behind {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        ensure!(name.starts_with(primary), "Service {service} sends to {name}");
    }
    Ok(())
}

/// The Canary comes to its end, whatever it waits for: gone, or at rest with nothing of the target running.
pub async fn exits(scene: &Scene, canary: &str, within: Duration) -> Result<()> {
    let what = format!("canary {canary} to come to rest");
    wait_for(&what, within, async || {
        let Some(seen) = scene.objects().canary(canary).await? else {
            return Ok(Some(()));
        };
        let target = scene
            .objects()
            .deployments()
            .get_opt(seen.target().unwrap_or(canary))
            .await?;
        let runs = target.and_then(|target| target.spec?.replicas).unwrap_or_default() > 0;
        Ok((is_at_rest(&seen) && !runs).then_some(()))
    })
    .await
}

/// Whether nothing is under way.
fn is_at_rest(canary: &CanaryView) -> bool {
    let ended = ["Initialized", "Succeeded", "Failed"].contains(&canary.phase());
    ended && canary.stage() == "Rest" && canary.weight() == 0
}

/// The stage the Canary is in: what its phase says, and finer.
pub async fn stage(scene: &Scene, canary: &str, stage: &str, within: Duration) -> Result<CanaryView> {
    let there = |seen: &Mirror| seen.canary(canary).filter(|canary| canary.stage() == stage);
    scene
        .mirror()
        .until(&format!("canary {canary} to be {stage}"), within, there)
        .await
}

/// What was held for a pair that cannot be built is given back this soon: three times what the model asks for, since the look and
/// a busy machine take their time too.
const GIVEN_BACK: Duration = Duration::from_secs(30);

/// A Deployment that was applied then has its replicas again soon enough: its pair cannot be built.
pub async fn the_hold_never_outruns_the_pair(scene: &Scene, deployment: &str, applied: Instant) -> Result<()> {
    let objects = scene.objects();
    wait_for(&format!("{deployment} to have its replicas"), GIVEN_BACK, async || {
        let found = objects.deployments().get(deployment).await?;
        let replicas = found.spec.and_then(|spec| spec.replicas).unwrap_or_default();
        Ok((replicas > 0).then_some(()))
    })
    .await?;
    println!("{deployment} was held at zero for {:?}", applied.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_coalmine_changes_in_a_template_is_no_difference_and_anything_else_is() {
        let deployment = |suffix: &str, env: &str| {
            json!({"spec": {"template": {
                "metadata": {"labels": {"app": format!("web{suffix}")}, "annotations": {"flagger-id": suffix, "own": "x"}},
                "spec": {"containers": [{"env": [{"name": "A", "value": env}]}],
                    "volumes": [{"configMap": {"name": format!("web{suffix}")}}]}}}})
        };
        assert_eq!(template(&deployment("-primary", "1")), template(&deployment("", "1")));
        assert_ne!(template(&deployment("-primary", "2")), template(&deployment("", "1")));
    }
}
