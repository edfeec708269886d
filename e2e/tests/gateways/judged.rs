//! Releases that the data plane's own series decide: by the built-in metrics as Flagger words them, where it has the series that they
//! name. What is measured is the truth, which the app is told.

use std::ops::RangeInclusive;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::policy::PATIENCE;
use e2e::scene::quick::{SOON, apply, promoted};
use e2e::scene::{App, Scene, templates};
use serde_json::{Value, json};

use crate::plane::{Plane, Series};
use crate::released::often;

const APP: &str = "judged";
/// Half of what the bad one answers is an error. Where pods count, their probes are among it.
const ERROR_RATE: (&str, &str) = ("ERROR_RATE", "0.5");
const SUCCESS: RangeInclusive<f64> = 40.0..=62.0;
/// What the slow one takes for each answer, and what is too slow.
const LATENCY: (&str, &str) = ("LATENCY_MS", "420");
const TOO_SLOW: u64 = 350;
/// A quantile is told by the bounds of its bucket, the next of which is a second. A mean comes out up to a tenth too small, as
/// Prometheus never extends a sum that has just begun to grow behind its zero.
const DURATION: RangeInclusive<f64> = 350.0..=1000.0;

impl Series {
    /// What the success rate and the duration, in milliseconds, are called.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::BuiltIn => ("request-success-rate", "request-duration"),
            Self::Templates => ("success-rate", "duration"),
        }
    }

    fn analysis(self) -> Value {
        let (success, duration) = self.names();
        let metric = |name: &str, range: Value| {
            let mut metric = json!({"name": name, "interval": "15s", "thresholdRange": range});
            if self == Self::Templates {
                metric["templateRef"] = json!({"name": name});
            }
            metric
        };
        let metrics = [
            metric(success, json!({"min": 99})),
            metric(duration, json!({"max": TOO_SLOW})),
        ];
        json!({"interval": "5s", "threshold": 2, "stepWeights": [25], "metrics": metrics})
    }
}

/// A good one passes, so there are figures; one that answers errors fails, and so does one that is slow.
pub async fn by_its_own_series(plane: Plane, series: Series, scene: &Scene) -> Result<()> {
    let app = App::new(APP, "v1");
    let (success, duration) = series.names();
    if series == Series::Templates {
        let both = [
            templates::success_rate(scene, success, APP),
            templates::duration(scene, duration, APP),
        ];
        apply(scene, &both).await?;
    }
    plane.at_rest(scene, &app, &series.analysis()).await?;
    let running = often(plane, scene, APP)?.start()?;
    apply(scene, &[app.at("v2").deployment()]).await?;
    promoted(scene, &app.at("v2")).await?;
    let passed = measured(scene, success, false).await?;
    ensure!(
        passed.iter().all(|value| *value > 99.9),
        "the good one had {passed:?} %"
    );

    let found = fails(scene, &app.at("v3").with(ERROR_RATE.0, ERROR_RATE.1), success).await?;
    println!("{plane:?}: of one that fails half of its requests {success} says {found:?}");
    ensure!(
        found.iter().all(|value| SUCCESS.contains(value)),
        "{found:?} is not half"
    );

    let slow = app.at("v4").with(LATENCY.0, LATENCY.1);
    let found = fails(scene, &slow, duration).await?;
    println!(
        "{plane:?}: of one that takes {} ms {duration} says {found:?}",
        LATENCY.1
    );
    ensure!(
        found.iter().all(|value| DURATION.contains(value)),
        "{found:?} ms is not as slow"
    );
    nothing_lost(&running.stop().await?)
}

/// Releases one that fails by that metric: what it was measured to be.
async fn fails(scene: &Scene, next: &App, by: &str) -> Result<Vec<f64>> {
    apply(scene, &[next.deployment()]).await?;
    // It is failed still, or again, until the next one is tried.
    scene.phase(APP, "Progressing", SOON).await?;
    scene.phase(APP, "Failed", PATIENCE).await?;
    exits(scene, APP, SOON).await?;
    measured(scene, by, true).await
}

/// The values of a metric in the checks of the last run that failed, or passed.
async fn measured(scene: &Scene, metric: &str, failed: bool) -> Result<Vec<f64>> {
    let canary = scene.objects().canary(APP).await?.context("the Canary")?;
    let all = canary.0["status"]["canaryAnalysis"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let of_it = all
        .iter()
        .filter(|one| one["metric"] == metric && one["failed"] == failed);
    let values: Vec<f64> = of_it.filter_map(|one| one["value"].as_f64()).collect();
    ensure!(!values.is_empty(), "{metric} has no values: {all:?}");
    Ok(values)
}
