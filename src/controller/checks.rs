//! Checks run beside the steps: a slow metrics server delays its own Canary and nobody else.

use super::{context::Context, hooks, queue::Key};
use crate::{
    analysis::{Checks, State, Verdict},
    api::{
        Canary, MetricTemplate, Number,
        canary::{HookType, Measurement as Recorded},
    },
    metrics::{self, Measurement, Resolver, check},
    telemetry::messages,
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{Api, ResourceExt, runtime::reflector::ObjectRef};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// The state of a Canary's check.
#[derive(Debug, Clone)]
pub enum Finished {
    /// It runs.
    NotYet(Timestamp),
    /// Its answer, and what is recorded of it.
    Yes(Checks, Vec<Recorded>),
}

impl Finished {
    fn due(&self) -> Timestamp {
        match self {
            Self::NotYet(due) => *due,
            Self::Yes(checks, _) => checks.due,
        }
    }
}

/// Starts the check that is due at `due`, unless it runs already.
pub fn start(context: &Arc<Context>, key: Key, canary: Arc<Canary>, state: State, due: Timestamp) {
    let mut checks = context.checks.lock();
    if checks.get(&key).is_some_and(|running| running.due() == due) {
        return;
    }
    checks.insert(key.clone(), Finished::NotYet(due));
    drop(checks);
    let context = context.clone();
    tokio::spawn(async move {
        let started = Instant::now();
        let refused = rollout_hooks(&context, &canary, &state).await;
        let measured = match refused {
            Some(_) => Vec::new(),
            None => measure(&context, &canary).await,
        };
        context
            .metrics
            .check_took(canary.target_name(), canary.namespace_name(), started.elapsed());
        for one in &measured {
            if let Some(value) = one.value {
                context
                    .metrics
                    .measured(canary.target_name(), canary.namespace_name(), &one.metric, value);
            }
        }
        let recorded = measured.iter().map(|one| record(one, &canary)).collect();
        let verdict = refused.map_or_else(|| verdict(&measured), Verdict::Fail);
        let mut checks = context.checks.lock();
        // A check of another due time has taken the place: nobody waits for this one any more.
        if checks.get(&key).is_some_and(|running| running.due() == due) {
            checks.insert(key.clone(), Finished::Yes(Checks { due, verdict }, recorded));
            drop(checks);
            context.queue.send(key);
        }
    });
}

// Before the metrics; the first that fails ends the check.
async fn rollout_hooks(context: &Context, canary: &Canary, state: &State) -> Option<String> {
    let outcomes = hooks::call(context, canary, state, HookType::Rollout).await;
    let failed = outcomes.into_iter().find_map(|one| Some((one.hook, one.result.err()?)));
    failed.map(|(hook, error)| messages::rollout_failed(&canary.name_any(), canary.namespace_name(), &hook, &error))
}

async fn measure(context: &Context, canary: &Canary) -> Vec<Measurement> {
    check(metrics::Context {
        canary,
        mesh_provider: &context.defaults.provider,
        metrics_server: &context.defaults.metrics_server,
        knative_revision: None,
        clients: &context.http,
        egress: &context.egress,
        resolver: context,
    })
    .await
}

fn verdict(measured: &[Measurement]) -> Verdict {
    match measured
        .iter()
        .map(|one| &one.verdict)
        .find(|verdict| **verdict != metrics::Verdict::Pass)
    {
        None | Some(metrics::Verdict::Pass) => Verdict::Pass,
        Some(metrics::Verdict::Fail(message)) => Verdict::Fail(message.clone()),
        Some(metrics::Verdict::NoData(message)) => Verdict::NoData(message.clone()),
        Some(metrics::Verdict::Error(message)) => Verdict::Error(message.clone()),
    }
}

fn record(one: &Measurement, canary: &Canary) -> Recorded {
    let status = canary.status.clone().unwrap_or_default();
    let before = status
        .canary_analysis
        .as_ref()
        .and_then(|all| all.last())
        .map_or(0, |last| last.iteration);
    Recorded {
        time: Some(MicroTime(Timestamp::now())),
        metric: one.metric.clone(),
        value: one.value.filter(|v| v.is_finite()).map(Number),
        threshold: one.threshold.clone(),
        failed: one.failed(),
        iteration: before + 1,
        canary_weight: status.canary_weight,
        message: one.message().map(str::to_owned),
        ..Recorded::default()
    }
}

impl Resolver for Context {
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>> {
        Box::pin(async move {
            let found = self.templates.get(&ObjectRef::new(name).within(namespace));
            found.ok_or_else(|| format!("metrictemplates.flagger.app {name:?} not found"))
        })
    }

    fn secret<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>> {
        Box::pin(async move {
            let secret = Api::<Secret>::namespaced(self.client.clone(), namespace)
                .get(name)
                .await;
            let data = secret.map_err(|error| error.to_string())?.data.unwrap_or_default();
            Ok(data.into_iter().map(|(key, value)| (key, value.0)).collect())
        })
    }
}
