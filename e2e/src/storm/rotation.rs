//! Certificates, CA and paths of the webhook change all the time, while people apply.
//!
//! What the program does by the calendar (a new CA beside the old one, a leaf of the new one, the old one gone) it does as
//! soon as its record of validity says so. So the record is what is changed here, and all else is its own doing. The paths
//! change when their Secret is broken.

mod due;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use coalmine::admission::bootstrap::certificates::{Material, now};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::reviews::Reviews;
use super::{Strength, at_rest};
use crate::scene::{Report, SYSTEM, Scene, wait_for};
use due::{Due, RECORD};

const CERTIFICATES: &str = "coalmine-webhook-tls";
const PATHS: &str = "coalmine-webhook-paths";
const CONFIGURATION: &str = "coalmine";
/// Least time between two changes: paths that are younger are put back as they were, and the webhook writes its configurations
/// no more often.
const PERIOD: Duration = Duration::from_secs(2);
/// API servers follow their configurations by a watch, and webhooks their certificates: on a busy machine so much later. What is
/// hours in a cluster is this here, and a CA that is taken away before everybody has its follower fails reviews.
const NOTICED: Duration = Duration::from_secs(2);
/// After so long, paths that were broken too early are broken again.
const AGAIN: Duration = Duration::from_secs(4);
/// For everything that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of it.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// New CAs; as many leaves of theirs were made, and as many CAs before them went.
    pub authorities: usize,
    /// How often the paths changed.
    pub paths: usize,
    /// What the API server counted meanwhile.
    pub reviews: Reviews,
    /// What people saw.
    pub report: Report,
}

impl Rotated {
    /// The figures.
    pub fn measured(&self) -> String {
        let took = self.report.lasted.as_secs_f64();
        format!(
            "{} new CAs, each with a leaf, the one before gone; paths changed {} times; one change every {:.1} s; {} reviews, \
             {} failed; {}",
            self.authorities,
            self.paths,
            took / (self.paths as f64).max(1.0),
            self.reviews.asked,
            self.reviews.failed,
            self.report.line()
        )
    }

    /// An error where a review failed, or an apply failed or was missed.
    pub fn survived(&self) -> Result<()> {
        self.report.none_failed()?;
        ensure!(self.report.not_held.is_empty(), "{}", self.report.line());
        ensure!(self.reviews.failed == 0.0, "{} reviews failed", self.reviews.failed);
        ensure!(self.reviews.asked > 0.0, "the API server counted no review");
        Ok(())
    }
}

/// Changes one after the other, until the number of changes and of reviews is `enough`.
pub async fn play(scene: &Scene, strength: Strength, enough: impl Fn(usize, f64) -> bool) -> Result<Rotated> {
    let apps = strength.apps();
    at_rest(scene, apps.iter()).await?;
    let before = Reviews::read(&scene.client).await?;
    let applies = strength.applies(scene, &apps);
    let changed = changed_until(scene, |paths, reviews| enough(paths, reviews.since(before).asked)).await;
    let report = applies.stop().await?;
    let (authorities, paths) = changed?;
    Ok(Rotated {
        authorities,
        paths,
        reviews: Reviews::read(&scene.client).await?.since(before),
        report,
    })
}

async fn changed_until(scene: &Scene, enough: impl Fn(usize, Reviews) -> bool) -> Result<(usize, usize)> {
    let (mut authorities, mut paths) = (0, 0);
    loop {
        let began = Instant::now();
        let due = change(scene, paths).await?;
        paths += 1;
        tokio::time::sleep(NOTICED.max(PERIOD.saturating_sub(began.elapsed()))).await;
        // As it was found: one CA alone.
        if due == Due::Gone {
            authorities += 1;
            if enough(paths, Reviews::read(&scene.client).await?) {
                return Ok((authorities, paths));
            }
        }
    }
}

/// Changes what is next of the certificates, and the paths, and waits until API servers are told of both.
async fn change(scene: &Scene, number: usize) -> Result<Due> {
    let path = told(scene).await?.0;
    let secret = secrets(scene).get(CERTIFICATES).await?;
    let before = secret.data.clone().unwrap_or_default();
    let record = before
        .get(RECORD)
        .context("the webhook keeps its certificates itself")?;
    let mut record: Value = serde_json::from_slice(&record.0)?;
    let due = Due::next(&record);
    due.make(&mut record, now());
    let version = secret.metadata.resource_version;
    let said = json!({"metadata": {"resourceVersion": version}, "stringData": {RECORD: record.to_string()}});
    patched(scene, CERTIFICATES, said).await?;
    broken(scene, number).await?;
    let mut since = Instant::now();
    wait_for(&format!("API servers to be told of {due:?}"), PATIENCE, async || {
        let other_path = told(scene).await?.0 != path;
        if !other_path && since.elapsed() > AGAIN {
            broken(scene, number).await?;
            since = Instant::now();
        }
        let data = secrets(scene).get(CERTIFICATES).await?.data.unwrap_or_default();
        let done = data.get(due.changes()) != before.get(due.changes());
        let bundle = Material::read(&data).context("certificates")?.ca_bundle();
        let all = clients(scene).await?;
        let all_know = all.iter().all(|client| is_told(client, &bundle));
        Ok((other_path && done && all_know).then_some(due))
    })
    .await
}

fn is_told(client: &WebhookClientConfig, bundle: &str) -> bool {
    let told = client.ca_bundle.as_ref();
    told.is_some_and(|told| told.0 == bundle.as_bytes())
}

/// How API servers reach every entry.
async fn clients(scene: &Scene) -> Result<Vec<WebhookClientConfig>> {
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(scene.client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(scene.client.clone());
    let mutating = mutating.get(CONFIGURATION).await?.webhooks.unwrap_or_default();
    let validating = validating.get(CONFIGURATION).await?.webhooks.unwrap_or_default();
    let mutating = mutating.into_iter().map(|hook| hook.client_config);
    Ok(mutating
        .chain(validating.into_iter().map(|hook| hook.client_config))
        .collect())
}

/// The path and the CAs that API servers are told for the entry that acts.
pub async fn told(scene: &Scene) -> Result<(String, Vec<u8>)> {
    let all: Api<ValidatingWebhookConfiguration> = Api::all(scene.client.clone());
    let hooks = all.get(CONFIGURATION).await?.webhooks.unwrap_or_default();
    let hook = hooks
        .into_iter()
        .find(|hook| hook.name == "follow-deployments.coalmine.dev");
    let client = hook.context("there is an entry that acts")?.client_config;
    let path = client
        .service
        .and_then(|service| service.path)
        .context("it has a path")?;
    Ok((path, client.ca_bundle.context("it has a CA")?.0))
}

/// Waits until API servers are told another path than that.
pub async fn changed(scene: &Scene, before: &str) -> Result<String> {
    wait_for("other paths", PATIENCE, async || {
        let (path, _) = told(scene).await?;
        Ok((path != before).then_some(path))
    })
    .await
}

/// Breaks the Secret with the paths: deletes it, empties it, or writes nonsense into it.
pub async fn broken(scene: &Scene, how: usize) -> Result<()> {
    let empty = json!({"data": null});
    let nonsense = json!({"stringData": {"current": "nonsense", "record.json": "{}"}});
    match how % 3 {
        0 => secrets(scene).delete(PATHS, &DeleteParams::default()).await.map(drop)?,
        1 => patched(scene, PATHS, empty).await?,
        _ => patched(scene, PATHS, nonsense).await?,
    }
    Ok(())
}

async fn patched(scene: &Scene, secret: &str, change: Value) -> Result<()> {
    let params = PatchParams::default();
    secrets(scene).patch(secret, &params, &Patch::Merge(change)).await?;
    Ok(())
}

fn secrets(scene: &Scene) -> Api<Secret> {
    Api::namespaced(scene.client.clone(), SYSTEM)
}
