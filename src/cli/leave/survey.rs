//! A look at everything that would have to be given back.

use crate::admission::{bootstrap::configurations, facts::LEASE_FRESH};
use crate::api::{Canary, canary::status::conditions::READY, labels};
use crate::orders::{CONFIGURATIONS, WebhookConfiguration};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Objects per page.
const PAGE: u32 = 500;

/// A Canary, and how far it has been given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Made by us: it goes. One that somebody wrote stays as an object.
    pub generated: bool,
    /// The stage its controller recorded; empty before the first.
    pub stage: String,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// What its condition `Ready` says.
    pub says: String,
}

impl App {
    fn of(canary: &Canary) -> Self {
        let status = canary.status.clone().unwrap_or_default();
        let ready = status.condition(READY).and_then(|condition| condition.message.clone());
        Self {
            name: format!("{}/{}", canary.namespace_name(), canary.name_any()),
            generated: canary.labels().contains_key(labels::GENERATED),
            stage: status.run.map(|run| run.stage).unwrap_or_default(),
            finalizer: canary.finalizers().iter().any(|one| one == labels::FINALIZER),
            says: ready.unwrap_or_default(),
        }
    }

    /// Whether nothing of it is left to be given back.
    pub fn is_out(&self) -> bool {
        !self.generated && !self.finalizer && (self.stage.is_empty() || self.stage == "Left")
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Every Canary that was found.
    pub apps: Vec<App>,
    /// Workloads that the webhook holds, and objects that Canaries own and that are no use without: `KIND NAMESPACE/NAME`.
    pub objects: Vec<String>,
    /// Kinds of the webhook configurations that are there.
    pub configurations: Vec<&'static str>,
    /// Whether a controller renewed its Lease lately.
    pub controller: bool,
}

impl Survey {
    /// Whether everything has been given back.
    pub fn is_clean(&self) -> bool {
        self.apps.iter().all(App::is_out) && self.objects.is_empty()
    }
}

/// Looks at one namespace, or at all; `lease` is the controller's, by namespace and name.
pub async fn survey(client: &Client, namespace: Option<&str>, lease: (&str, &str)) -> Result<Survey, kube::Error> {
    let canaries = all::<Canary>(&of(client, namespace), None).await?;
    let held = format!("{}={}", labels::MANAGED, labels::TRUE);
    let mut objects = Vec::new();
    let deployments = of::<PartialObjectMeta<Deployment>>(client, namespace);
    let sets = of::<PartialObjectMeta<DaemonSet>>(client, namespace);
    let services = of::<PartialObjectMeta<Service>>(client, namespace);
    let flaggers = format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_FLAGGER);
    objects.extend(named("Deployment", &all(&deployments, Some(&held)).await?, |_| true));
    objects.extend(named("DaemonSet", &all(&sets, Some(&held)).await?, |_| true));
    objects.extend(named("Deployment", &all(&deployments, Some(&flaggers)).await?, is_half));
    objects.extend(named("DaemonSet", &all(&sets, Some(&flaggers)).await?, is_half));
    objects.extend(named("Service", &all(&services, Some(&flaggers)).await?, is_half));
    let mut configurations = Vec::new();
    for which in WebhookConfiguration::ALL {
        match configurations::api(client, which).get_opt(CONFIGURATIONS).await {
            Ok(found) => configurations.extend(found.map(|_| which.kind())),
            // Who may not look may give apps back all the same.
            Err(kube::Error::Api(status)) if status.code == 403 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Survey {
        apps: canaries.iter().map(App::of).collect(),
        objects,
        configurations,
        controller: is_alive(client, lease).await?,
    })
}

/// Takes both webhook configurations away.
pub async fn take_configurations(client: &Client) -> Result<(), kube::Error> {
    for which in WebhookConfiguration::ALL {
        let api = configurations::api(client, which);
        match api.delete(CONFIGURATIONS, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(())
}

fn of<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

// A kind that the cluster does not know has no objects.
async fn all<K>(api: &Api<K>, labels: Option<&str>) -> Result<Vec<K>, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    if let Some(labels) = labels {
        params = params.labels(labels);
    }
    let mut found = Vec::new();
    loop {
        let page = match api.list(&params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(found),
            other => other?,
        };
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

// Half of a pair: an app that is given back has none. Those of a namespace that goes away go with it.
fn is_half<K: Resource>(object: &K) -> bool {
    let name = object.name_any();
    let owned = object.owner_references().iter().any(|owner| owner.kind == "Canary");
    owned && (name.ends_with("-primary") || name.ends_with("-canary"))
}

fn named<K: Resource>(kind: &str, all: &[K], which: impl Fn(&K) -> bool) -> Vec<String> {
    let name = |object: &K| {
        format!(
            "{kind} {}/{}",
            object.namespace().unwrap_or_default(),
            object.name_any()
        )
    };
    all.iter().filter(|object| which(object)).map(name).collect()
}

async fn is_alive(client: &Client, (namespace, name): (&str, &str)) -> Result<bool, kube::Error> {
    let leases = Api::<Lease>::namespaced(client.clone(), namespace);
    let now = Timestamp::now().as_second();
    let held = |lease: Lease| {
        let spec = lease.spec.unwrap_or_default();
        let holder = spec.holder_identity.is_some_and(|holder| !holder.is_empty());
        let renewed = spec.renew_time.map(|time| time.0.as_second());
        holder && renewed.is_some_and(|renewed| now.saturating_sub(renewed) < LEASE_FRESH)
    };
    Ok(leases.get_opt(name).await?.is_some_and(held))
}
