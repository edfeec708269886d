//! The table of verbs on the real cluster: each verb in each phase, an app for every cell, a namespace for every phase.
//! What is stored and warned is tabled in `src/admission/mutate/deployments`; here is what becomes of it.

use std::time::Duration;

use e2e::scene::{Answer, App, CanaryView, Hooks, Mirror, Said, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::gates::{analysis, hook};
use crate::policy::PATIENCE;
use crate::quick::{put, scaled};
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
    /// `confirm-rollout` is closed: nothing of the revision runs yet.
    Waiting,
    /// `confirm-promotion` is closed: all checks passed, and the canary has its last weight.
    WaitingPromotion,
    /// The verified revision serves everybody, and primary is made from it.
    Promoting,
    /// A live app that was labelled: its own pods serve, and primary is not ready yet.
    Enrolling,
}

impl Phase {
    /// As the status says it.
    fn shown(self) -> &'static str {
        match self {
            Self::Rest => "Initialized",
            Self::Running => "Progressing",
            Self::Failed => "Failed",
            Self::Waiting => "Waiting",
            Self::WaitingPromotion => "WaitingPromotion",
            Self::Promoting => "Promoting",
            Self::Enrolling => "Initializing",
        }
    }
}

/// What becomes of the app.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    /// Nothing: not even the generation moves.
    Nothing,
    /// A run of what was sent.
    Analysis,
    /// What was sent is what is waited for, and nothing of it runs.
    Asked,
    /// The revision that serves is what there is: no pod of T, Succeeded.
    Promoted,
    /// Primary has two, no run.
    Resized,
    /// The canary and primary have two each, the run goes on.
    Followed,
    /// The promotion, or the enrolment, ends with a primary of two.
    Grown,
    /// Nobody serves any more, so what was sent is built, or tried where primary was quicker.
    Taken,
    /// Not asked in this phase.
    Skipped,
}

use After::*;

/// Verb, then at rest, in a run, failed, waiting, waiting for promotion, promoting, enrolling. What was verified is
/// promoted to its end: the revision before it is a new one by then.
const TABLE: [(Verb, [After; 7]); 10] = [
    (Verb::ApplySame, [Nothing; 7]),
    (
        Verb::ApplyNew,
        [Analysis, Analysis, Analysis, Asked, Analysis, Analysis, Analysis],
    ),
    (
        Verb::ApplyPromoted,
        [Nothing, Promoted, Promoted, Promoted, Promoted, Analysis, Nothing],
    ),
    (
        Verb::Replicas,
        [Resized, Followed, Resized, Resized, Followed, Grown, Grown],
    ),
    (
        Verb::SetEnv,
        [Analysis, Analysis, Analysis, Asked, Analysis, Analysis, Analysis],
    ),
    (
        Verb::Restart,
        [Analysis, Analysis, Analysis, Asked, Analysis, Analysis, Analysis],
    ),
    // A first revision has nothing to go back to.
    (
        Verb::Undo,
        [Skipped, Promoted, Promoted, Promoted, Promoted, Analysis, Skipped],
    ),
    // Whoever scales the app means all of it.
    (
        Verb::Scale,
        [Resized, Followed, Resized, Resized, Followed, Grown, Grown],
    ),
    (Verb::Put, [Nothing; 7]),
    (
        Verb::DeleteCreate,
        [Analysis, Analysis, Analysis, Asked, Analysis, Analysis, Taken],
    ),
];

const REVISION: &str = "coalmine.dev/revision";
/// How long pods of an app that is to be met while it is promoted or enrolled take to be available, in seconds: ten verbs at
/// once take their time, and what follows each is looked at within it.
const SLOW: u32 = 30;

/// The gates that are closed, where a Canary has them.
const GATES: [&str; 2] = ["confirm-rollout", "confirm-promotion"];
/// Phases a run goes through.
const RUNS: [&str; 5] = [
    "Progressing",
    "WaitingPromotion",
    "Promoting",
    "Finalising",
    "Succeeded",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_at_rest() {
    play("table-rest", async |scene| column(scene, Phase::Rest).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_in_a_run() {
    play("table-running", async |scene| column(scene, Phase::Running).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_after_a_failure() {
    play("table-failed", async |scene| column(scene, Phase::Failed).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_while_a_rollout_waits_to_be_confirmed() {
    play("table-waiting", async |scene| column(scene, Phase::Waiting).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_while_a_promotion_waits_to_be_confirmed() {
    play("table-promotion", async |scene| {
        column(scene, Phase::WaitingPromotion).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_during_a_promotion() {
    play("table-promoting", async |scene| column(scene, Phase::Promoting).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_while_a_live_app_is_enrolled() {
    play("table-enrolling", async |scene| column(scene, Phase::Enrolling).await).await;
}

async fn column(scene: &Scene, phase: Phase) -> anyhow::Result<()> {
    let hooks = scene.hooks().await?;
    for gate in GATES {
        hooks.answer(&format!("/{gate}"), Answer::halt());
    }
    let hooks = &hooks;
    let asked = TABLE.iter().filter(|(_, outcomes)| outcomes[phase as usize] != Skipped);
    let cells: Vec<(Verb, After, Cell)> = asked
        .map(|(verb, outcomes)| {
            let app = App::new(&format!("{verb:?}").to_lowercase(), "v1").replicas(1);
            let slow = matches!(phase, Phase::Promoting | Phase::Enrolling);
            let app = if slow { app.min_ready(SLOW) } else { app };
            let cell = Cell {
                scene,
                hooks,
                app,
                phase,
            };
            (*verb, outcomes[phase as usize], cell)
        })
        .collect();
    if phase == Phase::Enrolling {
        futures::future::try_join_all(cells.iter().map(|(_, _, cell)| cell.lives())).await?;
    }
    scene.label().await?;
    let played = cells.iter().map(async |(verb, after, cell)| {
        cell.plays(*verb, *after)
            .await
            .map_err(|error| error.context(format!("{verb:?}, {phase:?}")))
    });
    for played in futures::future::join_all(played).await {
        played?;
    }
    Ok(())
}

struct Cell<'a> {
    scene: &'a Scene,
    hooks: &'a Hooks,
    app: App,
    phase: Phase,
}

impl Cell<'_> {
    async fn plays(&self, verb: Verb, after: After) -> anyhow::Result<()> {
        self.prepared().await?;
        let before = self.target().await?;
        let said = self.performed(verb).await?;
        said.succeeded()?;
        self.ends(after, &before).await
    }

    // An app that nobody releases yet.
    async fn lives(&self) -> anyhow::Result<()> {
        self.scene.apply(&self.app.manifest()).await?.succeeded()?;
        let (objects, name) = (self.scene.objects(), self.app.name());
        wait_for(&format!("{name} to be available"), PATIENCE, async || {
            let status = objects.deployments().get(name).await?.status;
            Ok((status.and_then(|status| status.available_replicas) == Some(1)).then_some(()))
        })
        .await
    }

    // The webhook and the controller know the live app; its primary takes as long as it did.
    async fn enrolled(&self) -> anyhow::Result<()> {
        let (scene, name) = (self.scene, self.app.name());
        scene.phase(name, self.phase.shown(), PATIENCE).await?;
        self.until("its label", |_, target| {
            target["metadata"]["labels"]["coalmine.dev/state"] == "hot"
        })
        .await?;
        self.seen().await
    }

    // Each of our writes has one of the Deployment controller follow: a PUT that crosses it is a conflict.
    async fn seen(&self) -> anyhow::Result<()> {
        self.until("the Deployment controller to have seen it", |_, target| {
            target["status"]["observedGeneration"] == target["metadata"]["generation"]
        })
        .await
    }

    // Brings the app into the phase; v1 serves.
    async fn prepared(&self) -> anyhow::Result<()> {
        let (scene, name) = (self.scene, self.app.name());
        if self.phase == Phase::Enrolling {
            return self.enrolled().await;
        }
        match self.analysis() {
            None => skipping(scene, &self.app, 5).await?,
            Some(analysis) => {
                let canary = self.app.canary(&scene.host(name), &analysis, 120);
                scene.apply(&canary.to_string()).await?.succeeded()?;
            }
        }
        scene.apply(&self.app.manifest()).await?.succeeded()?;
        scene.phase(name, "Initialized", PATIENCE).await?;
        scene.rests(name, PATIENCE).await?;
        if self.phase != Phase::Rest {
            scene.apply(&self.current().manifest()).await?.succeeded()?;
            scene.phase(name, self.phase.shown(), PATIENCE).await?;
        }
        match self.phase {
            Phase::Running => self.until("a weight of 20", |canary, _| canary.weight() == 20).await?,
            Phase::Failed => scene.rests(name, PATIENCE).await?,
            Phase::Rest | Phase::Waiting | Phase::WaitingPromotion | Phase::Enrolling => {}
            // Not before: what carries everybody may still be cut short.
            Phase::Promoting => {
                self.until("everybody on the canary", |canary, _| canary.weight() == 100)
                    .await?;
            }
        }
        self.seen().await
    }

    // What the phase needs; none releases without a check.
    fn analysis(&self) -> Option<Value> {
        match self.phase {
            Phase::Failed => None,
            // The first check is far away, so the run stands.
            Phase::Rest | Phase::Running => Some(json!({"interval": "20m", "threshold": 1, "stepWeights": [20, 50]})),
            Phase::Waiting => Some(analysis(&[hook(self.hooks, GATES[0])])),
            Phase::WaitingPromotion => Some(analysis(&[hook(self.hooks, GATES[1])])),
            Phase::Promoting | Phase::Enrolling => Some(analysis(&[])),
        }
    }

    // What T holds in the phase.
    fn current(&self) -> App {
        match self.phase {
            Phase::Rest | Phase::Enrolling => self.app.clone(),
            Phase::Running | Phase::Waiting | Phase::WaitingPromotion | Phase::Promoting => self.app.at("v2"),
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
            Verb::Scale => scaled(scene, &[self.app.name()], 2).await,
            Verb::Put => put(scene, self.app.name(), &current.manifest()).await,
            Verb::DeleteCreate => {
                scene.kubectl(&["delete", &target]).await?.succeeded()?;
                let made = self.app.at("v3").manifest();
                scene.kubectl_with(&["create", "-f", "-"], &made).await
            }
        }
    }

    async fn ends(&self, after: After, before: &Value) -> anyhow::Result<()> {
        let in_phase = self.phase.shown();
        match after {
            Analysis => {
                // The revision of T as stored is the one that is tried, and it is not the one from before.
                self.until("a run of what was sent", |canary, target| {
                    let tried = canary.0["status"]["lastAppliedSpec"].as_str();
                    let stored = revision(target);
                    let runs = RUNS.contains(&canary.phase());
                    runs && stored.is_some() && tried == stored && stored != revision(before)
                })
                .await
            }
            Asked => {
                self.until("what was sent to be waited for", |canary, target| {
                    let tried = canary.0["status"]["lastAppliedSpec"].as_str();
                    let other = tried.is_some() && tried == revision(target) && tried != revision(before);
                    other && canary.phase() == "Waiting" && replicas(target) == Some(0)
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
            Followed => {
                self.primary_has(2).await?;
                self.still(in_phase, before, false).await?;
                self.until("two pods wanted or run", |_, target| {
                    let desired = target["metadata"]["labels"]["coalmine.dev/desired-replicas"] == "2";
                    replicas(target) == Some(2) && desired
                })
                .await
            }
            Grown => {
                self.primary_has(2).await?;
                let end = match self.phase {
                    Phase::Enrolling => "Initialized",
                    _ => "Succeeded",
                };
                self.until(&format!("{end} as the end of it"), |canary, _| canary.phase() == end)
                    .await
            }
            Taken => {
                self.until("what was sent to be taken", |canary, target| {
                    let tried = canary.0["status"]["lastAppliedSpec"].as_str();
                    tried.is_some() && tried == revision(target) && canary.phase() != "Initializing"
                })
                .await
            }
            Nothing => self.still(in_phase, before, true).await,
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
            assert_eq!(target["spec"], before["spec"], "{name}");
            // A Deployment's generation counts changes of annotations too, and a PUT takes kubectl's own away.
            let (now, then) = (&target["metadata"], &before["metadata"]);
            if now["annotations"] == then["annotations"] {
                assert_eq!(now["generation"], then["generation"], "{name}");
            }
            let mut expected = before["metadata"]["labels"].clone();
            if let (Phase::Enrolling, Some(stored)) = (self.phase, revision(&target)) {
                // What was enrolled passed no webhook yet; it is noted by the first write that does, or at rest.
                expected[REVISION] = json!(stored);
            }
            assert_eq!(target["metadata"]["labels"], expected, "{name}");
        }
        Ok(())
    }

    async fn primary_has(&self, count: i32) -> anyhow::Result<()> {
        let (objects, name) = (self.scene.objects(), format!("{}-primary", self.app.name()));
        wait_for(
            &format!("{name} to have {count}"),
            Duration::from_secs(120),
            async || {
                let primary = objects.deployments().get(&name).await?;
                Ok((primary.spec.and_then(|spec| spec.replicas) == Some(count)).then_some(()))
            },
        )
        .await
    }

    async fn until(&self, what: &str, holds: impl Fn(&CanaryView, &Value) -> bool) -> anyhow::Result<()> {
        let name = self.app.name();
        let found = |seen: &Mirror| {
            let target = serde_json::to_value(seen.deployment(name)?.as_ref()).ok()?;
            holds(&seen.canary(name)?, &target).then_some(())
        };
        let mirror = self.scene.mirror();
        mirror.until(&format!("{name}: {what}"), PATIENCE, found).await
    }

    async fn target(&self) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(
            self.scene.objects().deployments().get(self.app.name()).await?,
        )?)
    }
}

fn revision(target: &Value) -> Option<&str> {
    target["metadata"]["labels"][REVISION].as_str()
}

fn replicas(target: &Value) -> Option<u64> {
    target["spec"]["replicas"].as_u64()
}
