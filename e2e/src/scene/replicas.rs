//! Coalmine's own pods: which there are, which leads, and what can happen to them.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{SYSTEM, Scene, wait_for};
use crate::cluster::all_processes;

/// One of the two components of the program, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// What API servers ask.
    Webhook,
    /// What carries releases out.
    Controller,
}

impl Component {
    /// The word in names and labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Controller => "controller",
        }
    }

    /// Its Deployment.
    pub fn deployment(self) -> String {
        format!("coalmine-{}", self.word())
    }
}

/// A pod of Coalmine's that runs on this machine.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub address: Ipv4Addr,
}

impl Scene {
    /// The ready pods of one component.
    pub async fn replicas(&self, component: Component) -> Result<Vec<Replica>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), SYSTEM);
        let label = format!("app.kubernetes.io/component={}", component.word());
        let found = pods.list(&ListParams::default().labels(&label)).await?;
        Ok(found.items.into_iter().filter_map(ready).collect())
    }

    /// Waits until one component has as many ready pods as it should, and no other.
    pub async fn complete(&self, component: Component, within: Duration) -> Result<Vec<Replica>> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), SYSTEM);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), SYSTEM);
        let label = format!("app.kubernetes.io/component={}", component.word());
        let all = ListParams::default().labels(&label);
        wait_for(
            &format!("all pods of the {} to be ready", component.word()),
            within,
            async || {
                let wanted = deployments
                    .get(&component.deployment())
                    .await?
                    .spec
                    .and_then(|s| s.replicas);
                let ready = self.replicas(component).await?;
                let there = pods.list(&all).await?.items.iter().filter(|pod| !is_over(pod)).count();
                let wanted = usize::try_from(wanted.unwrap_or(1))?;
                Ok((ready.len() == wanted && there == wanted).then_some(ready))
            },
        )
        .await
    }

    /// How many of each component are asked for: a scene that takes one away brings it back, or the next one lacks it.
    pub async fn wanted(&self) -> Result<Vec<Option<i32>>> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), SYSTEM);
        let mut wanted = Vec::new();
        for component in [Component::Webhook, Component::Controller] {
            let found = deployments.get_opt(&component.deployment()).await?;
            wanted.push(found.and_then(|found| found.spec).and_then(|spec| spec.replicas));
        }
        Ok(wanted)
    }

    /// Asks for that many of each component again.
    pub async fn bring_back(&self, wanted: &[Option<i32>]) -> Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), SYSTEM);
        for (component, replicas) in [Component::Webhook, Component::Controller].into_iter().zip(wanted) {
            let scaled = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            deployments
                .patch(&component.deployment(), &PatchParams::default(), &scaled)
                .await?;
        }
        Ok(())
    }

    /// The controller that holds the lease.
    pub async fn leader(&self, within: Duration) -> Result<Replica> {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), SYSTEM);
        wait_for("a controller that leads", within, async || {
            let lease = leases.get_opt(coalmine::controller::lease::NAME).await?;
            let holder = lease.and_then(|lease| lease.spec).and_then(|spec| spec.holder_identity);
            let replicas = self.replicas(Component::Controller).await?;
            Ok(holder.and_then(|holder| replicas.into_iter().find(|one| holder.starts_with(&one.name))))
        })
        .await
    }
}

impl Component {
    /// The programs of that component in the containers of the harness's node, which is this machine, ready or not.
    pub fn programs(self) -> Vec<Pid> {
        let begins = format!("/coalmine\0{}\0", self.word());
        processes("cmdline", |words| words.starts_with(begins.as_bytes()))
    }
}

impl Replica {
    /// Sends a signal to the program in the pod.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.process()?, signal)?)
    }

    /// Processor time that the program in the pod has used, in the kernel's ticks.
    pub fn used(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process()?.as_raw_nonzero()))?;
        // Fields 14 and 15 of proc(5); the name before them may have spaces, and ends with the last parenthesis.
        let (_, fields) = stat.rsplit_once(')').context("a name in parentheses")?;
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(times.sum::<Result<u64, _>>()?)
    }

    /// The program in the pod, which runs on this machine.
    fn process(&self) -> Result<Pid> {
        let mark = format!("POD_NAME={}", self.name);
        let marked = |environment: &[u8]| environment.split(|byte| *byte == 0).any(|one| one == mark.as_bytes());
        let found = processes("environ", marked).into_iter().next();
        found.with_context(|| format!("pod {} does not run on this machine", self.name))
    }
}

// Those of this machine of whom that file of the kernel's says what is looked for.
fn processes(file: &str, is: impl Fn(&[u8]) -> bool) -> Vec<Pid> {
    let looked_for = |pid: &i32| is(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default());
    all_processes().filter(looked_for).filter_map(Pid::from_raw).collect()
}

// One that was evicted stays on the list.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

fn ready(pod: Pod) -> Option<Replica> {
    let status = pod.status?;
    let going = pod.metadata.deletion_timestamp.is_some();
    let mut conditions = status.conditions.iter().flatten();
    let ready = conditions.any(|is| is.type_ == "Ready" && is.status == "True");
    (!going && ready).then_some(Replica {
        name: pod.metadata.name?,
        address: status.pod_ip?.parse().ok()?,
    })
}
