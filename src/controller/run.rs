//! The controller's wiring: watches in, steps out, for as long as it leads.

use super::{
    context::{Context, key},
    lease::{self, Elector},
    lifecycle::enrol::{self, Scope},
    notify::alert::{self, Alerts},
    queue::{
        self, Key, Sender,
        tasks::{Task, caught, caught_now, internal_error},
    },
    status::gauges::Gauges,
    step::step,
    watch::{
        cache::{CHANGES, Cache, Change, PAGE},
        index::Index,
        namespaces::{Watches, tell},
        relist::Relist,
        served::{Definition, Served},
    },
};
use crate::{
    api::{
        Canary, CanaryPolicy, MetricTemplate,
        labels::{self, LAST_APPLIED},
    },
    hooks::Caller,
    orders::{self, Standing},
    outbound::{Clients, Egress},
    plan::Defaults,
    telemetry::{Readiness, Telemetry},
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
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    hash::Hash,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{
        mpsc::{self, Receiver, UnboundedReceiver, UnboundedSender},
        watch,
    },
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What the controller is told by flags.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Defaults of Canaries.
    pub defaults: Defaults,
    /// `--watch-namespace`: the one namespace that is worked in; nothing for every namespace.
    pub only: Option<String>,
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
    /// Our own namespace.
    pub namespace: String,
}

/// Least time between two passes over a namespace.
const ENROL_PAUSE: Duration = Duration::from_millis(25);
/// How long the Deployments that live in a namespace are left alone after its label: longer than `kubectl apply` takes
/// from its look whether a Canary exists to its creation.
const ADOPTION_GRACE: Duration = Duration::from_secs(1);

/// How long the first look at what is ordered may take.
const ORDERS: Duration = Duration::from_secs(10);

/// How long the first look at what may keep apps from being paired may take.
const AROUND: Duration = Duration::from_secs(10);

// What a cluster-wide watch tells the wiring.
#[derive(Debug, Clone)]
enum Told {
    Canary(Key),
    Namespace(String),
    Policy,
    /// What may keep apps of that namespace, or of any, from being paired.
    Around(String),
    Kinds,
    Orders,
    /// Routes lead into this namespace otherwise than before.
    Elsewhere(String),
}

/// Runs until shutdown: waits for the lease, then works. A lost lease is an error, because whoever has it now works on
/// the same Canaries: the process is to end and stand for election anew.
pub async fn run(
    client: Client,
    settings: Settings,
    telemetry: Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (elector, mut leading) = Elector::new(client.clone(), settings.election.clone());
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
    settings: Settings,
    telemetry: Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (told, tellings) = mpsc::unbounded_channel();
    let (changes, changed) = mpsc::channel(CHANGES);
    let (sender, queue) = queue::queue();
    let (passes, to_pass) = mpsc::unbounded_channel();
    let cache = Arc::new(Cache::default());
    let http = Arc::<Clients>::default();
    let (standing, ordered) = watch::channel(Standing::default());
    let own = settings.namespace.clone();
    let following = follow(client.clone(), own, standing, told.clone(), telemetry.readiness.clone());
    // What is in no other namespace is worked on in no other: all that is done follows from these two.
    let only = |field| selected(field, settings.only.as_deref());
    let told_of_routes = told.clone();
    let context = Arc::new(Context {
        standing: ordered,
        cache: cache.clone(),
        canaries: watched(&client, only("metadata.namespace"), told.clone(), |c: &Canary| {
            Told::Canary(key(c))
        }),
        index: Index::default(),
        policies: reflected(&client, told.clone(), |_: &CanaryPolicy| Told::Policy),
        templates: reflected(&client, told.clone(), |_: &MetricTemplate| Told::Policy),
        claims: around(&client, only("metadata.namespace"), told.clone(), false, |claim| {
            claim.status = None
        }),
        network_policies: around(&client, watcher::Config::default(), told.clone(), true, |_| ()),
        namespaces: watched(&client, only("metadata.name"), told.clone(), |ns: &Namespace| {
            Told::Namespace(ns.metadata.name.clone().unwrap_or_default())
        }),
        served: Served::new(|name| reflected_one(&client, name, told.clone(), |_: &Definition| Told::Kinds)),
        defaults: settings.defaults,
        track_configs: settings.track_configs,
        events: telemetry.events.clone(),
        metrics: telemetry.metrics.clone(),
        gauges: Gauges::default(),
        http: http.clone(),
        caller: Caller::new(http.clone(), settings.egress.clone()),
        hooks: Mutex::default(),
        listening: Default::default(),
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
        written: Default::default(),
        advice: Default::default(),
        timers: Default::default(),
        objects_written: Default::default(),
        failures: Default::default(),
        unmade: Default::default(),
        passes: passes.clone(),
        pod_owners: Default::default(),
        primaries: Default::default(),
        missed: Mutex::default(),
        just_labelled: Mutex::default(),
        shared: Mutex::default(),
        elsewhere: Default::default(),
        unenrolled: Mutex::default(),
        client: client.clone(),
    });
    let leading_out = {
        let (context, client) = (context.clone(), client.clone());
        let tell = move |namespace: &str| drop(told_of_routes.send(Told::Elsewhere(namespace.to_owned())));
        tokio::spawn(async move { context.elsewhere.follow(client, tell).await })
    };
    let _routes = Task::of(&leading_out);
    tracing::info!("waiting for the caches");
    tokio::select! {
        ready = ready(&context) => ready?,
        () = shutdown.cancelled() => return Ok(()),
    }
    let watches = Watches::new(
        (client, telemetry.metrics.clone()),
        cache,
        changes,
        settings.track_configs,
    );
    let passing = tokio::spawn(passing(context.clone(), to_pass));
    let wiring = tokio::spawn(wire(context.clone(), watches, tellings, changed, sender, passes));
    let stepping = {
        let context = context.clone();
        queue.run(move |key| step(context.clone(), key))
    };
    let (wires, passes) = (Task::of(&wiring), Task::of(&passing));
    // Neither ends before the work does: without them nothing new would be heard of, so the process begins anew.
    let outcome = tokio::select! {
        () = stepping => Ok(()),
        ended = wiring => Err(anyhow::anyhow!("the wiring ended: {ended:?}")),
        ended = passing => Err(anyhow::anyhow!("the passes ended: {ended:?}")),
        () = shutdown.cancelled() => {
            tracing::info!("stopping");
            Ok(())
        }
    };
    drop((wires, passes));
    following.iter().for_each(JoinHandle::abort);
    outcome
}

// Follows what an admin orders, and tells of each change.
fn follow(
    client: Client,
    namespace: String,
    standing: watch::Sender<Standing>,
    told: UnboundedSender<Told>,
    readiness: Readiness,
) -> [JoinHandle<()>; 2] {
    let mut ordered = standing.subscribe();
    let telling = tokio::spawn(async move {
        while ordered.changed().await.is_ok() {
            let leave = ordered.borrow_and_update().leave().to_string();
            if !leave.is_empty() {
                tracing::info!("told to leave: {leave}");
            }
            readiness.remark("controller", leave);
            if told.send(Told::Orders).is_err() {
                return;
            }
        }
    });
    let following = async move { orders::follow(client, &namespace, orders::Wanted::Leave, standing).await };
    [telling, tokio::spawn(following)]
}

async fn ready(context: &Context) -> anyhow::Result<()> {
    context.canaries.wait_until_ready().await?;
    context.policies.wait_until_ready().await?;
    context.templates.wait_until_ready().await?;
    context.namespaces.wait_until_ready().await?;
    if let Ok(known) = tokio::time::timeout(AROUND, context.served.ready()).await {
        known?;
    } else {
        tracing::warn!("cannot read which definitions are installed; going on as if those of routes were");
    }
    // Without them, apps that name claims are left alone, and policies are told of afterwards.
    let around = async {
        context.claims.wait_until_ready().await?;
        context.network_policies.wait_until_ready().await
    };
    if tokio::time::timeout(AROUND, around).await.is_err() {
        tracing::warn!("cannot read all PersistentVolumeClaims and NetworkPolicies; going on");
    }
    // A version of routes that cannot be converted hides them; nobody's release waits for that.
    if tokio::time::timeout(AROUND, context.elsewhere.ready()).await.is_err() {
        tracing::warn!("cannot read the routes of other namespaces; going on");
    }
    // Whoever is on the way out must not turn round after a restart. Where orders may not be read there are none.
    let mut standing = context.standing.clone();
    if tokio::time::timeout(ORDERS, standing.wait_for(Standing::is_known))
        .await
        .is_err()
    {
        tracing::warn!("cannot read whether anybody ordered apps to be given back; going on");
    }
    Ok(())
}

fn reflected<K>(client: &Client, told: UnboundedSender<Told>, tell: impl Fn(&K) -> Told + Send + 'static) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    watched(client, watcher::Config::default().page_size(PAGE), told, tell)
}

// What may keep an app from being paired. A policy of another namespace may name its pods as peers.
fn around<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    of_any: bool,
    lean: fn(&mut K),
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let tell = move |object: &K| {
        let namespace = object.meta().namespace.clone().filter(|_| !of_any);
        Told::Around(namespace.unwrap_or_default())
    };
    let slim = move |object: &mut K| {
        slim(object);
        object.meta_mut().annotations = None;
        object.meta_mut().labels = None;
        lean(object);
    };
    watched_as(client, which.page_size(PAGE), told, tell, slim)
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
    watched(client, selected("metadata.name", Some(name)), told, tell)
}

// Those whose field has that value; all without one.
fn selected(field: &str, value: Option<&str>) -> watcher::Config {
    let all = watcher::Config::default();
    match value {
        Some(value) => all.fields(&format!("{field}={value}")),
        None => all,
    }
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
    watched_as(client, which, told, tell, slim)
}

fn watched_as<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    tell: impl Fn(&K) -> Told + Send + 'static,
    slim: impl Fn(&mut K) + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let writer = Writer::default();
    let store = writer.as_reader();
    // What is kept is what is left.
    let lean = watcher(Api::<K>::all(client.clone()), which)
        .default_backoff()
        .modify(slim);
    let events = reflector(writer, lean);
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

// What nobody here reads, and what may be large. A Canary is written back as it was read, so it keeps its annotations.
fn slim<K: Resource<DynamicType = ()>>(object: &mut K) {
    let canary = K::kind(&()) == Canary::kind(&());
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = meta.annotations.as_mut().filter(|_| !canary) {
        annotations.remove(LAST_APPLIED);
    }
}

async fn wire(
    context: Arc<Context>,
    mut watches: Watches,
    mut tellings: UnboundedReceiver<Told>,
    mut changed: Receiver<Change>,
    sender: Sender,
    passes: UnboundedSender<(String, Scope)>,
) {
    watches.follow(&context);
    let pass = |namespace: &str, scope| drop(passes.send((namespace.to_owned(), scope)));
    let mut known: HashMap<String, bool> = HashMap::new();
    let mut said = HashMap::new();
    loop {
        tokio::select! {
            Some(told) = tellings.recv() => guarded(&context, "wiring", || match told {
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
                    }
                    // Its policy, and what NetworkPolicies know it by.
                    let found = context.namespaces.get(&ObjectRef::new(&namespace));
                    let policy = |all: &BTreeMap<String, String>| all.get(labels::POLICY).cloned();
                    let says = found.map(|found| {
                        let metadata = &found.metadata;
                        (metadata.labels.clone(), metadata.annotations.as_ref().and_then(policy))
                    });
                    let other = said.insert(namespace.clone(), says.clone()) != Some(says);
                    if before != Some(enabled) || other && enabled {
                        pass(&namespace, Scope::All);
                        context.canaries_of(&namespace).iter().for_each(|canary| sender.send(key(canary)));
                    }
                    // Whoever waits for pods there waits for nothing any more.
                    if context.terminating(&namespace) {
                        context.canaries_of(&namespace).iter().for_each(|canary| sender.send(key(canary)));
                    }
                    if context.namespaces.get(&ObjectRef::new(&namespace)).is_none() {
                        known.remove(&namespace);
                        said.remove(&namespace);
                    }
                }
                Told::Around(namespace) => {
                    context.waiting_for_surroundings(&namespace).for_each(|key| sender.send(key));
                    let all = known.iter().filter(|(name, enabled)| **enabled && (namespace.is_empty() || namespace == **name));
                    for (name, _) in all.filter(|(name, _)| context.waits_for_surroundings(name)) {
                        pass(name, Scope::All);
                    }
                }
                Told::Elsewhere(namespace) if known.get(&namespace) == Some(&true) => pass(&namespace, Scope::All),
                Told::Elsewhere(_) => {}
                Told::Kinds => watches.follow(&context),
                Told::Orders => {
                    for canary in context.canaries.state() {
                        sender.send(key(&canary));
                    }
                    for namespace in known.keys() {
                        pass(namespace, Scope::All);
                    }
                }
                Told::Policy => {
                    for canary in context.canaries.state() {
                        sender.send(key(&canary));
                    }
                    for (namespace, _) in known.iter().filter(|(_, enabled)| **enabled) {
                        pass(namespace, Scope::All);
                    }
                }
            }),
            Some(change) = changed.recv() => guarded(&context, "wiring", || {
                if let Some(scope) = enrol::scope(&context, &change) {
                    pass(&change.namespace, scope);
                }
                tell(&context, &change);
            }),
            else => return,
        }
    }
}

// One object that cannot be dealt with keeps nobody else's from it.
fn guarded(context: &Context, what: &str, work: impl FnOnce()) {
    if let Err(why) = caught_now(work) {
        internal_error(&context.metrics, what, "", &why);
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
            let pass = enrol::enrol(&context, &namespace, &scope);
            if let Err(why) = caught(pass).await {
                internal_error(&context.metrics, "enrolling", &namespace, &why);
            }
        }
        tokio::time::sleep(ENROL_PAUSE.max(began.elapsed())).await;
    }
}

#[cfg(test)]
mod tests;
