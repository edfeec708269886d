//! Many apps at once on fake nodes, under Coalmine or under Flagger.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::phases::{Phases, Reached};
use crate::scene::{App, FakeNodes, OPT_IN, Scene};

/// Apps of a namespace, as of a team.
pub const PER_NAMESPACE: usize = 50;
/// Requests of the bench that are under way at once.
const AT_ONCE: usize = 16;

/// Who releases the apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// By the namespace's label.
    Coalmine,
    /// By a Canary for each app.
    Flagger,
    /// By nobody: the objects of each pair are made by hand.
    Nobody,
}

/// Apps in namespaces of their own.
pub struct Fleet<'a> {
    client: Client,
    nodes: &'a FakeNodes,
    tool: Tool,
    prefix: String,
    size: usize,
    per_namespace: usize,
    interval: &'static str,
}

impl<'a> Fleet<'a> {
    /// A fleet that does not exist yet, with checks at that interval.
    pub fn new(scene: &Scene, nodes: &'a FakeNodes, tool: Tool, size: usize, interval: &'static str) -> Self {
        let word = match tool {
            Tool::Coalmine => "coalmine",
            Tool::Flagger => "flagger",
            Tool::Nobody => "nobody",
        };
        Self {
            client: scene.client.clone(),
            nodes,
            tool,
            prefix: format!("{}-{word}-", scene.namespace),
            size,
            per_namespace: PER_NAMESPACE,
            interval,
        }
    }

    /// The same with that many apps in each namespace.
    pub fn per_namespace(mut self, apps: usize) -> Self {
        self.per_namespace = apps.max(1);
        self
    }

    /// The namespace of an app.
    pub fn namespace(&self, number: usize) -> String {
        format!("{}{}", self.prefix, number / self.per_namespace)
    }

    /// Makes everything, and waits until every Canary is Initialized.
    pub async fn initialize(&self, phases: &mut Phases, within: Duration) -> Result<Reached> {
        self.prepare().await?;
        let made = self.each(|number| self.make(number));
        self.follow(phases, made, "Initialized", within).await
    }

    /// Makes the Gateway, the policy and the namespaces.
    pub async fn prepare(&self) -> Result<()> {
        super::policy::apply(&self.client, self.interval).await?;
        for name in self.namespaces() {
            self.make_namespace(&name).await?;
        }
        Ok(())
    }

    /// The namespaces of all apps.
    pub fn namespaces(&self) -> Vec<String> {
        let firsts = (0..self.size).step_by(self.per_namespace);
        firsts.map(|number| self.namespace(number)).collect()
    }

    /// Changes every app at once, and waits until every release has Succeeded.
    pub async fn roll(&self, phases: &mut Phases, version: &str, within: Duration) -> Result<Reached> {
        let changed = self.each(|number| self.change(number, version));
        self.follow(phases, changed, "Succeeded", within).await
    }

    // The clock runs from the first request on.
    async fn follow(
        &self,
        phases: &mut Phases,
        requests: impl Future<Output = Result<()>>,
        phase: &str,
        within: Duration,
    ) -> Result<Reached> {
        let (_, reached) = tokio::try_join!(requests, phases.reach(&self.prefix, phase, self.size, within))?;
        Ok(reached)
    }

    /// One request for each app, so many at once.
    pub async fn each<Fut: Future<Output = Result<()>>>(&self, request: impl Fn(usize) -> Fut) -> Result<()> {
        futures::stream::iter((0..self.size).map(request))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn make_namespace(&self, name: &str) -> Result<()> {
        let mut namespace =
            json!({"metadata": {"name": name, "annotations": {"coalmine.dev/policy": super::policy::NAME}}});
        if self.tool == Tool::Coalmine {
            namespace["metadata"]["labels"] = json!({OPT_IN: "true"});
        }
        let api = Api::<Namespace>::all(self.client.clone());
        api.create(&PostParams::default(), &serde_json::from_value(namespace)?)
            .await?;
        Ok(())
    }

    async fn make(&self, number: usize) -> Result<()> {
        let (namespace, app) = (self.namespace(number), app(number, "v1"));
        let mut deployment = app.deployment();
        self.nodes.place(&mut deployment, number);
        let api = Api::<Deployment>::namespaced(self.client.clone(), &namespace);
        api.create(&PostParams::default(), &serde_json::from_value(deployment)?)
            .await?;
        if self.tool == Tool::Flagger {
            let host = format!("{}.{namespace}.example.com", app.name());
            let mut canary = app.canary(&host, &super::policy::analysis(self.interval), 600);
            canary["spec"]["service"]["gatewayRefs"] = super::policy::gateways();
            let api = canaries(&self.client, &namespace);
            api.create(&PostParams::default(), &serde_json::from_value(canary)?)
                .await?;
        }
        Ok(())
    }

    async fn change(&self, number: usize, version: &str) -> Result<()> {
        let api = Api::<Deployment>::namespaced(self.client.clone(), &self.namespace(number));
        let name = app(number, version).name().to_owned();
        let template = json!({"metadata": {"annotations": {"bench.coalmine.dev/version": version}}});
        let patch = Patch::Merge(json!({"spec": {"template": template}}));
        api.patch(&name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Takes everything away, and waits until the Canaries are gone.
    pub async fn delete(&self, within: Duration) -> Result<()> {
        let api = Api::<Namespace>::all(self.client.clone());
        let names = self.namespaces();
        for name in &names {
            let _ = api.delete(name, &DeleteParams::background()).await; // it may not have been made
        }
        crate::scene::wait_for("the fleet's namespaces to go", within, async || {
            let mut left = 0;
            for name in &names {
                left += usize::from(api.get_metadata_opt(name).await?.is_some());
            }
            Ok((left == 0).then_some(()))
        })
        .await
    }
}

/// The Canaries of a namespace, untyped.
pub fn canaries(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary");
    let resource = ApiResource::from_gvk_with_plural(&kind, "canaries");
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn app(number: usize, version: &str) -> App {
    App::new(&format!("app-{number}"), version).replicas(1)
}

/// The name of an app's Deployment.
pub fn name(number: usize) -> String {
    app(number, "").name().to_owned()
}

/// A Deployment as a Value goes nowhere near the fake nodes by itself.
pub fn plain(number: usize) -> Value {
    app(number, "v1").replicas(0).deployment()
}
