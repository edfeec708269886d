//! What the webhook adds to a PATCH of a Deployment: 50 clients, each on a Deployment of its own, in turns in a namespace
//! that opted in and in one that did not.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::fleet::{self, Fleet, Tool};
use super::histogram::Histogram;
use super::phases::{Phases, Reached};
use super::report::{Row, Section};
use super::usage::{Cpu, PROGRAMS};
use crate::scene::{FakeNodes, Scene};

const CLIENTS: usize = 50;
/// Turns of each namespace.
const TURNS: usize = 6;
/// How many revisions a Deployment keeps unless it says otherwise.
const KEPT: usize = 10;

/// What a PATCH changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// Nothing the webhook looks at: the API server calls nobody.
    Annotation,
    /// A field that may be the webhook's, and is not: the mutating webhook is called.
    Field,
    /// Another revision: the mutating webhook is called, and marks it.
    Template,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Annotation => "an annotation",
            Self::Field => "a field",
            Self::Template => "the template",
        }
    }

    /// The webhooks that are called.
    fn calls(self) -> usize {
        match self {
            Self::Annotation => 0,
            Self::Field | Self::Template => 1,
        }
    }

    /// Of a client's `number`-th PATCH, which differs from the one before.
    fn body(self, number: usize) -> Value {
        let value = number.to_string();
        match self {
            Self::Annotation => json!({"metadata": {"annotations": {"example.com/bench": value}}}),
            Self::Field => json!({"spec": {"revisionHistoryLimit": number}}),
            Self::Template => {
                json!({"spec": {"template": {"metadata": {"annotations": {"example.com/bench": value}}}}})
            }
        }
    }
}

/// What the clients ask, and how.
struct Pace {
    change: Change,
    /// What it is called: what they ask together.
    word: &'static str,
    /// How often each asks; `None` for as soon as its last was answered.
    every: Option<Duration>,
    /// Requests of each client in a turn.
    patches: usize,
    /// Whether the aims are for it.
    judged: bool,
}

impl Pace {
    const fn slow(change: Change) -> Self {
        Self {
            change,
            word: "25/s",
            every: Some(Duration::from_secs(2)),
            patches: 5,
            judged: true,
        }
    }
}

const PACES: [Pace; 5] = [
    Pace::slow(Change::Annotation),
    Pace::slow(Change::Field),
    Pace::slow(Change::Template),
    Pace {
        change: Change::Field,
        word: "100/s",
        every: Some(Duration::from_millis(500)),
        patches: 20,
        judged: false,
    },
    Pace {
        change: Change::Field,
        word: "flat out",
        every: None,
        patches: 20,
        judged: false,
    },
];
const HOOKS: [&str; 2] = ["mutate-deployments.coalmine.dev", "follow-deployments.coalmine.dev"];

/// Measures and writes the section.
pub async fn measure(scene: &Scene, nodes: &FakeNodes) -> Result<()> {
    let mut section = Section::begin(
        "The webhook as the API server sees it",
        "no webhook",
        "PATCHes of Deployments without pods by 50 clients, each on one of its own, in turns in a namespace that opted in (a \
         Canary for each, at rest and suspended, so that a PATCH starts no run) and in one that did not. An annotation \
         or a label of somebody else's is no business of the webhook's, and the API server calls nobody; a field of the spec \
         (`revisionHistoryLimit`) is one call; so is another template, which is marked in the write that brings it. \"25/s\" and \"100/s\": what the clients ask together, \
         evenly spread. \"Flat out\": each as soon as its last was answered. The histogram is \
         `apiserver_admission_webhook_admission_duration_seconds`; its first bucket ends at 5 ms, so quantiles below that \
         are interpolated. CPU is what the processes used while the requests of the measured turns were under way, of each side \
         together; of the controller what it does later is not in it.",
    );
    let fleet = Fleet::new(scene, nodes, Tool::Coalmine, CLIENTS, "10s");
    let mut phases = Phases::follow(scene.client.clone());
    let reached = fleet.initialize(&mut phases, Duration::from_secs(180)).await?;
    anyhow::ensure!(
        matches!(reached, Reached::All(_)),
        "the apps are not Initialized: {reached}"
    );
    suspend(&scene.client, &fleet.namespace(0)).await?;
    let plain = format!("{}-plain", scene.namespace);
    make_plain(&scene.client, &plain).await?;
    let sides = [fleet.namespace(0), plain.clone()];
    for pace in &PACES {
        if pace.change == Change::Template {
            keep_few(&scene.client, &sides).await?;
        }
        let measured = alternate(&scene.client, &sides, pace).await?;
        measured.tell(&mut section, pace)?;
    }
    let namespaces = Api::<Namespace>::all(scene.client.clone());
    namespaces.delete(&plain, &DeleteParams::background()).await?;
    fleet.delete(Duration::from_secs(120)).await?;
    section.write()
}

async fn suspend(client: &Client, namespace: &str) -> Result<()> {
    let api = fleet::canaries(client, namespace);
    let suspended = Patch::Merge(json!({"spec": {"suspend": true}}));
    for number in 0..CLIENTS {
        api.patch(&fleet::name(number), &PatchParams::default(), &suspended)
            .await?;
    }
    Ok(())
}

async fn make_plain(client: &Client, namespace: &str) -> Result<()> {
    let body = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.create(&PostParams::default(), &body).await?;
    let api = Api::<Deployment>::namespaced(client.clone(), namespace);
    for number in 0..CLIENTS {
        let body = serde_json::from_value(fleet::plain(number))?;
        api.create(&PostParams::default(), &body).await?;
    }
    Ok(())
}

/// Fields were counted up in `revisionHistoryLimit`: as many revisions would be kept of a template that turns as nobody has.
async fn keep_few(client: &Client, sides: &[String; 2]) -> Result<()> {
    let few = Patch::Merge(Change::Field.body(KEPT));
    for namespace in sides {
        let api = Api::<Deployment>::namespaced(client.clone(), namespace);
        for number in 0..CLIENTS {
            api.patch(&fleet::name(number), &PatchParams::default(), &few).await?;
        }
    }
    Ok(())
}

/// What was measured: times of the PATCHes and CPU of each side, and the API server's histograms of the first side's turns.
struct Measured {
    took: [Vec<Duration>; 2],
    cpu: [Cpu; 2],
    hooks: [Histogram; 2],
}

impl Measured {
    fn tell(&self, section: &mut Section, pace: &Pace) -> Result<()> {
        let word = format!("{}, {}", pace.change.word(), pace.word);
        let aim = |aim| if pace.judged { aim } else { "-" };
        for (hook, histogram) in HOOKS.iter().zip(&self.hooks).take(pace.change.calls()) {
            let name = hook.trim_end_matches(".coalmine.dev");
            let cell = format!(
                "{:.1} ms ({:.2} % of {} calls within 5 ms)",
                histogram.quantile(0.99) * 1000.0,
                histogram.within(0.005)? * 100.0,
                histogram.calls()
            );
            section.row(Row::new(
                &format!("call of {name} for {word}, p99"),
                cell,
                "-",
                aim("≤ 5 ms"),
            ));
        }
        for (share, quantile) in [(0.5, "p50"), (0.99, "p99")] {
            let [with, without] = [0, 1].map(|side| millis(&self.took[side], share));
            let more = (with / without - 1.0) * 100.0;
            let most = match pace.change {
                Change::Template => "≤ 50 % more",
                Change::Annotation | Change::Field => "≤ 10 % more",
            };
            let target = if share == 0.5 { aim(most) } else { "-" };
            section.row(Row::new(
                &format!("PATCH of {word}, end to end, {quantile}"),
                format!("{with:.1} ms ({more:+.0} %)"),
                format!("{without:.1} ms"),
                target,
            ));
        }
        let [with, without] = self.cpu;
        for ((program, ..), (with, without)) in PROGRAMS.iter().zip(with.0.into_iter().zip(without.0)) {
            section.row(Row::new(
                &format!("CPU of {program} for PATCHes of {word}"),
                format!("{with:.2} s"),
                format!("{without:.2} s"),
                "-",
            ));
        }
        Ok(())
    }
}

fn millis(took: &[Duration], share: f64) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
}

async fn alternate(client: &Client, sides: &[String; 2], pace: &Pace) -> Result<Measured> {
    let mut measured = Measured {
        took: [Vec::new(), Vec::new()],
        cpu: [Cpu::default(); 2],
        hooks: [Histogram::default(), Histogram::default()],
    };
    for turn in 0..TURNS {
        for (side, namespace) in sides.iter().enumerate() {
            let before = read(client).await?;
            let used = Cpu::read()?;
            let took = clients(client, namespace, turn, pace).await?;
            let using = Cpu::read()?;
            // Connections and caches warm up in the first turn.
            if turn == 0 {
                continue;
            }
            measured.took[side].extend(took);
            measured.cpu[side].add(used, using);
            if side == 0 {
                for ((sum, now), before) in measured.hooks.iter_mut().zip(read(client).await?).zip(before) {
                    *sum = sum.and(&now.since(&before));
                }
            }
        }
    }
    Ok(measured)
}

async fn read(client: &Client) -> Result<[Histogram; 2]> {
    Ok([
        Histogram::read(client, HOOKS[0]).await?,
        Histogram::read(client, HOOKS[1]).await?,
    ])
}

async fn clients(client: &Client, namespace: &str, turn: usize, pace: &Pace) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let one = |number: usize| async move {
        let api = Api::<Deployment>::namespaced(client.clone(), namespace);
        let name = fleet::name(number);
        let mut took = Vec::with_capacity(pace.patches);
        for patch in 0..pace.patches {
            if let Some(every) = pace.every {
                // Spread, so that the clients do not ask at the same instant.
                let offset = every.mul_f64(number as f64 / CLIENTS as f64);
                let due = began + every * u32::try_from(patch)? + offset;
                tokio::time::sleep_until(due.into()).await;
            }
            let body = pace.change.body(turn * pace.patches + patch + 1);
            let sent = Instant::now();
            api.patch(&name, &PatchParams::default(), &Patch::Merge(body)).await?;
            took.push(sent.elapsed());
        }
        anyhow::Ok(took)
    };
    Ok(try_join_all((0..CLIENTS).map(one)).await?.concat())
}
