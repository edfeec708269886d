//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission door does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

use super::{
    cache::{Change, Kind},
    context::Context,
    live::{label, text},
    ties::USERS,
};
use crate::{
    api::{Canary, CanarySpec, canary::Phase, labels},
    plan::generate::{self, NotEnrolled},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
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
        Kind::ReplicaSet | Kind::EndpointSlice => None,
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
        let mut made: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(lacking.len());
        for (target, known) in &lacking {
            made.push(make(context, namespace, target, known.as_deref(), &services, &routes).boxed());
        }
        futures::stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
    }
    for canary in generated() {
        if !context.cache.has(Kind::Deployment, namespace, canary.target_name()) {
            abandoned(context, canary).await;
        }
    }
}

// Whether the Deployment may need a Canary made, or the one it has brought in line with its policy.
fn lacks(context: &Context, namespace: &str, target: &Value) -> Option<Option<Arc<Canary>>> {
    let name = text(target, "/metadata/name");
    let of = context.canaries_for(namespace, name);
    match of.into_iter().find(|canary| canary.target_name() == name) {
        Some(known) => follows(&known).then_some(Some(known)),
        None => wants(context, target).then_some(None),
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

async fn make(
    context: &Context,
    namespace: &str,
    target: &Value,
    known: Option<&Canary>,
    services: &[Value],
    routes: &[Value],
) {
    let Some(policy) = context.policy(namespace, named_policy(target)) else {
        return;
    };
    // The route we generated for it counts as well.
    let own = known.map(Canary::service_names).into_iter().flatten();
    let own: Vec<Value> = own
        .flat_map(|service| context.cache.tied(Kind::HttpRoute, namespace, &service))
        .collect();
    let routes: Vec<&Value> = routes.iter().chain(&own).collect();
    let canary = match generate::canary(target, &policy, services, &routes) {
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
        let still = !context
            .cache
            .has(Kind::Deployment, canary.namespace_name(), canary.target_name());
        let same = context
            .canary(&super::context::key(&canary))
            .is_some_and(|c| c.metadata.uid == canary.metadata.uid);
        if still && same {
            leave(&context, &canary).await;
        }
    });
}
