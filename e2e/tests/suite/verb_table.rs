//! The table of verbs on the real cluster: each verb in each phase, an app for every cell, a namespace for every phase.
//! What is stored and warned is tabled in `src/admission/deployments`; here is what becomes of it.

use std::time::Duration;

use e2e::scene::{App, CanaryView, Said, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::waits::skipping;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    ApplySame,
    ApplyNew,
    ApplyPromoted,
    Replicas,
    SetEnv,
    Restart,
    Undo,
    Scale,
    Put,
    DeleteCreate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Rest,
    Running,
    Failed,
}

/// What becomes of the app.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    /// Nothing: not even the generation moves.
    Nothing,
    /// A run of what was sent.
    Analysis,
    /// The revision that serves is what there is: no pod of T, Succeeded.
    Promoted,
    /// Primary has two, no run.
    Resized,
    /// Two are recorded, primary still has one, the run goes on.
    Recorded,
    /// The canary has two, primary one, the run goes on.
    Scaled,
    /// 403, with the command that does what was meant.
    Refused,
    /// Not asked in this phase.
    Skipped,
}

use After::*;

/// Verb, then at rest, in a run, failed.
const TABLE: [(Verb, After, After, After); 10] = [
    (Verb::ApplySame, Nothing, Nothing, Nothing),
    (Verb::ApplyNew, Analysis, Analysis, Analysis),
    (Verb::ApplyPromoted, Nothing, Promoted, Promoted),
    (Verb::Replicas, Resized, Recorded, Resized),
    (Verb::SetEnv, Analysis, Analysis, Analysis),
    (Verb::Restart, Analysis, Analysis, Analysis),
    // A first revision has nothing to go back to.
    (Verb::Undo, Skipped, Promoted, Promoted),
    (Verb::Scale, Refused, Scaled, Refused),
    (Verb::Put, Nothing, Nothing, Nothing),
    (Verb::DeleteCreate, Analysis, Analysis, Analysis),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "not seen to pass on a calm machine yet"]
async fn every_verb_at_rest() {
    play("table-rest", async |scene| column(scene, Phase::Rest).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "not seen to pass on a calm machine yet"]
async fn every_verb_in_a_run() {
    play("table-running", async |scene| column(scene, Phase::Running).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "not seen to pass on a calm machine yet"]
async fn every_verb_after_a_failure() {
    play("table-failed", async |scene| column(scene, Phase::Failed).await).await;
}

async fn column(scene: &Scene, phase: Phase) -> anyhow::Result<()> {
    scene.label().await?;
    let cells = TABLE.iter().map(async |(verb, rest, running, failed)| {
        let after = match phase {
            Phase::Rest => *rest,
            Phase::Running => *running,
            Phase::Failed => *failed,
        };
        if after == Skipped {
            return Ok(());
        }
        let name = format!("{verb:?}").to_lowercase();
        let cell = Cell {
            scene,
            app: App::new(&name, "v1").replicas(1),
            phase,
        };
        cell.plays(*verb, after)
            .await
            .map_err(|error| error.context(format!("{verb:?}, {phase:?}")))
    });
    for played in futures::future::join_all(cells).await {
        played?;
    }
    Ok(())
}

struct Cell<'a> {
    scene: &'a Scene,
    app: App,
    phase: Phase,
}

impl Cell<'_> {
    async fn plays(&self, verb: Verb, after: After) -> anyhow::Result<()> {
        self.prepared().await?;
        let before = self.target().await?;
        let said = self.performed(verb).await?;
        match after {
            Refused => {
                let said = said.refused()?;
                assert!(said.err.contains("kubectl patch"), "{}", said.err);
            }
            _ => drop(said.succeeded()?),
        }
        self.ends(after, &before).await
    }

    // Brings the app into the phase; v1 serves.
    async fn prepared(&self) -> anyhow::Result<()> {
        let (scene, name) = (self.scene, self.app.name());
        match self.phase {
            Phase::Failed => skipping(scene, &self.app, 5).await?,
            Phase::Rest | Phase::Running => {
                // The first check is far away, so the run stands.
                let analysis = json!({"interval": "20m", "threshold": 1, "stepWeights": [20, 50]});
                let canary = self.app.canary(&scene.host(name), &analysis, 120);
                scene.apply(&canary.to_string()).await?.succeeded()?;
            }
        }
        scene.apply(&self.app.manifest()).await?.succeeded()?;
        scene.phase(name, "Initialized", PATIENCE).await?;
        match self.phase {
            Phase::Rest => {}
            Phase::Running => {
                scene.apply(&self.current().manifest()).await?.succeeded()?;
                self.until("a weight of 20", |canary, _| canary.weight() == 20).await?;
            }
            Phase::Failed => {
                scene.apply(&self.current().manifest()).await?.succeeded()?;
                scene.phase(name, "Failed", PATIENCE).await?;
            }
        }
        Ok(())
    }

    // What T holds in the phase.
    fn current(&self) -> App {
        match self.phase {
            Phase::Rest => self.app.clone(),
            Phase::Running => self.app.at("v2"),
            Phase::Failed => self.app.at("v2").image("localhost/coalmine/nowhere:none"),
        }
    }

    async fn performed(&self, verb: Verb) -> anyhow::Result<Said> {
        let (scene, current) = (self.scene, self.current());
        let target = format!("deployment/{}", self.app.name());
        match verb {
            Verb::ApplySame => scene.apply(&current.manifest()).await,
            Verb::ApplyNew => scene.apply(&self.app.at("v3").manifest()).await,
            Verb::ApplyPromoted => scene.apply(&self.app.manifest()).await,
            Verb::Replicas => scene.apply(&current.replicas(2).manifest()).await,
            Verb::SetEnv => scene.kubectl(&["set", "env", &target, "VERSION=v3"]).await,
            Verb::Restart => scene.kubectl(&["rollout", "restart", &target]).await,
            Verb::Undo => scene.kubectl(&["rollout", "undo", &target]).await,
            Verb::Scale => scene.kubectl(&["scale", &target, "--replicas=2"]).await,
            Verb::Put => scene.kubectl_with(&["replace", "-f", "-"], &current.manifest()).await,
            Verb::DeleteCreate => {
                scene.kubectl(&["delete", &target]).await?.succeeded()?;
                let made = self.app.at("v3").manifest();
                scene.kubectl_with(&["create", "-f", "-"], &made).await
            }
        }
    }

    async fn ends(&self, after: After, before: &Value) -> anyhow::Result<()> {
        let in_phase = match self.phase {
            Phase::Rest => "Initialized",
            Phase::Running => "Progressing",
            Phase::Failed => "Failed",
        };
        match after {
            Analysis => {
                // The revision of T as stored is the one that is tried, and it is not the one from before.
                self.until("a run of what was sent", |canary, target| {
                    let tried = canary.0["status"]["lastAppliedSpec"].as_str();
                    let stored = revision(target);
                    let runs = ["Progressing", "Promoting", "Finalising", "Succeeded"].contains(&canary.phase());
                    runs && stored.is_some() && tried == stored && stored != revision(before)
                })
                .await
            }
            Promoted => {
                self.until("the promoted revision alone", |canary, target| {
                    canary.phase() == "Succeeded" && canary.weight() == 0 && replicas(target) == Some(0)
                })
                .await
            }
            Resized => {
                self.primary_has(2).await?;
                self.still(in_phase, before, false).await
            }
            Recorded | Scaled => {
                self.still(in_phase, before, false).await?;
                self.primary_has(1).await?;
                self.until("two pods wanted or run", |_, target| {
                    let desired = target["metadata"]["labels"]["coalmine.dev/desired-replicas"] == "2";
                    replicas(target) == Some(2) && (after == Scaled || desired)
                })
                .await
            }
            Nothing | Refused => self.still(in_phase, before, true).await,
            Skipped => Ok(()),
        }
    }

    // Nothing may follow: seen after more time than a step needs.
    async fn still(&self, phase: &str, before: &Value, untouched: bool) -> anyhow::Result<()> {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let name = self.app.name();
        let canary = self.scene.objects().canary(name).await?.expect("the canary");
        assert_eq!(canary.phase(), phase, "{name}: {:#}", canary.0["status"]);
        let target = self.target().await?;
        assert_eq!(
            target["metadata"]["labels"]["coalmine.dev/managed"], "true",
            "{name}: our labels are back"
        );
        if untouched {
            assert_eq!(
                target["metadata"]["generation"], before["metadata"]["generation"],
                "{name}"
            );
            assert_eq!(target["metadata"]["labels"], before["metadata"]["labels"], "{name}");
        }
        Ok(())
    }

    async fn primary_has(&self, count: i32) -> anyhow::Result<()> {
        let (objects, name) = (self.scene.objects(), format!("{}-primary", self.app.name()));
        wait_for(
            &format!("{name} to have {count}"),
            Duration::from_secs(20),
            async || {
                let primary = objects.deployments().get(&name).await?;
                Ok((primary.spec.and_then(|spec| spec.replicas) == Some(count)).then_some(()))
            },
        )
        .await
    }

    async fn until(&self, what: &str, holds: impl Fn(&CanaryView, &Value) -> bool) -> anyhow::Result<()> {
        let (objects, name) = (self.scene.objects(), self.app.name());
        wait_for(&format!("{name}: {what}"), PATIENCE, async || {
            let (Some(canary), Some(target)) =
                (objects.canary(name).await?, objects.deployments().get_opt(name).await?)
            else {
                return Ok(None);
            };
            let target = serde_json::to_value(target)?;
            Ok(holds(&canary, &target).then_some(()))
        })
        .await
    }

    async fn target(&self) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(
            self.scene.objects().deployments().get(self.app.name()).await?,
        )?)
    }
}

fn revision(target: &Value) -> Option<&str> {
    target["metadata"]["labels"]["coalmine.dev/revision"].as_str()
}

fn replicas(target: &Value) -> Option<u64> {
    target["spec"]["replicas"].as_u64()
}
