//! The controller's wiring: watches in, steps out, for as long as it leads.

mod caches;
mod cluster_change;
mod orders;
mod wiring;

use super::{
    context::{AlertSettings, Context, Effects, Options, Queues},
    lease::{self, Elector},
    lifecycle::enrol,
    queue::{
        self, distinct,
        passes::{self, Scope},
        tasks::{Task, caught, internal_error},
    },
    step::step,
    watch::{informers::cache::CHANGES, namespaces::Watches},
};
use crate::{
    orders::Standing,
    outbound::alerts,
    outbound::hooks::Caller,
    outbound::{Clients, Egress},
    plan::Defaults,
    telemetry::{Backlog, Telemetry},
};
use cluster_change::{ChangeReceiver, ChangeSender, ClusterChange};
use kube::Client;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use wiring::Wiring;

/// Longest time for a pass over one namespace.
const LONGEST_PASS: Duration = Duration::from_secs(120);
/// Before a namespace that took as long is passed over again.
const AFTER_A_LONG_PASS: Duration = Duration::from_secs(60);

/// What the controller is told by flags.
#[derive(Debug, Clone)]
pub struct ControllerSettings {
    /// Defaults of Canaries.
    pub defaults: Defaults,
    /// `--watch-namespace`: the only namespace that Coalmine works in; `None` for every namespace.
    pub only: Option<String>,
    /// `--enable-config-tracking`: ConfigMaps and Secrets are part of revisions, and primary reads copies.
    pub track_configs: bool,
    /// `--event-webhook`: told every event of Canaries without event hooks; empty for none.
    pub event_webhook: String,
    /// Who is alerted about Canaries that name nobody.
    pub alerts: AlertSettings,
    /// Where URLs of users must not lead.
    pub egress: Egress,
    /// The lease that decides which replica works.
    pub election: lease::ElectionSettings,
    /// Our own namespace.
    pub namespace: String,
}

/// Runs until shutdown: waits for the lease, then works. A lost lease is an error, because whoever has it now works on
/// the same Canaries: the process is to end and stand for election anew.
pub async fn run(
    client: Client,
    settings: ControllerSettings,
    telemetry: Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (elector, mut leading) = Elector::new(client.clone(), settings.election.clone());
    let client = lease::fenced(&client, elector.belief());
    let mut losing = leading.clone();
    let retired = CancellationToken::new();
    let election = tokio::spawn(elector.run(retired.clone()));
    // Whoever drops this in the middle, because the webhook cannot be opened, has the lease released as well.
    let retire = retired.drop_guard();
    telemetry.readiness.set("controller", true);
    let outcome = tokio::select! {
        elected = async { leading.wait_for(|leads| *leads).await.map(drop) } => match elected {
            Ok(()) => {
                telemetry.metrics.leading(true);
                tokio::select! {
                    worked = work(client, settings, telemetry.clone(), shutdown.clone()) => worked,
                    _ = async { losing.wait_for(|leads| !*leads).await.map(drop) } => Err(anyhow::anyhow!("Leadership lost")),
                }
            }
            Err(error) => Err(error.into()),
        },
        () = shutdown.cancelled() => Ok(()),
    };
    telemetry.metrics.leading(false);
    // Only now may another replica work: nothing of ours writes any more.
    drop(retire);
    election.await?;
    outcome
}

async fn work(
    client: Client,
    settings: ControllerSettings,
    telemetry: Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (sender, receiver) = distinct::distinct();
    let (steps, to_step) = queue::queue();
    let (passes, to_pass) = passes::passes();
    let (standing, ordered) = watch::channel(Standing::default());
    let own = settings.namespace.clone();
    let following = orders::follow(
        client.clone(),
        own,
        standing,
        sender.clone(),
        telemetry.readiness.clone(),
    );
    let _orders: Vec<Task> = following.iter().map(Task::of).collect();
    let queues = Queues { steps, passes };
    let context = Arc::new(context(client, settings, &telemetry, (ordered, queues), &sender));
    telemetry.metrics.ask_for_backlog(backlog(&context));
    let _routes = Task::of(&follow_routes_elsewhere(&context, sender));
    tracing::info!("waiting for the caches");
    tokio::select! {
        ready = caches::ready(&context) => ready?,
        () = shutdown.cancelled() => return Ok(()),
    }
    tokio::select! {
        ended = stepping(context, receiver, to_step, to_pass) => ended,
        () = shutdown.cancelled() => {
            tracing::info!("stopping");
            Ok(())
        }
    }
}

// Steps what is asked for, for as long as more is heard of and passed on.
async fn stepping(
    context: Arc<Context>,
    receiver: ChangeReceiver,
    to_step: queue::Queue,
    to_pass: passes::Asked,
) -> anyhow::Result<()> {
    let (changes, changed) = mpsc::channel(CHANGES);
    let watches = Watches::new(
        (context.effects.client.clone(), context.effects.metrics.clone()),
        context.cluster.cache.clone(),
        changes,
        context.options.track_configs,
    );
    let passing = tokio::spawn(passing(context.clone(), to_pass));
    let wiring = tokio::spawn(Wiring::new(context.clone(), watches).run(receiver, changed));
    let _both = [Task::of(&wiring), Task::of(&passing)];
    // Neither ends before the work does: without them nothing new would be heard of, so the process begins anew.
    tokio::select! {
        () = to_step.run(move |key| step(context.clone(), key)) => Ok(()),
        ended = wiring => Err(anyhow::anyhow!("the wiring ended: {ended:?}")),
        ended = passing => Err(anyhow::anyhow!("the passes ended: {ended:?}")),
    }
}

fn context(
    client: Client,
    settings: ControllerSettings,
    telemetry: &Telemetry,
    (standing, queues): (watch::Receiver<Standing>, Queues),
    sender: &ChangeSender,
) -> Context {
    let http = Arc::<Clients>::default();
    Context {
        cluster: caches::cluster(
            &client,
            settings.only.as_deref(),
            sender,
            telemetry.metrics.watch_failures(),
        ),
        effects: Effects {
            client,
            http: http.clone(),
            caller: Caller::new(http.clone(), settings.egress.clone()),
            alerts: alerts::Sender::new(http, settings.egress.clone()),
            events: telemetry.events.clone(),
            metrics: telemetry.metrics.clone(),
        },
        options: Options {
            standing,
            defaults: settings.defaults,
            track_configs: settings.track_configs,
            alerts: settings.alerts,
            event_webhook: settings.event_webhook,
            egress: settings.egress,
        },
        queues,
        memory: Arc::default(),
    }
}

// Looked at whenever the metrics are read.
fn backlog(context: &Context) -> impl Fn() -> Backlog + Send + Sync + use<> {
    let (line, cache) = (context.queues.steps.line(), context.cluster.cache.clone());
    move || {
        let (steps, longest) = line.waits();
        Backlog {
            steps,
            longest,
            incomplete: cache.incomplete(),
        }
    }
}

fn follow_routes_elsewhere(context: &Arc<Context>, sender: ChangeSender) -> JoinHandle<()> {
    let context = context.clone();
    let tell = move |namespace: &str| sender.send(ClusterChange::Elsewhere(namespace.to_owned()));
    tokio::spawn(async move {
        let client = context.effects.client.clone();
        context.cluster.elsewhere.follow(client, tell).await;
    })
}

fn passing(context: Arc<Context>, asked: passes::Asked) -> impl Future<Output = ()> {
    let pass = move |namespace: String, scope: Scope| {
        let context = context.clone();
        async move { pass_over(&context, &namespace, scope).await }
    };
    asked.run(pass)
}

// Namespaces whose requests are not answered keep others waiting for so long only. What was made is there, and the rest of it
// is looked for again.
async fn pass_over(context: &Arc<Context>, namespace: &str, scope: Scope) {
    let pass = caught(enrol::enrol(context, namespace, &scope));
    let passed = tokio::time::timeout(LONGEST_PASS, pass).await;
    match passed {
        Ok(Ok(())) => {}
        Ok(Err(why)) => internal_error(&context.effects.metrics, "enrolling", namespace, &why),
        Err(_) => {
            let seconds = LONGEST_PASS.as_secs();
            tracing::error!(namespace, "a pass was not over within {seconds} s, trying again");
            context.queues.passes.send_in(AFTER_A_LONG_PASS, namespace, scope);
        }
    }
}

#[cfg(test)]
mod tests;
