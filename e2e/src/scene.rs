//! A scene of the suite or the demo: a namespace of its own on the real cluster, and the ways to act in it and to
//! wait for what must come.

mod account;
mod app;
mod applies;
mod audit;
mod cases;
mod dump;
pub mod duration;
pub mod failures;
mod fake_nodes;
pub mod fronts;
mod hooks;
pub mod invariants;
mod kubectl;
mod log;
mod mirror;
mod objects;
mod on_demand;
mod pods;
pub mod policy;
pub mod quick;
mod replicas;
pub mod shares;
mod stage;
pub mod templates;
mod timeline;
mod waiting;

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::load::{Connections, Load, until_reachable};

pub use account::Account;
pub use app::App;
pub use applies::{Applies, Report};
pub use audit::{Audit, Request};
pub use cases::{Case, case, together};
pub use fake_nodes::FakeNodes;
pub use hooks::{Answer, Call, Hooks};
pub use kubectl::Said;
pub use mirror::Mirror;
pub use objects::{CanaryView, Objects};
pub use pods::{PodView, Received, Told, http_client};
pub use replicas::{Component, Replica};
pub use stage::BEGUN;
pub use timeline::{Moment, Seen, Timeline, WATCH_LAG, plateaus};
pub use waiting::wait_for;

/// The label that opts a namespace in.
pub const OPT_IN: &str = "coalmine.dev/enabled";
/// Where Coalmine itself runs.
pub const SYSTEM: &str = "coalmine-system";
/// API servers and webhooks learn of a label and of a policy by their watches, on a busy machine this much later.
const NOTICED: Duration = Duration::from_millis(500);
/// Events are written beside a release, those of a namespace one after the other: on a busy machine seconds later.
const TOLD: Duration = Duration::from_secs(60);
/// No scene takes a third of this.
const LONGEST: Duration = Duration::from_secs(1800);
/// What the scene before has taken away or ended is there again by then.
const RECOVERED: Duration = Duration::from_secs(120);

/// One namespace and everything a test does in it.
pub struct Scene {
    /// The cluster it plays on.
    pub cluster: Cluster,
    /// The cluster's API, as its admin.
    pub client: kube::Client,
    /// The scene's own namespace.
    pub namespace: String,
    /// When it began.
    pub began: Instant,
    mirror: OnceLock<Mirror>,
}

impl Scene {
    /// A fresh namespace, not labelled yet, on the cluster that is up.
    pub async fn open(name: &str) -> Result<Self> {
        let cluster = Cluster::attach().context("the suite plays on a cluster that is up: make up")?;
        let namespace = format!("{name}-{}", suffix());
        Self::on(cluster, &namespace).await
    }

    /// A namespace of that very name.
    pub async fn on(cluster: Cluster, namespace: &str) -> Result<Self> {
        let client = cluster.client().await?;
        let scene = Self {
            cluster,
            client,
            namespace: namespace.to_owned(),
            began: Instant::now(),
            mirror: OnceLock::new(),
        };
        let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let namespaces = scene.namespaces();
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(own)?)
            .await?;
        Ok(scene)
    }

    /// Opts the namespace in, and gives everybody the moment to notice that a person's next command takes.
    pub async fn label(&self) -> Result<()> {
        self.label_at_once().await?;
        tokio::time::sleep(NOTICED).await;
        Ok(())
    }

    /// Opts the namespace in, for an apply that comes as soon as can be.
    pub async fn label_at_once(&self) -> Result<()> {
        self.opt_in(json!("true")).await
    }

    /// Takes the opt-in away.
    pub async fn unlabel(&self) -> Result<()> {
        self.opt_in(json!(null)).await
    }

    async fn opt_in(&self, value: Value) -> Result<()> {
        let labelled = Patch::Merge(json!({"metadata": {"labels": {OPT_IN: value}}}));
        let namespaces = self.namespaces();
        namespaces
            .patch(&self.namespace, &PatchParams::default(), &labelled)
            .await?;
        Ok(())
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    /// The Canaries and Deployments, followed from the first time they are asked for.
    pub fn mirror(&self) -> &Mirror {
        self.mirror.get_or_init(|| Mirror::of(&self.objects(), &self.namespace))
    }

    /// The objects of the namespace.
    pub fn objects(&self) -> Objects {
        Objects::of(self.client.clone(), &self.namespace)
    }

    /// The host name under which the default policy publishes an app of that name here.
    pub fn host(&self, app: &str) -> String {
        format!("{app}.{}.example.com", self.namespace)
    }

    /// A light load on an app of that name, through the gateway: many of them at once are no burden.
    pub fn light_load(&self, app: &str) -> Result<Load> {
        Ok(Load {
            rate: 25,
            ..self.load(app)?
        })
    }

    /// The usual load on an app of that name, through the gateway.
    pub fn load(&self, app: &str) -> Result<Load> {
        let gateway = self
            .cluster
            .gateway
            .parse()
            .with_context(|| format!("the gateway's address is host:port, not {}", self.cluster.gateway))?;
        Ok(Load::on(gateway, self.host(app)))
    }

    /// The usual load on the Service of that name, as a client in the cluster that opens a connection for each request.
    pub async fn service_load(&self, service: &str) -> Result<Load> {
        let found = self.objects().services().get(service).await?;
        let spec = found.spec.unwrap_or_default();
        let port = spec.ports.iter().flatten().next().context("a Service has a port")?.port;
        let address = format!("{}:{port}", spec.cluster_ip.unwrap_or_default());
        let load = Load::on(address.parse()?, service);
        Ok(Load {
            connections: Connections::New,
            ..load
        })
    }

    /// A CanaryPolicy for this namespace alone, which goes with it.
    pub async fn policy(&self, spec: &Value) -> Result<()> {
        let namespace = &self.namespace;
        let named = format!("coalmine.dev/policy={}", self.policy_as("own", spec).await?);
        self.kubectl(&["annotate", "namespace", namespace, &named])
            .await?
            .succeeded()?;
        Ok(())
    }

    /// A CanaryPolicy that goes with this namespace, and its name, which has `word` in it: for whoever names it.
    pub async fn policy_as(&self, word: &str, spec: &Value) -> Result<String> {
        let (namespace, found) = (&self.namespace, self.namespaces().get(&self.namespace).await?);
        let name = format!("{namespace}-{word}");
        // What has no namespace can still belong to one.
        let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": found.metadata.uid});
        let policy = json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy",
            "metadata": {"name": name, "ownerReferences": [owner]}, "spec": spec,
        });
        self.apply(&policy.to_string()).await?.succeeded()?;
        tokio::time::sleep(NOTICED).await;
        Ok(name)
    }

    /// Waits until something was said about the Canary of that name, in an event or in a condition, that has all these
    /// words in one line.
    pub async fn says(&self, canary: &str, words: &[&str], within: Duration) -> Result<String> {
        let objects = self.objects();
        wait_for(
            &format!("{words:?} to be said of canary {canary}"),
            within,
            async || {
                let mut lines = objects.told(canary).await?;
                lines.extend(objects.canary(canary).await?.iter().flat_map(CanaryView::conditions));
                let named = |line: &String| words.iter().all(|word| line.contains(word));
                Ok(lines.into_iter().find(named))
            },
        )
        .await
    }

    /// Waits until an event about the Canary of that name is the one looked for, which `what` tells whoever misses it, and
    /// answers what all say.
    pub async fn told(&self, canary: &str, what: &str, is: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        self.told_until(canary, what, |told| told.iter().any(|line| is(line)))
            .await
    }

    /// Waits until that many events about the Canary of that name have these words, and fails where there are more.
    pub async fn told_times(&self, canary: &str, words: &str, times: usize) -> Result<()> {
        let count = |told: &[String]| told.iter().filter(|line| line.contains(words)).count();
        let what = format!("{words}, {times} times");
        let told = self.told_until(canary, &what, |told| count(told) >= times).await?;
        ensure!(count(&told) == times, "more than {what}: {told:?}");
        Ok(())
    }

    async fn told_until(&self, canary: &str, what: &str, wanted: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        let objects = self.objects();
        wait_for(&format!("an event of canary {canary}: {what}"), TOLD, async || {
            let told = objects.told(canary).await?;
            ensure!(wanted(&told), "told is {told:?}");
            Ok(Some(told))
        })
        .await
    }

    /// Waits until the app of that name answers through the gateway, and tells its version.
    pub async fn reachable(&self, app: &str, within: Duration) -> Result<String> {
        until_reachable(&self.load(app)?, within).await
    }

    /// Applies an app at rest: labelled namespace, pair serving, Canary Initialized.
    pub async fn settled(&self, app: &App) -> Result<()> {
        self.label().await?;
        self.apply(&app.manifest()).await?.succeeded()?;
        self.phase(app.name(), "Initialized", Duration::from_secs(120)).await?;
        self.reachable(app.name(), Duration::from_secs(60)).await?;
        Ok(())
    }

    /// Waits until the Canary of that name is in a phase, and its Deployment with it: a phase is stored before the target
    /// is written.
    pub async fn phase(&self, canary: &str, phase: &str, within: Duration) -> Result<CanaryView> {
        let what = format!("canary {canary} to be {phase}");
        let ended = ["Initialized", "Succeeded"].contains(&phase);
        let there = |seen: &Mirror| {
            let found = seen.canary(canary).filter(|canary| canary.phase() == phase)?;
            let target = found.target().and_then(|target| seen.deployment(target));
            let busy = target.is_some_and(|target| state(&target).is_some_and(|state| state != "rest"));
            (!ended || !busy).then_some(found)
        };
        self.mirror().until(&what, within, there).await
    }

    /// Waits until the target of that name rests: a phase is stored before the target is written.
    pub async fn rests(&self, target: &str, within: Duration) -> Result<()> {
        let rests = |seen: &Mirror| {
            let object = seen.deployment(target)?;
            let replicas = object.spec.as_ref()?.replicas;
            (state(&object) == Some("rest") && replicas == Some(0)).then_some(())
        };
        self.mirror().until(&format!("{target} to rest"), within, rests).await
    }

    /// Deletes the namespace, without waiting for the end of it.
    pub async fn close(&self) -> Result<()> {
        let namespaces = self.namespaces();
        // A busy API server may refuse it once.
        wait_for(
            "the namespace to be deleted",
            Duration::from_secs(30),
            async || match namespaces.delete(&self.namespace, &DeleteParams::default()).await {
                Ok(_) => Ok(Some(())),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(())),
                Err(error) => Err(error.into()),
            },
        )
        .await
    }

    /// Coalmine as it was found: whoever is missing is brought back, so that the next scene has them, and that is said.
    async fn as_found(&self, found: &[Option<i32>]) -> Result<()> {
        let left = self.wanted().await?;
        if left == found {
            return Ok(());
        }
        self.bring_back(found).await?;
        bail!("Coalmine had {found:?} replicas and was left with {left:?}")
    }
}

fn state(target: &Deployment) -> Option<&str> {
    let labels = target.metadata.labels.as_ref()?;
    labels.get("coalmine.dev/state").map(String::as_str)
}

/// Plays one scene side by side with others.
///
/// # Panics
/// When the scene fails, as tests do.
pub async fn play(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let _place = stage::beside_others().await;
    perform(name, async |scene| ended(body(scene)).await).await;
}

/// Plays one scene while no other plays, after those that play side by side.
///
/// # Panics
/// When the scene fails, as tests do.
pub async fn play_alone(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let _place = stage::alone().await;
    perform(name, async |scene| {
        // Some count pods: those that the scene before has ended are gone, and others are there for them.
        for component in [Component::Webhook, Component::Controller] {
            scene.complete(component, RECOVERED).await?;
        }
        let found = scene.wanted().await?;
        let played = AssertUnwindSafe(ended(body(scene))).catch_unwind().await;
        let left = scene.as_found(&found).await;
        match played {
            Err(panicked) => std::panic::resume_unwind(panicked),
            Ok(played) => played.and(left),
        }
    })
    .await;
}

/// What a scene comes to, which must be in time: others wait for their place.
async fn ended(played: impl Future<Output = Result<()>>) -> Result<()> {
    let played = tokio::time::timeout(LONGEST, played).await;
    played.with_context(|| format!("it did not end within {LONGEST:?}"))?
}

/// Opens a scene, runs `body`, tells everything worth knowing when it fails, and cleans up.
async fn perform(name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) {
    let scene = match Scene::open(name).await {
        Ok(scene) => scene,
        Err(error) => panic!("scene {name} cannot open: {error:#}"),
    };
    let played = AssertUnwindSafe(body(&scene)).catch_unwind().await;
    if !matches!(played, Ok(Ok(()))) {
        scene.dump().await;
    }
    let closed = scene.close().await;
    if let Err(error) = duration::note(name, scene.began.elapsed()) {
        println!("how long {name} played is not kept: {error:#}");
    }
    match played {
        Err(panicked) => {
            keep(name, &cases::said_by(&*panicked));
            std::panic::resume_unwind(panicked)
        }
        Ok(Err(error)) => {
            keep(name, &format!("{error:#}"));
            panic!("scene {name} failed: {error:#}")
        }
        Ok(Ok(())) => closed.expect("a scene that went well can be cleaned up"),
    }
}

fn keep(name: &str, why: &str) {
    if let Err(error) = failures::note(name, why) {
        println!("why {name} failed is not kept: {error:#}");
    }
}

/// Six letters and digits no other scene has: process and clock, no randomness needed.
fn suffix() -> String {
    use sha2::{Digest as _, Sha256};
    let seed = json!([
        std::process::id(),
        format!("{:?}", std::time::SystemTime::now()),
        format!("{:?}", std::thread::current().id()),
    ]);
    let digest = Sha256::digest(seed.to_string());
    digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}
