//! Many Canaries: how fast they are Initialized, what they cost at rest, how fast all of them are released at once. First
//! under Coalmine, then under Flagger.

use std::time::Duration;

use anyhow::Result;

use super::baseline;
use super::fleet::{Fleet, Tool};
use super::phases::{Phases, Reached};
use super::report::{Row, Section};
use super::usage;
use crate::peer::{self, Flagger};
use crate::scene::{FakeNodes, Scene};

/// Longest wait for one state of a fleet.
pub const PATIENCE: Duration = Duration::from_secs(450);
/// For events and the last writes of a phase to pass.
const SETTLE: Duration = Duration::from_secs(15);

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Canaries.
    pub size: usize,
    /// Apps of each namespace.
    pub per_namespace: usize,
    /// Flagger too.
    pub peer: bool,
    /// Whether all are released at once.
    pub roll: bool,
    /// Whether what they cost at rest is watched, for a minute.
    pub rest: bool,
}

impl Plan {
    /// Checks of the large fleet are a minute apart, or Flagger alone would fill both cores.
    pub fn interval(&self) -> &'static str {
        if self.size >= 1_000 { "1m" } else { "10s" }
    }

    fn title(&self) -> String {
        match self.size {
            size if size >= 1_000 => format!("{},{:03} Canaries", size / 1_000, size % 1_000),
            size => format!("{size} Canaries"),
        }
    }

    /// The ceilings of issue and design for this many.
    fn targets(&self) -> [&'static str; 5] {
        match self.size {
            300 => ["≤ 15 s", "0", "≤ 40 s", "≤ 30 MiB", "-"],
            1_000 => ["≤ 45 s", "0", "≤ 75 s", "≤ 30 MiB", "≤ 80 MiB"],
            _ => ["-", "0", "-", "≤ 30 MiB", "-"],
        }
    }
}

/// Figures of one tool.
#[derive(Clone, Debug, Default)]
struct Figures {
    initialized: Option<Reached>,
    requests: Option<f64>,
    rolled: Option<Reached>,
    empty: Vec<f64>,
    full: Vec<f64>,
}

/// Measures and writes the section.
pub async fn measure(scene: &Scene, nodes: &FakeNodes, plan: Plan) -> Result<()> {
    let mut section = Section::begin(&plan.title(), "Flagger 1.44.0", &note(plan));
    let baseline = baseline::measure(scene, nodes, plan).await?;
    println!("  by hand: {baseline:?}");
    let ours = coalmine(scene, nodes, plan).await?;
    let other = if plan.peer {
        flagger(scene, nodes, plan).await?
    } else {
        Figures::default()
    };
    write_rows(&mut section, plan, baseline, (&ours, &other));
    section.write()
}

fn note(plan: Plan) -> String {
    format!(
        "Apps of one replica on fake nodes (a real kwok), {} in each namespace, applied 16 at a time; one step of 50 %, checks \
         every {}, no metrics; routes of a Gateway that no data plane serves. \"By hand\" is what this \
         cluster needs for the Deployments, Services and routes of these pairs with nobody who releases them: three Services a \
         pair, whose addresses the API server hands out one after the other. Times run from \
         the first request to the last Canary in the state. Requests are those in the API server's audit log, renewals of leases and watches aside. \
         Memory is resident, controller + webhook.",
        plan.per_namespace,
        plan.interval(),
    )
}

fn write_rows(section: &mut Section, plan: Plan, by_hand: Duration, (ours, other): (&Figures, &Figures)) {
    let [initialized, requests, rolled, empty, full] = plan.targets();
    let time = |reached: Option<Reached>| reached.map_or_else(|| "-".to_owned(), |reached| reached.to_string());
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
    section.row(Row::new(
        "first apply to all Initialized",
        time(ours.initialized),
        time(other.initialized),
        initialized,
    ));
    section.row(Row::new(
        "the same objects made by hand, to all available",
        format!("{:.1} s", by_hand.as_secs_f64()),
        "-",
        "-",
    ));
    if plan.rest {
        section.row(Row::new(
            "API requests/s at rest",
            rate(ours.requests),
            rate(other.requests),
            requests,
        ));
    }
    if plan.roll {
        section.row(Row::new(
            "all changed at once, one step, to all Succeeded",
            time(ours.rolled),
            time(other.rolled),
            rolled,
        ));
    }
    section.row(Row::new(
        "memory without a Canary",
        mebibytes(&ours.empty),
        mebibytes(&other.empty),
        empty,
    ));
    section.row(Row::new(
        "memory with all of them",
        mebibytes(&ours.full),
        mebibytes(&other.full),
        full,
    ));
}

fn mebibytes(parts: &[f64]) -> String {
    let each: Vec<String> = parts.iter().map(|part| format!("{part:.0}")).collect();
    if each.is_empty() {
        "-".to_owned()
    } else {
        format!("{} MiB", each.join(" + "))
    }
}

async fn coalmine(scene: &Scene, nodes: &FakeNodes, plan: Plan) -> Result<Figures> {
    let memory = || -> Result<Vec<f64>> {
        ["controller", "webhook"]
            .into_iter()
            .map(|program| usage::memory(usage::coalmine(program)?))
            .collect()
    };
    let empty = memory()?;
    let fleet = Fleet::new(scene, nodes, Tool::Coalmine, plan.size, plan.interval()).per_namespace(plan.per_namespace);
    let ours = |user: &str| user.starts_with("system:serviceaccount:coalmine-system:");
    let figures = play(scene, &fleet, plan, ours, memory).await;
    fleet.delete(Duration::from_secs(300)).await?;
    Ok(Figures { empty, ..figures? })
}

async fn flagger(scene: &Scene, nodes: &FakeNodes, plan: Plan) -> Result<Figures> {
    peer::coalmine(scene, 0).await?;
    let measured = beside(scene, nodes, plan).await;
    peer::coalmine(scene, peer::INSTALLED).await?;
    measured
}

async fn beside(scene: &Scene, nodes: &FakeNodes, plan: Plan) -> Result<Figures> {
    let flagger = Flagger::start(scene).await?;
    let pid = flagger.pid()?;
    let memory = || Ok(vec![usage::memory(pid)?]);
    let empty = memory()?;
    let fleet = Fleet::new(scene, nodes, Tool::Flagger, plan.size, plan.interval()).per_namespace(plan.per_namespace);
    let user = flagger.user().to_owned();
    let figures = play(scene, &fleet, plan, |other| other == user, memory).await;
    fleet.delete(Duration::from_secs(300)).await?;
    flagger.stop(scene).await?;
    Ok(Figures { empty, ..figures? })
}

async fn play(
    scene: &Scene,
    fleet: &Fleet<'_>,
    plan: Plan,
    ours: impl Fn(&str) -> bool,
    memory: impl Fn() -> Result<Vec<f64>>,
) -> Result<Figures> {
    let mut phases = Phases::follow(scene.client.clone());
    let mut figures = Figures {
        initialized: Some(fleet.initialize(&mut phases, PATIENCE).await?),
        ..Figures::default()
    };
    println!("  Initialized: {:?}", figures.initialized);
    if plan.rest {
        tokio::time::sleep(SETTLE).await;
        figures.requests = Some(usage::requests_at_rest(scene, ours).await?);
        println!("  requests/s at rest: {:?}", figures.requests);
    }
    figures.full = memory()?;
    if plan.roll {
        figures.rolled = Some(fleet.roll(&mut phases, "v2", PATIENCE).await?);
        println!("  rolled: {:?}; memory {:?}", figures.rolled, memory()?);
    }
    Ok(figures)
}
