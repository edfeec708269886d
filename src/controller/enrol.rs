//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission door does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

use super::{cache::Kind, context::Context};
use crate::{
    api::{Canary, CanarySpec, canary::Phase, labels},
    plan::{
        autoscaler,
        generate::{self, NotEnrolled},
    },
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::Value;
use std::sync::Arc;

/// Brings the Canaries of a namespace in line with its Deployments.
pub async fn enrol(context: &Arc<Context>, namespace: &str) {
    if !context.cache.complete(namespace) || context.terminating(namespace) {
        return;
    }
    let canaries = context.canaries_of(namespace);
    if !context.enabled(namespace) {
        for canary in canaries.iter().filter(|canary| is_generated(canary)) {
            leave(context, canary).await;
        }
        return;
    }
    let list = |kind| -> Vec<Value> {
        context
            .cache
            .list(kind, namespace)
            .iter()
            .map(|o| (**o).clone())
            .collect()
    };
    let (services, routes) = (list(Kind::Service), list(Kind::HttpRoute));
    let scalers = [list(Kind::HorizontalPodAutoscaler), list(Kind::ScaledObject)].concat();
    let around = Around {
        services: &services,
        routes: &routes,
        scalers: &scalers,
    };
    for target in list(Kind::Deployment) {
        let name = target
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let known = canaries.iter().find(|canary| canary.target_name() == name);
        if known.is_some_and(|canary| !follows(canary)) || known.is_none() && !wants(context, &target) {
            continue;
        }
        make(context, namespace, &target, around).await;
    }
    for canary in canaries.iter().filter(|canary| is_generated(canary)) {
        if context
            .cache
            .get(Kind::Deployment, namespace, canary.target_name())
            .is_none()
        {
            abandoned(context, canary).await;
        }
    }
}

fn is_generated(canary: &Canary) -> bool {
    canary
        .labels()
        .get(labels::GENERATED)
        .is_some_and(|value| value == labels::TRUE)
        && canary.metadata.deletion_timestamp.is_none()
}

// A Deployment that runs already is taken over only where the policy adopts what it finds.
fn wants(context: &Context, target: &Value) -> bool {
    let namespace = target
        .pointer("/metadata/namespace")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let deleted = target.pointer("/metadata/deletionTimestamp").is_some();
    let admitted = target
        .pointer("/metadata/labels")
        .and_then(|l| l.get(labels::MANAGED))
        .is_some();
    let policy = context.policy(namespace, named_policy(target));
    !deleted && policy.is_some_and(|policy| admitted || policy.spec.adopts_existing())
}

fn named_policy(target: &Value) -> Option<&str> {
    target.pointer("/metadata/annotations")?.get(labels::POLICY)?.as_str()
}

// A generated Canary follows the user's Services, routes and policy, but never while a revision is under way.
fn follows(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    is_generated(canary) && (phase.at_rest() || matches!(phase, Phase::Unset | Phase::Initializing))
}

// The schema fills these in when a Canary is stored; what we render leaves them out.
fn undefaulted(mut spec: CanarySpec) -> CanarySpec {
    let gateways = spec
        .service
        .iter_mut()
        .flat_map(|service| service.gateway_refs.iter_mut().flatten());
    for gateway in gateways {
        gateway.group = gateway
            .group
            .take()
            .filter(|group| group != "gateway.networking.k8s.io");
        gateway.kind = gateway.kind.take().filter(|kind| kind != "Gateway");
    }
    spec
}

// What else the namespace holds.
#[derive(Clone, Copy)]
struct Around<'a> {
    services: &'a [Value],
    routes: &'a [Value],
    scalers: &'a [Value],
}

async fn make(context: &Context, namespace: &str, target: &Value, around: Around<'_>) {
    let Some(policy) = context.policy(namespace, named_policy(target)) else {
        return;
    };
    let mut canary = match generate::canary(target, &policy, around.services, around.routes) {
        Ok(canary) => canary,
        Err(NotEnrolled::NotThePersonsOwn | NotEnrolled::OptedOut) => return,
        Err(why) => {
            let name = target
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            tracing::warn!(namespace, name, %why, "not enrolled");
            return;
        }
    };
    canary.spec.autoscaler_ref = autoscaler::reference(canary.target_name(), around.scalers);
    let known = context.canary(&(namespace.to_owned(), canary.name_any()));
    if known.is_some_and(|known| undefaulted(known.spec.clone()) == undefaulted(canary.spec.clone())) {
        return;
    }
    let params = PatchParams::apply(labels::FIELD_MANAGER);
    let api = Api::<Canary>::namespaced(context.client.clone(), namespace);
    if let Err(error) = api.patch(&canary.name_any(), &params, &Patch::Apply(&canary)).await {
        tracing::warn!(namespace, canary = canary.name_any(), %error, "a Canary could not be generated");
    }
}

// By deletion: the finalizer makes it a plain Deployment again without a lost request.
async fn leave(context: &Context, canary: &Canary) {
    let api = Api::<Canary>::namespaced(context.client.clone(), canary.namespace_name());
    if let Err(error) = api.delete(&canary.name_any(), &DeleteParams::default()).await {
        tracing::warn!(canary = canary.full_name(), %error, "a generated Canary could not be deleted");
    }
}

// A generated pair outlives its Deployment by a grace, for those who delete and create to change a selector.
async fn abandoned(context: &Arc<Context>, canary: &Arc<Canary>) {
    let policy = context.policy(canary.namespace_name(), None);
    let grace = policy.map_or(std::time::Duration::from_secs(30), |policy| {
        policy.spec.deletion_grace()
    });
    let (context, canary) = (context.clone(), canary.clone());
    tokio::spawn(async move {
        tokio::time::sleep(grace).await;
        let still = context
            .cache
            .get(Kind::Deployment, canary.namespace_name(), canary.target_name())
            .is_none();
        let same = context
            .canary(&super::context::key(&canary))
            .is_some_and(|c| c.metadata.uid == canary.metadata.uid);
        if still && same {
            leave(&context, &canary).await;
        }
    });
}
