//! The controller's wiring: watches in, steps out, for as long as it leads.

use super::{
    alert::{self, Alerts},
    cache::{Cache, Change},
    context::{Context, key},
    enrol::{self, Scope},
    gauges::Gauges,
    index::Index,
    lease::{self, Elector},
    namespaces::{Watches, tell},
    queue::{self, Key, Sender},
    relist::Relist,
    served::{Definition, Served},
    step::step,
};
use crate::{
    api::{Canary, CanaryPolicy, MetricTemplate},
    hooks::Caller,
    outbound::{Clients, Egress},
    plan::Defaults,
    shutdown::{Shutdown, Trigger},
    telemetry::Telemetry,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt, reflector,
        reflector::{ObjectRef, Store, store::Writer},
        watcher,
    },
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// What the controller is told by flags.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Defaults of Canaries.
    pub defaults: Defaults,
    /// `--enable-config-tracking`: ConfigMaps and Secrets are part of revisions, and primary reads copies.
    pub track_configs: bool,
    /// `--event-webhook`: told every event of Canaries without event hooks; empty for none.
    pub event_webhook: String,
    /// Who is alerted about Canaries that name nobody.
    pub alerts: alert::Settings,
    /// Where URLs of users must not lead.
    pub egress: Egress,
    /// The lease that decides which replica works.
    pub election: lease::Settings,
}

/// Least time between two passes over a namespace.
const ENROL_PAUSE: Duration = Duration::from_millis(25);
/// How long the Deployments that live in a namespace are left alone after its label: longer than `kubectl apply` takes
/// from its look whether a Canary exists to its creation.
const ADOPTION_GRACE: Duration = Duration::from_secs(1);

// What a cluster-wide watch tells the wiring.
#[derive(Debug, Clone)]
enum Told {
    Canary(Key),
    Namespace(String),
    Policy,
    Kinds,
}

/// Runs until shutdown: waits for the lease, then works. A lost lease is an error, because whoever has it now works on
/// the same Canaries: the process is to end and stand for election anew.
pub async fn run(client: Client, settings: Settings, telemetry: Telemetry, shutdown: Shutdown) -> anyhow::Result<()> {
    let (elector, mut leading) = Elector::new(client.clone(), settings.election.clone());
    let mut losing = leading.clone();
    let (retire, retired) = Trigger::new();
    let election = tokio::spawn(elector.run(retired));
    telemetry.readiness.set("controller", true);
    let outcome = tokio::select! {
        elected = leading.wait_for(|leads| *leads) => match elected.map(drop) {
            Ok(()) => {
                telemetry.metrics.leading(true);
                tokio::select! {
                    worked = work(client, settings, telemetry.clone(), shutdown.clone()) => worked,
                    _ = losing.wait_for(|leads| !*leads) => Err(anyhow::anyhow!("Leadership lost")),
                }
            }
            Err(error) => Err(error.into()),
        },
        () = shutdown.requested() => Ok(()),
    };
    telemetry.metrics.leading(false);
    // Only now may another replica work: nothing of ours writes any more.
    retire.fire();
    election.await?;
    outcome
}

async fn work(client: Client, settings: Settings, telemetry: Telemetry, shutdown: Shutdown) -> anyhow::Result<()> {
    let (told, tellings) = mpsc::unbounded_channel();
    let (changes, changed) = mpsc::unbounded_channel();
    let (sender, queue) = queue::queue();
    let cache = Arc::new(Cache::default());
    let http = Arc::<Clients>::default();
    let context = Arc::new(Context {
        cache: cache.clone(),
        canaries: reflected(&client, told.clone(), |c: &Canary| Told::Canary(key(c))),
        index: Index::default(),
        policies: reflected(&client, told.clone(), |_: &CanaryPolicy| Told::Policy),
        templates: reflected(&client, told.clone(), |_: &MetricTemplate| Told::Policy),
        namespaces: reflected(&client, told.clone(), |ns: &Namespace| {
            Told::Namespace(ns.metadata.name.clone().unwrap_or_default())
        }),
        served: Served {
            scaled_objects: reflected_one(&client, Served::SCALED_OBJECTS, told, |_: &Definition| Told::Kinds),
        },
        defaults: settings.defaults,
        track_configs: settings.track_configs,
        events: telemetry.events.clone(),
        metrics: telemetry.metrics.clone(),
        gauges: Gauges::default(),
        http: http.clone(),
        caller: Caller::new(http.clone(), settings.egress.clone()),
        hooks: Mutex::default(),
        listeners: Default::default(),
        alerts: Alerts {
            sender: crate::alerts::Sender::new(http, settings.egress.clone()),
            settings: settings.alerts,
            lanes: Default::default(),
        },
        event_webhook: settings.event_webhook,
        egress: settings.egress,
        queue: sender.clone(),
        checks: Mutex::default(),
        written: Mutex::default(),
        advice: Default::default(),
        timers: Default::default(),
        objects_written: Default::default(),
        failures: Default::default(),
        primaries: Default::default(),
        missed: Mutex::default(),
        just_labelled: Mutex::default(),
        unenrolled: Mutex::default(),
        client: client.clone(),
    });
    tracing::info!("waiting for the caches");
    tokio::select! {
        ready = ready(&context) => ready?,
        () = shutdown.requested() => return Ok(()),
    }
    let watches = Watches::new(client, cache, changes, settings.track_configs);
    let (passes, to_pass) = mpsc::unbounded_channel();
    let passing = tokio::spawn(passing(context.clone(), to_pass));
    let wiring = tokio::spawn(wire(context.clone(), watches, tellings, changed, sender, passes));
    let stepping = {
        let context = context.clone();
        queue.run(move |key| step(context.clone(), key))
    };
    tokio::select! {
        () = stepping => {}
        () = shutdown.requested() => tracing::info!("stopping"),
    }
    wiring.abort();
    passing.abort();
    Ok(())
}

async fn ready(context: &Context) -> anyhow::Result<()> {
    context.canaries.wait_until_ready().await?;
    context.policies.wait_until_ready().await?;
    context.templates.wait_until_ready().await?;
    context.namespaces.wait_until_ready().await?;
    context.served.scaled_objects.wait_until_ready().await?;
    Ok(())
}

fn reflected<K>(client: &Client, told: UnboundedSender<Told>, tell: impl Fn(&K) -> Told + Send + 'static) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    watched(client, watcher::Config::default(), told, tell)
}

// The one object of that name, if it exists.
fn reflected_one<K>(
    client: &Client,
    name: &str,
    told: UnboundedSender<Told>,
    tell: impl Fn(&K) -> Told + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let named = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watched(client, named, told, tell)
}

fn watched<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    tell: impl Fn(&K) -> Told + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let writer = Writer::default();
    let store = writer.as_reader();
    let events = reflector(writer, watcher(Api::<K>::all(client.clone()), which))
        .default_backoff()
        .modify(|object| object.meta_mut().managed_fields = None);
    tokio::spawn(async move {
        let mut events = Box::pin(events);
        let mut relist = Relist::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    for one in relist.told(event, &tell) {
                        drop(told.send(one));
                    }
                }
                Err(error) => tracing::warn!(%error, kind = %K::kind(&()), "watch failed, trying again"),
            }
        }
    });
    store
}

async fn wire(
    context: Arc<Context>,
    mut watches: Watches,
    mut tellings: UnboundedReceiver<Told>,
    mut changed: UnboundedReceiver<Change>,
    sender: Sender,
    passes: UnboundedSender<(String, Scope)>,
) {
    watches.follow(&context);
    let pass = |namespace: &str, scope| drop(passes.send((namespace.to_owned(), scope)));
    let mut known: HashMap<String, bool> = HashMap::new();
    loop {
        tokio::select! {
            Some(told) = tellings.recv() => match told {
                Told::Canary(key) => {
                    let canary = context.canary(&key);
                    context.index.learn(&key, canary.as_deref());
                    if canary.is_none() || !watches.has(&key.0) {
                        watches.follow(&context);
                    }
                    // Whose Deployment is free again, a Canary that is gone does not tell.
                    let scope = canary.map_or(Scope::All, |canary| Scope::one(canary.target_name()));
                    pass(&key.0, scope);
                    sender.send(key);
                }
                Told::Namespace(namespace) => {
                    let enabled = context.enabled(&namespace);
                    let before = known.insert(namespace.clone(), enabled);
                    // Before the pass, which adopts at once otherwise.
                    if before == Some(false) && enabled {
                        adopt_soon(&context, namespace.clone(), passes.clone());
                    }
                    if before != Some(enabled) {
                        watches.follow(&context);
                        pass(&namespace, Scope::All);
                    }
                    if context.namespaces.get(&ObjectRef::new(&namespace)).is_none() {
                        known.remove(&namespace);
                    }
                }
                Told::Kinds => watches.follow(&context),
                Told::Policy => {
                    for canary in context.canaries.state() {
                        sender.send(key(&canary));
                    }
                    for (namespace, _) in known.iter().filter(|(_, enabled)| **enabled) {
                        pass(namespace, Scope::All);
                    }
                }
            },
            Some(change) = changed.recv() => {
                if let Some(scope) = enrol::scope(&context, &change) {
                    pass(&change.namespace, scope);
                }
                tell(&context, &change);
            }
            else => return,
        }
    }
}

// Canaries that are applied right after the label are in their author's words: one of ours would be in their way.
fn adopt_soon(context: &Context, namespace: String, passes: UnboundedSender<(String, Scope)>) {
    let until = Instant::now() + ADOPTION_GRACE;
    context.just_labelled.lock().insert(namespace.clone(), until);
    tokio::spawn(async move {
        tokio::time::sleep(ADOPTION_GRACE).await;
        // Nobody hears it when the work is over.
        drop(passes.send((namespace, Scope::All)));
    });
}

// A burst of changes is one pass over its namespace. Passes take at most a small share of the time, however many
// Deployments they look at.
async fn passing(context: Arc<Context>, mut passes: UnboundedReceiver<(String, Scope)>) {
    while let Some((namespace, scope)) = passes.recv().await {
        let mut pending = HashMap::from([(namespace, scope)]);
        while let Ok((namespace, scope)) = passes.try_recv() {
            let scope = match pending.remove(&namespace) {
                Some(before) => scope.and(before),
                None => scope,
            };
            pending.insert(namespace, scope);
        }
        let began = Instant::now();
        for (namespace, scope) in pending {
            enrol::enrol(&context, &namespace, &scope).await;
        }
        tokio::time::sleep(ENROL_PAUSE.max(began.elapsed())).await;
    }
}
