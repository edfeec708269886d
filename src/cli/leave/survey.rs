//! A look at everything that would have to be given back.

use crate::admission::{bootstrap::configurations, facts::LEASE_FRESH};
use crate::api::{Canary, canary::status::conditions::READY, labels};
use crate::cli::definitions;
use crate::orders::{CONFIGURATIONS, WebhookConfiguration};
use crate::requests::pages::{self, METADATA, PAGE};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::ops::ControlFlow;

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
    // Of a whole Canary, which may have more than a megabyte, no more is kept than this.
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
    let apps = all(&of::<Canary>(client, namespace), (PAGE, None), |canary| {
        Some(App::of(canary))
    })
    .await?;
    let held = format!("{}={}", labels::MANAGED, labels::TRUE);
    let mut objects = Vec::new();
    let deployments = of::<PartialObjectMeta<Deployment>>(client, namespace);
    let sets = of::<PartialObjectMeta<DaemonSet>>(client, namespace);
    let services = of::<PartialObjectMeta<Service>>(client, namespace);
    let flaggers = format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_FLAGGER);
    let (held, flaggers) = ((METADATA, Some(held.as_str())), (METADATA, Some(flaggers.as_str())));
    objects.extend(all(&deployments, held, |one| Some(named("Deployment", one))).await?);
    objects.extend(all(&sets, held, |one| Some(named("DaemonSet", one))).await?);
    objects.extend(all(&deployments, flaggers, |one| half("Deployment", one)).await?);
    objects.extend(all(&sets, flaggers, |one| half("DaemonSet", one)).await?);
    objects.extend(all(&services, flaggers, |one| half("Service", one)).await?);
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
        apps,
        objects,
        configurations,
        controller: is_alive(client, lease).await?,
    })
}

/// What the cluster's definitions lack of what is recorded of apps, in words for people. What an app is given back by is
/// recorded, so it may hang by that; but it need not, so nobody who cannot read them is kept from leaving.
pub async fn definitions(client: &Client) -> Vec<String> {
    match definitions::complaints(&Api::all(client.clone())).await {
        Ok(complaints) => complaints,
        Err(error) if definitions::is_refusal(&error) => Vec::new(),
        Err(error) => vec![format!(
            "whether the definitions have every field cannot be read: {error}"
        )],
    }
}

/// Takes both webhook configurations away; answers those that this account may not.
pub async fn take_configurations(client: &Client) -> Result<Vec<WebhookConfiguration>, kube::Error> {
    let mut left = Vec::new();
    for which in WebhookConfiguration::ALL {
        let api = configurations::api(client, which);
        match api.delete(CONFIGURATIONS, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(kube::Error::Api(status)) if status.code == 403 => left.push(which),
            other => drop(other?),
        }
    }
    Ok(left)
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

// What is told of the objects that have these labels, so many of which are asked for at once. A kind that the cluster does
// not know has no objects.
async fn all<K, T>(
    api: &Api<K>,
    (page, labels): (u32, Option<&str>),
    tell: impl Fn(&K) -> Option<T>,
) -> Result<Vec<T>, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut which = ListParams::default().limit(page);
    if let Some(labels) = labels {
        which = which.labels(labels);
    }
    let mut told = Vec::new();
    let take = |object: K| {
        told.extend(tell(&object));
        ControlFlow::Continue(())
    };
    match pages::each(api, which, take).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(told),
        read => read.map(|_| told),
    }
}

// Half of a pair: an app that is given back has none. Those of a namespace that goes away go with it.
fn half<K: Resource>(kind: &str, object: &K) -> Option<String> {
    let name = object.name_any();
    let owned = object.owner_references().iter().any(|owner| owner.kind == "Canary");
    let is_half = owned && (name.ends_with("-primary") || name.ends_with("-canary"));
    is_half.then(|| named(kind, object))
}

fn named<K: Resource>(kind: &str, object: &K) -> String {
    let namespace = object.namespace().unwrap_or_default();
    format!("{kind} {namespace}/{}", object.name_any())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::crds, routing::registry, testing::ApiServer};
    use serde_json::json;

    const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const GROUP: &str = "DELETE /apis/admissionregistration.k8s.io/v1";

    #[tokio::test]
    async fn what_an_account_may_not_take_away_is_told_and_what_is_gone_is_well() {
        let fake = ApiServer::default();
        fake.fail(
            &format!("{GROUP}/mutatingwebhookconfigurations/coalmine"),
            403,
            ApiServer::ALWAYS,
        );
        let left = take_configurations(&fake.client()).await.unwrap();
        assert_eq!(left, [WebhookConfiguration::Mutating]);
        fake.heal();
        assert!(take_configurations(&fake.client()).await.unwrap().is_empty());
        fake.fail(&format!("{GROUP}/*"), 500, ApiServer::ALWAYS);
        assert!(take_configurations(&fake.client()).await.is_err());
    }

    #[tokio::test]
    async fn definitions_that_are_anothers_are_named_and_nobody_has_to_be_able_to_read_them() {
        let server = ApiServer::default();
        let client = server.client();
        for crd in crds::all(&registry::names()) {
            let crd = serde_json::to_value(&crd).unwrap();
            let path = format!("{DEFINITIONS}/{}", crd["metadata"]["name"].as_str().unwrap());
            server.put(&path, crd);
        }
        assert!(definitions(&client).await.is_empty());
        server.edit(&format!("{DEFINITIONS}/canaries.flagger.app"), |crd| {
            let fields = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties");
            fields.unwrap().as_object_mut().unwrap().remove("run").unwrap();
        });
        let amiss = definitions(&client).await;
        assert_eq!(amiss.len(), 1, "{amiss:?}");
        assert!(
            amiss[0].contains("status.run") && amiss[0].contains("manifests/crds"),
            "{amiss:?}"
        );
        let read = format!("GET {DEFINITIONS}/*");
        server.fail(&read, 403, ApiServer::ALWAYS);
        assert!(definitions(&client).await.is_empty());
        server.heal();
        server.fail(&read, 500, ApiServer::ALWAYS);
        assert_eq!(definitions(&client).await.len(), 1, "what was not read is said");
    }

    #[tokio::test]
    async fn canaries_are_looked_at_a_few_at_once_and_what_is_told_of_each_is_all_that_is_kept() {
        let server = ApiServer::default();
        let path = "/apis/flagger.app/v1beta1/canaries";
        let client = server.client();
        let canaries = of::<Canary>(&client, None);
        let look = async || all(&canaries, (PAGE, None), |canary| Some(App::of(canary))).await;
        for n in 0..20 {
            let name = format!("app-{n:02}");
            server.put(
                &format!("/apis/flagger.app/v1beta1/namespaces/web/canaries/{name}"),
                json!({
                    "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                    "metadata": {"name": name, "namespace": "web", "finalizers": [labels::FINALIZER]},
                    "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
                }),
            );
        }
        let apps = look().await.unwrap();
        assert_eq!(apps.len(), 20);
        assert_eq!((apps[19].name.as_str(), apps[19].finalizer), ("web/app-19", true));
        assert_eq!(*server.pages.lock(), vec![(path.to_owned(), Some(16)); 2]);
        server.fail(&format!("GET {path}"), 404, 1);
        assert_eq!(look().await.unwrap(), [], "the kind is not known here");
    }
}
