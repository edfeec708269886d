//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission door does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

use super::{
    cache::{Change, Kind},
    context::Context,
    live::{label, text},
    sweep::{self, is_generated},
    ties::USERS,
};
use crate::{
    api::{Canary, CanaryPolicy, CanarySpec, canary::Phase, labels},
    metrics::Severity,
    plan::{
        autoscaler,
        generate::{self, NotEnrolled},
    },
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// Which Deployments of a namespace a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and whether the namespace is opted in at all.
    All,
    /// Those of these names.
    Some(BTreeSet<String>),
}

impl Scope {
    /// One Deployment.
    pub fn one(name: &str) -> Self {
        Self::Some(BTreeSet::from([name.to_owned()]))
    }

    fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(name),
        }
    }

    /// Both scopes in one pass.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Some(mut these), Self::Some(those)) => {
                these.extend(those);
                Self::Some(these)
            }
            _ => Self::All,
        }
    }
}

/// What of the Canaries a change may concern; most changes are of a status, and concern none.
pub fn scope(context: &Context, change: &Change) -> Option<Scope> {
    let object = &change.object;
    if object.is_null() {
        return Some(Scope::All);
    }
    let differs = |pointers: &[&str]| {
        let before = change.before.as_ref();
        before.is_none_or(|before| pointers.iter().any(|at| before.pointer(at) != object.pointer(at)))
    };
    let generated = |object: &Value| label(object, labels::GENERATED).is_some();
    let name = text(object, "/metadata/name");
    match change.kind {
        Kind::Deployment => {
            let gone = !context.cache.has(Kind::Deployment, &change.namespace, name);
            (gone || differs(&DEPLOYMENT)).then(|| Scope::one(name))
        }
        // What we made ourselves says nothing about what the user has.
        Kind::Service | Kind::HttpRoute if generated(object) && change.before.as_ref().is_none_or(generated) => None,
        Kind::Service | Kind::HttpRoute => {
            let gone = !context.cache.has(change.kind, &change.namespace, name);
            (gone || differs(&["/spec", "/metadata/labels", "/metadata/annotations"])).then_some(Scope::All)
        }
        // It becomes the Canary's, or ceases to be; what owns another Canary's twin is that Canary.
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
            let scaled = |object: &Value| text(object, "/spec/scaleTargetRef/name").to_owned();
            let gone = !context.cache.has(change.kind, &change.namespace, name);
            let names = change.before.iter().chain([object]).map(scaled).collect();
            (gone || differs(&["/spec/scaleTargetRef"])).then_some(Scope::Some(names))
        }
        Kind::ReplicaSet
        | Kind::DaemonSet
        | Kind::ControllerRevision
        | Kind::EndpointSlice
        | Kind::ConfigMap
        | Kind::Secret => None,
    }
}

/// What of a Deployment decides about its Canary; its status does not.
const DEPLOYMENT: [&str; 5] = [
    "/metadata/generation",
    "/metadata/labels",
    "/metadata/annotations",
    "/metadata/ownerReferences",
    "/metadata/deletionTimestamp",
];
/// Canaries of a pass that are made at once.
const AT_ONCE: usize = 16;

/// Brings the Canaries of a namespace in line with its Deployments.
pub async fn enrol(context: &Arc<Context>, namespace: &str, scope: &Scope) {
    if !context.cache.complete(namespace) || context.terminating(namespace) {
        return;
    }
    let canaries = match scope {
        Scope::All => context.canaries_of(namespace),
        Scope::Some(names) => names
            .iter()
            .flat_map(|name| context.canaries_for(namespace, name))
            .collect(),
    };
    let generated = || canaries.iter().filter(|canary| is_generated(canary));
    if !context.enabled(namespace) {
        for canary in generated() {
            leave(context, canary).await;
        }
        return;
    }
    forget_gone(context, namespace, scope);
    let targets = match scope {
        Scope::All => context.cache.list(Kind::Deployment, namespace),
        Scope::Some(names) => names
            .iter()
            .filter_map(|name| context.cache.get(Kind::Deployment, namespace, name))
            .collect(),
    };
    let lacking: Vec<_> = targets
        .iter()
        .filter_map(|target| Some((target, lacks(context, namespace, target)?)))
        .collect();
    if !lacking.is_empty() {
        let users = |kind| context.cache.tied(kind, namespace, USERS);
        let (services, routes) = (users(Kind::Service), users(Kind::HttpRoute));
        let scalers = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject]
            .map(|kind| context.cache.list(kind, namespace))
            .concat();
        let around = Around {
            services: &services,
            routes: &routes,
            scalers: &scalers,
        };
        let mut made: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(lacking.len());
        for (target, known) in &lacking {
            made.push(make(context, namespace, target, known.as_deref(), around).boxed());
        }
        futures::stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
    }
}

// Nothing is remembered of a Deployment that is gone.
fn forget_gone(context: &Context, namespace: &str, scope: &Scope) {
    let gone = |name: &str| scope.holds(name) && !context.cache.has(Kind::Deployment, namespace, name);
    let mut told = context.unenrolled.lock();
    told.retain(|(of, name), _| of != namespace || !gone(name));
}

// Whether the Deployment may need a Canary made, or the one it has brought in line with its policy.
fn lacks(context: &Context, namespace: &str, target: &Value) -> Option<Option<Arc<Canary>>> {
    let name = text(target, "/metadata/name");
    let mut of = context.canaries_for(namespace, name);
    of.retain(|canary| canary.target_name() == name);
    // One written by hand goes before one that was generated.
    of.sort_by_key(|canary| is_generated(canary));
    match of.into_iter().next() {
        Some(known) => follows(&known).then_some(Some(known)),
        None => wants(context, target).then_some(None),
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
    let adopts = |policy: &CanaryPolicy| policy.spec.adopts_existing() && context.adopts(namespace);
    !deleted && policy.is_some_and(|policy| admitted || adopts(&policy))
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

// What else the namespace holds that was not generated.
#[derive(Clone, Copy)]
struct Around<'a> {
    services: &'a [Value],
    routes: &'a [Value],
    scalers: &'a [Value],
}

async fn make(context: &Context, namespace: &str, target: &Value, known: Option<&Canary>, around: Around<'_>) {
    let Some(policy) = context.policy(namespace, named_policy(target)) else {
        return;
    };
    // The route we generated for it counts as well.
    let own = known.map(Canary::service_names).into_iter().flatten();
    let own: Vec<Value> = own
        .flat_map(|service| context.cache.tied(Kind::HttpRoute, namespace, &service))
        .collect();
    let routes: Vec<&Value> = around.routes.iter().chain(&own).collect();
    let mut canary = match generate::canary(target, &policy, around.services, &routes) {
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
    let key = (target.namespace().unwrap_or_default(), target.name_any());
    let told = (target.uid().unwrap_or_default(), why.to_owned());
    if context.unenrolled.lock().insert(key, told.clone()) == Some(told) {
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
