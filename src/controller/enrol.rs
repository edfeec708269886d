//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission door does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

use super::{
    cache::Kind,
    context::Context,
    sweep::{self, is_generated},
};
use crate::{
    api::{Canary, CanarySpec, canary::Phase, labels},
    metrics::Severity,
    plan::{
        autoscaler,
        generate::{self, NotEnrolled},
    },
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
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
        let mut known = canaries.iter().filter(|canary| canary.target_name() == name);
        let known = known
            .clone()
            .find(|canary| !is_generated(canary))
            .or_else(|| known.next());
        if known.is_some_and(|canary| !follows(canary)) || known.is_none() && !wants(context, &target) {
            continue;
        }
        make(context, namespace, &target, around).await;
    }
}

// A Deployment that runs already is taken over only where the policy adopts what it finds.
fn wants(context: &Context, target: &Value) -> bool {
    let namespace = target
        .pointer("/metadata/namespace")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let deleted = target.pointer("/metadata/deletionTimestamp").is_some();
    let labelled = |label: &str| {
        target
            .pointer("/metadata/labels")
            .is_some_and(|all| all.get(label).is_some())
    };
    let admitted = labelled(labels::MANAGED);
    // Whoever wrote it last may not have a Canary made.
    if labelled(labels::DENIED) && !admitted {
        return false;
    }
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
            return tell(context, target, &why.to_string());
        }
    };
    canary.spec.autoscaler_ref = autoscaler::reference(canary.target_name(), around.scalers);
    let known = context.canary(&(namespace.to_owned(), canary.name_any()));
    if known.as_ref().is_some_and(|known| !is_generated(known)) {
        return tell(context, target, "a Canary of its name is for another target");
    }
    let api = Api::<Canary>::namespaced(context.client.clone(), namespace);
    let written = match known {
        None => {
            let params = PatchParams::apply(labels::FIELD_MANAGER);
            api.patch(&canary.name_any(), &params, &Patch::Apply(&canary)).await
        }
        Some(known) => match followed(context, target, &known, canary) {
            None => return,
            // Whole, since nobody owns the fields of a generated spec: what is left out now goes.
            Some(next) => {
                let params = PostParams {
                    field_manager: Some(labels::FIELD_MANAGER.to_owned()),
                    ..PostParams::default()
                };
                api.replace(&next.name_any(), &params, &next).await
            }
        },
    };
    if let Err(error) = written {
        tracing::warn!(namespace, %error, "a Canary could not be generated");
    }
}

/// The known Canary as it is to be by what was `rendered` now; nothing when it is so already.
fn followed(context: &Context, target: &Value, known: &Canary, rendered: Canary) -> Option<Canary> {
    let uid = |canary: &Canary| canary.annotations().get(labels::TARGET_UID).cloned();
    let meant = uid(known) == uid(&rendered);
    let same = undefaulted(known.spec.clone()) == undefaulted(rendered.spec.clone());
    // Generated for a request that was refused: this Deployment gets it only if it would get one anyway.
    if same && meant || !meant && !wants(context, target) {
        return None;
    }
    let mut next = known.clone();
    next.annotations_mut()
        .extend(rendered.metadata.annotations.unwrap_or_default());
    next.spec = rendered.spec;
    Some(next)
}

// Once per Deployment and reason, as an event on the Deployment.
fn tell(context: &Context, target: &Value, why: &str) {
    let Ok(target) = serde_json::from_value::<Deployment>(target.clone()) else {
        return;
    };
    let uid = target.uid().unwrap_or_default();
    if context.unenrolled.lock().insert(uid, why.to_owned()).as_deref() == Some(why) {
        return;
    }
    let message = format!("Not released as a canary: {why}");
    context.events.record(&target, Severity::Warning, message);
}

// By deletion: the finalizer makes it a plain Deployment again without a lost request.
async fn leave(context: &Context, canary: &Canary) {
    if let Err(error) = sweep::delete(context, canary).await {
        tracing::warn!(canary = canary.full_name(), %error, "a generated Canary could not be deleted");
    }
}
