//! Waiting for what is said of a Canary, for its phase, and for its app.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::Value;

use super::quick::{SOON, own_canary};
use super::{App, CanaryView, Mirror, Scene, wait_for};
use crate::load::until_reachable;

/// Events are written beside a release, those of a namespace one after the other: on a busy machine seconds later.
const TOLD: Duration = Duration::from_secs(60);

impl Scene {
    /// Waits until something was said about the Canary of that name, in an event or in a condition, that has all these
    /// words in one line.
    pub async fn says(&self, canary: &str, words: &[&str], within: Duration) -> Result<String> {
        let objects = self.objects();
        wait_for(
            &format!("{words:?} to be said of canary {canary}"),
            within,
            async || {
                let mut lines = objects.told(canary).await?;
                lines.extend(objects.canary(canary).await?.iter().flat_map(CanaryView::conditions));
                let named = |line: &String| words.iter().all(|word| line.contains(word));
                Ok(lines.into_iter().find(named))
            },
        )
        .await
    }

    /// Waits until an event about the Canary of that name is the one looked for, which `what` tells whoever misses it, and
    /// answers what all say.
    pub async fn told(&self, canary: &str, what: &str, is: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        self.told_until(canary, what, |told| told.iter().any(|line| is(line)))
            .await
    }

    /// Waits until that many events about the Canary of that name have these words, and fails where there are more.
    pub async fn told_times(&self, canary: &str, words: &str, times: usize) -> Result<()> {
        let count = |told: &[String]| told.iter().filter(|line| line.contains(words)).count();
        let what = format!("{words}, {times} times");
        let told = self.told_until(canary, &what, |told| count(told) >= times).await?;
        ensure!(count(&told) == times, "more than {what}: {told:?}");
        Ok(())
    }

    async fn told_until(&self, canary: &str, what: &str, wanted: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        let objects = self.objects();
        wait_for(&format!("an event of canary {canary}: {what}"), TOLD, async || {
            let told = objects.told(canary).await?;
            ensure!(wanted(&told), "told is {told:?}");
            Ok(Some(told))
        })
        .await
    }

    /// Waits until the app of that name answers through the gateway, and tells its version.
    pub async fn reachable(&self, app: &str, within: Duration) -> Result<String> {
        until_reachable(&self.load(app)?, within).await
    }

    /// Applies an app at rest: labelled namespace, pair serving, Canary Initialized.
    pub async fn settled(&self, app: &App) -> Result<()> {
        self.settled_from(app.name(), &app.manifest()).await
    }

    /// The same of an app that is not like all others, from its manifest.
    pub async fn settled_from(&self, app: &str, manifest: &str) -> Result<()> {
        self.label().await?;
        self.apply(manifest).await?.succeeded()?;
        self.phase(app, "Initialized", SOON).await?;
        self.reachable(app, Duration::from_secs(60)).await?;
        Ok(())
    }

    /// The same with a Canary of the author's own, which is there before the app.
    pub async fn settled_under(&self, app: &App, analysis: &Value) -> Result<()> {
        let canary = app.canary(&self.host(app.name()), analysis, 60);
        self.paired(app, &canary).await?;
        self.reachable(app.name(), SOON).await?;
        Ok(())
    }

    /// The same where it is not to be reached through the gateway.
    pub async fn paired(&self, app: &App, canary: &Value) -> Result<()> {
        self.label().await?;
        own_canary(self, canary).await?;
        self.apply(&app.manifest()).await?.succeeded()?;
        self.phase(app.name(), "Initialized", SOON).await?;
        Ok(())
    }

    /// Waits until the Canary of that name has at least this weight.
    pub async fn at_weight(&self, canary: &str, least: u64, within: Duration) -> Result<CanaryView> {
        let objects = self.objects();
        let what = format!("canary {canary} to be at a weight of {least}");
        wait_for(&what, within, async || {
            let found = objects.canary(canary).await?;
            Ok(found.filter(|found| found.weight() >= least))
        })
        .await
    }

    /// Waits until the Canary of that name is in a phase, and its Deployment with it: a phase is stored before the target
    /// is written.
    pub async fn phase(&self, canary: &str, phase: &str, within: Duration) -> Result<CanaryView> {
        let what = format!("canary {canary} to be {phase}");
        let ended = ["Initialized", "Succeeded"].contains(&phase);
        let there = |seen: &Mirror| {
            let found = seen.canary(canary).filter(|canary| canary.phase() == phase)?;
            let target = found.target().and_then(|target| seen.deployment(target));
            let busy = target.is_some_and(|target| state(&target).is_some_and(|state| state != "rest"));
            (!ended || !busy).then_some(found)
        };
        self.mirror().until(&what, within, there).await
    }

    /// Waits until the target of that name rests: a phase is stored before the target is written.
    pub async fn rests(&self, target: &str, within: Duration) -> Result<()> {
        let rests = |seen: &Mirror| {
            let object = seen.deployment(target)?;
            let replicas = object.spec.as_ref()?.replicas;
            (state(&object) == Some("rest") && replicas == Some(0)).then_some(())
        };
        self.mirror().until(&format!("{target} to rest"), within, rests).await
    }
}

fn state(target: &Deployment) -> Option<&str> {
    let labels = target.metadata.labels.as_ref()?;
    labels.get("coalmine.dev/state").map(String::as_str)
}
