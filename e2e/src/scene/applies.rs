//! People who go on applying: server-side applies of Deployments at rest at a steady rate, each of which the webhook
//! has to hold at zero.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::task::{JoinError, JoinSet};

use super::{App, Scene};

/// The longest an apply may take: two entries that time out one after the other, and then some.
const PATIENCE: Duration = Duration::from_secs(20);

/// Applies that go on until they are stopped.
#[derive(Debug)]
pub struct Applies {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Report>,
}

/// From when to when an apply was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it was sent.
    pub sent: Instant,
    /// When it was answered.
    pub answered: Instant,
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How long each that was answered took.
    pub took: Vec<Duration>,
    /// Those that the API server stored as they were sent, because it did not wait for the webhook.
    pub not_held: Vec<Span>,
    /// What those that were refused were told.
    pub failed: Vec<String>,
    /// How long they went on.
    pub lasted: Duration,
}

/// The end of one apply.
enum End {
    Held(Duration),
    NotHeld(Span),
    Failed(String),
}

impl Scene {
    /// Applies these apps, one after the other, `rate` times a second where they keep up. Each must be at rest, and its manifest name its
    /// replicas: whether the answer has none tells whether the webhook held it.
    pub fn applies(&self, apps: &[App], rate: u32) -> Applies {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(go_on(deployments, apps.to_vec(), rate, Arc::clone(&stop)));
        Applies { stop, task }
    }
}

impl Applies {
    /// Ends them, and tells what came of all.
    pub async fn stop(self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.context("the applies ended by themselves")
    }
}

impl Report {
    /// How many there were.
    pub fn asked(&self) -> usize {
        self.took.len() + self.failed.len()
    }

    /// The time that this share of those answered needed at most.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * share) as usize;
        sorted
            .get(at.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    /// An error unless all were answered, and there were some.
    pub fn none_failed(&self) -> Result<()> {
        ensure!(!self.took.is_empty(), "nothing was applied");
        ensure!(
            self.failed.is_empty(),
            "{} of {} applies failed: {:?}",
            self.failed.len(),
            self.asked(),
            self.failed.iter().take(3).collect::<Vec<_>>()
        );
        Ok(())
    }

    /// The figures in one line.
    pub fn line(&self) -> String {
        format!(
            "{} applies ({:.0}/s), {} failed, {} not held; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            self.asked(),
            self.asked() as f64 / self.lasted.as_secs_f64().max(0.001),
            self.failed.len(),
            self.not_held.len(),
            millis(self.quantile(0.5)),
            millis(self.quantile(0.99)),
            millis(self.quantile(1.0))
        )
    }

    /// Notes how an apply ended, and answers whose it was.
    fn noted(&mut self, ended: Result<(App, End), JoinError>) -> Option<App> {
        match ended {
            Ok((app, end)) => {
                self.note(end);
                Some(app)
            }
            Err(error) => {
                self.failed.push(error.to_string());
                None
            }
        }
    }

    fn note(&mut self, end: End) {
        match end {
            End::Held(took) => self.took.push(took),
            End::NotHeld(span) => {
                self.took.push(span.answered - span.sent);
                self.not_held.push(span);
            }
            End::Failed(text) => self.failed.push(text),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// At a fixed rate, whether or not those before were answered: who waits for each answer does not see a stall. Each app has
/// one apply under way at most, as people have. Two of one object make the API server judge one of them again, and with a
/// dozen of each, which is what a moment without answers leaves behind, it never works them off.
async fn go_on(deployments: Api<Deployment>, apps: Vec<App>, rate: u32, stop: Arc<AtomicBool>) -> Report {
    let (mut report, mut under_way) = (Report::default(), JoinSet::new());
    let mut idle: VecDeque<App> = apps.into();
    let began = Instant::now();
    let mut number: u32 = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs(1) * number / rate.max(1);
        tokio::time::sleep_until(due.into()).await;
        number += 1;
        while let Some(ended) = under_way.try_join_next() {
            idle.extend(report.noted(ended));
        }
        if let Some(app) = idle.pop_front() {
            under_way.spawn(apply(deployments.clone(), app, number));
        }
    }
    report.lasted = began.elapsed();
    while let Some(ended) = under_way.join_next().await {
        report.noted(ended);
    }
    report
}

async fn apply(deployments: Api<Deployment>, app: App, number: u32) -> (App, End) {
    let mut body = app.deployment();
    // Something the webhook has to look at, in each.
    body["metadata"]["labels"] = json!({"example.com/applied": number.to_string()});
    let params = PatchParams::apply("applies").force();
    let sent = Instant::now();
    let patch = Patch::Apply(&body);
    let asked = tokio::time::timeout(PATIENCE, deployments.patch(app.name(), &params, &patch));
    let end = match asked.await {
        Ok(Ok(stored)) => match stored.spec.and_then(|spec| spec.replicas) {
            Some(0) => End::Held(sent.elapsed()),
            _ => End::NotHeld(Span {
                sent,
                answered: Instant::now(),
            }),
        },
        Ok(Err(error)) => End::Failed(error.to_string()),
        Err(_) => End::Failed(format!("no answer within {PATIENCE:?}")),
    };
    (app, end)
}
