//! A fleet that the real Flagger made, switched over to Coalmine and back: at each switch nobody notices, and in between
//! each app is released.

mod apps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Report, Running};
use e2e::peer::{Flagger, INSTALLED, controller};
use e2e::scene::invariants::{nothing_lost, primary_is_what_was_promoted, serves_only_verified};
use e2e::scene::{Answer, App, CanaryView, FakeNodes, Mirror, Scene, play_alone, wait_for};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::quick::shows;
use apps::{APPS, FAILED, Fleet, LOADED, MIDRUN, PROMOTED, ROLLBACK, exposition, has_series, is, name};

const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_flagger_made_is_switched_over_and_back_and_nobody_notices() {
    play_alone("fleet", async |scene| {
        let nodes = scene.fake_nodes(1).await?;
        let away = controller(scene, 0).await;
        let played = match away {
            Ok(()) => switched(scene, &nodes).await,
            Err(error) => Err(error),
        };
        controller(scene, INSTALLED).await?;
        nodes.stop(scene).await?;
        played
    })
    .await;
}

async fn switched(scene: &Scene, nodes: &FakeNodes) -> Result<()> {
    let fleet = Fleet {
        scene,
        nodes,
        hooks: scene.hooks().await?,
    };
    let flagger = Flagger::start_here(scene).await?;
    fleet.made_by_flagger().await?;
    flagger.stop(scene).await?;

    let before = fleet.primaries().await?;
    let phases = fleet.phases().await?;
    let loads = fleet.loads()?;
    controller(scene, INSTALLED).await?;
    fleet.taken_over(&before, &phases).await?;
    shows().await;
    for report in stopped(loads).await? {
        nothing_lost(&report).context("while Coalmine took over")?;
        serves_only_verified(&report, &["v1"])?;
    }

    let loads = fleet.loads()?;
    fleet.released_by_coalmine().await?;
    for report in stopped(loads).await? {
        nothing_lost(&report).context("while Coalmine released")?;
        ensure!(report.first_all_on("v3").is_some(), "{:?}", report.versions());
    }

    let before = fleet.primaries().await?;
    let loads = fleet.loads()?;
    controller(scene, 0).await?;
    fleet.handed_back().await?;
    let flagger = Flagger::start_here(scene).await?;
    fleet.taken_back(before).await?;
    shows().await;
    for report in stopped(loads).await? {
        nothing_lost(&report).context("while Flagger took over again")?;
        serves_only_verified(&report, &["v3"])?;
    }
    flagger.stop(scene).await?;
    // Nothing is left for Coalmine to put its finalizer on: the scenes after this one count its requests.
    let gone = ["delete", "canaries", "--all", "--timeout=120s"];
    scene.kubectl(&gone).await?.succeeded()?;
    Ok(())
}

async fn stopped(loads: Vec<Running>) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for load in loads {
        reports.push(load.stop().await?);
    }
    Ok(reports)
}

impl Fleet<'_> {
    async fn apply(&self, items: Vec<Value>) -> Result<()> {
        crate::quick::apply(self.scene, &items).await
    }

    /// All Initialized, some with a second release that succeeded, one whose second failed, one stopped at its weight.
    async fn made_by_flagger(&self) -> Result<()> {
        let all: Vec<usize> = (0..APPS).collect();
        let made = all.iter().flat_map(|number| {
            let mut items = Self::beside(*number);
            items.extend([self.deployment(*number, "v1"), self.canary(*number)]);
            items
        });
        self.apply(made.collect()).await?;
        self.driven(&all, "all Initialized", |canary| canary.phase() == "Initialized")
            .await?;

        self.hooks.answer(ROLLBACK, Answer::approve());
        let changed: Vec<usize> = PROMOTED.into_iter().chain([FAILED, MIDRUN]).collect();
        self.apply(changed.iter().map(|number| self.deployment(*number, "v2")).collect())
            .await?;
        let ended = |canary: &CanaryView| match canary.phase() {
            "Succeeded" => true,
            "Failed" => is(canary, FAILED),
            "Progressing" => is(canary, MIDRUN) && canary.weight() >= 50,
            _ => false,
        };
        self.driven(&changed, "Flagger's second releases", ended).await?;
        self.hooks.answer(ROLLBACK, Answer::halt());
        Ok(())
    }

    /// Lets Flagger look again and again at those Canaries that are not there yet: it does at once when an interval is
    /// another one.
    async fn driven(&self, numbers: &[usize], what: &str, there: impl Fn(&CanaryView) -> bool) -> Result<()> {
        let mut seconds = 10;
        wait_for(what, PATIENCE, async || {
            seconds = 21 - seconds;
            let mut waits = false;
            for number in numbers {
                let canary = self.canary_of(*number).await?;
                if !there(&canary) {
                    waits = true;
                    self.interval(*number, seconds).await?;
                }
            }
            if waits {
                // Longer than its look for new intervals, and than a pod needs to start.
                tokio::time::sleep(Duration::from_millis(2500)).await;
            }
            Ok((!waits).then_some(()))
        })
        .await
    }

    async fn interval(&self, number: usize, seconds: u32) -> Result<()> {
        let interval = json!({"spec": {"analysis": {"interval": format!("{seconds}s")}}});
        let canaries = self.scene.objects().canaries();
        canaries
            .patch(&name(number), &PatchParams::default(), &Patch::Merge(&interval))
            .await?;
        Ok(())
    }

    fn loads(&self) -> Result<Vec<Running>> {
        LOADED
            .iter()
            .map(|number| self.scene.light_load(&name(*number))?.start())
            .collect()
    }

    /// At rest by Coalmine's account, with the pods of before; nothing was started, and what Flagger left says so.
    async fn taken_over(&self, before: &BTreeMap<String, BTreeSet<String>>, phases: &[String]) -> Result<()> {
        for number in 0..APPS {
            let what = format!("{} to be at rest", name(number));
            wait_for(&what, PATIENCE, async || {
                let canary = self.canary_of(number).await?;
                let target = crate::quick::replicas(self.scene, &name(number)).await?;
                Ok((canary.stage() == "Rest" && canary.weight() == 0 && target == 0).then_some(()))
            })
            .await?;
        }
        for (number, phase) in phases.iter().enumerate().filter(|(number, _)| *number != MIDRUN) {
            ensure!(
                *phase == self.canary_of(number).await?.phase(),
                "{} was {phase}",
                name(number)
            );
        }
        // Two matchLabels: the target's selector is no longer primary's, and that stays as it is.
        ensure!(self.primaries().await? == *before, "a primary was rolled");
        let unreleased = self
            .scene
            .says(&name(MIDRUN), &["NotStarted", "flagger.app/reset"], PATIENCE)
            .await?;
        println!("of what Flagger left in mid-run: {unreleased}");
        self.gauges().await
    }

    /// Also those at rest have series, although nothing was written about them since the controller began.
    async fn gauges(&self) -> Result<()> {
        wait_for("the series of all Canaries", PATIENCE, async || {
            let text = exposition(self.scene).await?;
            Ok((0..APPS)
                .all(|number| has_series(&text, self.scene, &name(number)))
                .then_some(()))
        })
        .await
    }

    /// A third version of each, and each primary is that and nothing else.
    async fn released_by_coalmine(&self) -> Result<()> {
        let canaries = self.scene.objects().canaries();
        for number in [FAILED, MIDRUN] {
            let patch = Patch::Merge(json!({"spec": {"skipAnalysis": true}}));
            canaries.patch(&name(number), &PatchParams::default(), &patch).await?;
        }
        self.apply((0..APPS).map(|number| self.deployment(number, "v3")).collect())
            .await?;
        for number in 0..APPS {
            self.released(number, "v3").await?;
        }
        let checked = (0..APPS).map(async |number| {
            let deployment = self.deployment(number, "v3");
            primary_is_what_was_promoted(self.scene, &deployment).await
        });
        futures::stream::iter(checked)
            .buffer_unordered(4)
            .try_collect::<()>()
            .await?;
        self.gone_from_the_gauges().await
    }

    async fn released(&self, number: usize, version: &str) -> Result<()> {
        let (canary, primary) = (name(number), format!("{}-primary", name(number)));
        let there = |seen: &Mirror| {
            let primary = serde_json::to_value(seen.deployment(&primary)?.as_ref()).ok()?;
            let env = primary["spec"]["template"]["spec"]["containers"][0]["env"]
                .as_array()?
                .clone();
            let has = env
                .iter()
                .any(|one| one["name"] == "VERSION" && one["value"] == version);
            let canary = seen.canary(&canary)?;
            (has && canary.phase() == "Succeeded" && canary.stage() == "Rest").then_some(())
        };
        self.scene
            .mirror()
            .until(&format!("{version} of {canary}"), PATIENCE, there)
            .await
    }

    /// The series of a Canary that is deleted go with it.
    async fn gone_from_the_gauges(&self) -> Result<()> {
        let spare = "spare";
        let app = App::new(spare, "v1").replicas(1);
        let mut deployment = app.deployment();
        self.nodes.place(&mut deployment, 0);
        let analysis = json!({"interval": "10s", "threshold": 3, "stepWeights": [50]});
        self.apply(vec![app.canary(&self.scene.host(spare), &analysis, 60), deployment])
            .await?;
        self.scene.phase(spare, "Initialized", PATIENCE).await?;
        let series = async |there: bool| {
            wait_for("the series of a Canary to follow it", PATIENCE, async || {
                let text = exposition(self.scene).await?;
                Ok((has_series(&text, self.scene, spare) == there).then_some(()))
            })
            .await
        };
        series(true).await?;
        let delete = ["delete", "canary/spare", "--timeout=120s"];
        self.scene.kubectl(&delete).await?.succeeded()?;
        self.scene.kubectl(&["delete", "deployment/spare"]).await?.succeeded()?;
        series(false).await
    }

    /// The way back as `docs/from-flagger.md` says it: Flagger knows a revision by a hash that only Flagger makes, so it is
    /// to come to each as to a new one.
    async fn handed_back(&self) -> Result<()> {
        let canaries = self.scene.objects().canaries();
        let finalizers = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let status = Patch::Merge(json!({"status": {
            "phase": "", "lastAppliedSpec": null, "lastPromotedSpec": null, "trackedConfigs": null,
            "run": null,
        }}));
        for number in 0..APPS {
            let (name, params) = (name(number), PatchParams::default());
            canaries.patch(&name, &params, &finalizers).await?;
            canaries.patch_status(&name, &params, &status).await?;
        }
        Ok(())
    }

    /// Flagger takes each for what it is, starts no run and rolls none; and goes on with one that changes.
    async fn taken_back(&self, mut before: BTreeMap<String, BTreeSet<String>>) -> Result<()> {
        let all: Vec<usize> = (0..APPS).collect();
        let initialized = |canary: &CanaryView| canary.phase() == "Initialized";
        self.driven(&all, "all Initialized again", initialized).await?;
        // The look after that one would start a run of what is taken for new. It comes before the release below ends.
        for number in &all {
            self.interval(*number, 12).await?;
        }
        let number = PROMOTED[0];
        self.apply(vec![self.deployment(number, "v4")]).await?;
        self.driven(&[number], "Flagger's next release", |canary| {
            canary.phase() == "Succeeded"
        })
        .await?;
        for other in all.iter().filter(|other| **other != number) {
            let phase = self.canary_of(*other).await?.phase().to_owned();
            ensure!(phase == "Initialized", "{} is {phase}: a run was started", name(*other));
        }
        let mut after = self.primaries().await?;
        for primaries in [&mut before, &mut after] {
            primaries.remove(&format!("{}-primary", name(number)));
        }
        ensure!(after == before, "a primary was rolled");
        Ok(())
    }
}
