//! Deployments of opted-in namespaces get their Canary, and lose a generated one when the namespace opts out.
//!
//! The admission webhook does the same for what passes it; here is what it did not see: Deployments that lived in a
//! namespace when it was labelled, and those applied while it was away.

use super::{free, sweep};
use crate::controller::{
    apply::write::Cause,
    context::Context,
    queue::{Key, passes::Scope},
    watch::{
        cache::{Change, Kind},
        cluster::Cluster,
        pointing,
        ties::USERS,
    },
};
use crate::object::{label, text};
use crate::{
    api::{Canary, CanaryPolicy, CanarySpec, labels},
    foreign::{SAID, cut},
    messages::Severity,
    plan::{
        self, Selector, autoscaler,
        generate::{self, Known, NotEnrolled},
        pairing, requests,
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
            let gone = !context.cluster.cache.has(Kind::Deployment, &change.namespace, name);
            // Those that could not be enrolled because of it.
            if gone && context.memory.deployments.lacks_any(&change.namespace) {
                return Some(Scope::All);
            }
            // Somebody's own that has the name of a primary keeps another from being paired, and so does one that came to
            // stand behind the same Service.
            if !gone && !differs(&DEPLOYMENT) {
                return None;
            }
            let names = [Some(name), name.strip_suffix("-primary")];
            let names = names.into_iter().flatten().map(str::to_owned);
            Some(Scope::Some(
                names
                    .chain(pointing::concerned(&context.cluster, change, name))
                    .collect(),
            ))
        }
        // What we made ourselves says nothing about what the user has.
        Kind::Service | Kind::Route(_) if generated(object) && change.before.as_ref().is_none_or(generated) => None,
        Kind::Service | Kind::Route(_) => {
            let gone = !context.cluster.cache.has(change.kind, &change.namespace, name);
            let says = gone || differs(&["/spec", "/metadata/labels", "/metadata/annotations"]);
            says.then(|| Scope::Some(spoken_of(&context.cluster, change, name)))
        }
        // It becomes the Canary's, or ceases to be; what owns another Canary's twin is that Canary.
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
            let scaled = |object: &Value| text(object, "/spec/scaleTargetRef/name").to_owned();
            let gone = !context.cluster.cache.has(change.kind, &change.namespace, name);
            let names = change.before.iter().chain([object]).map(scaled).collect();
            (gone || differs(&["/spec/scaleTargetRef"])).then_some(Scope::Some(names))
        }
        // Whoever shares a Service with it, or no longer does.
        Kind::StatefulSet | Kind::DaemonSet => {
            let gone = !context.cluster.cache.has(change.kind, &change.namespace, name);
            (gone || differs(&[POD_LABELS])).then(|| Scope::Some(pointing::concerned(&context.cluster, change, name)))
        }
        Kind::ReplicaSet
        | Kind::ControllerRevision
        | Kind::EndpointSlice
        | Kind::PodDisruptionBudget
        | Kind::ConfigMap
        | Kind::Secret => None,
    }
}

// The Deployments that a Service or route says something of: those behind it, and those that need its name.
fn spoken_of(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let half = [name.strip_suffix("-primary"), name.strip_suffix("-canary")];
    let led = change
        .ties()
        .into_iter()
        .filter(|word| !word.contains('=') && *word != USERS);
    let named = half.into_iter().flatten().chain([name]).map(str::to_owned);
    named
        .chain(led)
        .chain(pointing::concerned(cluster, change, name))
        .collect()
}

const POD_LABELS: &str = "/spec/template/metadata/labels";
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
    let (cluster, client) = (&context.cluster, &context.effects.client);
    if !cluster.cache.complete(namespace) || cluster.terminating(namespace) {
        return;
    }
    let canaries = match scope {
        Scope::All => context.cluster.canaries_of(namespace),
        Scope::Some(names) => names
            .iter()
            .flat_map(|name| context.cluster.canaries_for(namespace, name))
            .collect(),
    };
    let generated = || canaries.iter().filter(|canary| canary.is_generated());
    if !context.enrols(namespace) {
        context.memory.deployments.left(namespace);
        for canary in generated() {
            leave(context, canary).await;
        }
        return free::unclaimed(client, cluster, namespace).await;
    }
    forget_gone(context, namespace, scope);
    let targets: Vec<Value> = match scope {
        Scope::All => {
            let lack = |target: &Value| lacks(context, namespace, target).is_some();
            context
                .cluster
                .cache
                .list(Kind::Deployment, namespace)
                .filter(lack)
                .collect()
        }
        Scope::Some(names) => names
            .iter()
            .filter_map(|name| context.cluster.cache.get(Kind::Deployment, namespace, name))
            .collect(),
    };
    let lacking: Vec<_> = targets
        .iter()
        .filter_map(|target| Some((target, lacks(context, namespace, target)?)))
        .collect();
    if !lacking.is_empty() {
        let scalers = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject]
            .map(|kind| context.cluster.cache.list(kind, namespace).collect::<Vec<_>>())
            .concat();
        let mut made: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(lacking.len());
        for (target, known) in &lacking {
            made.push(make(context, namespace, target, known.as_deref(), &scalers).boxed());
        }
        futures::stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
    }
}

// Nothing is remembered of a Deployment that is gone.
fn forget_gone(context: &Context, namespace: &str, scope: &Scope) {
    let gone = |name: &str| scope.holds(name) && !context.cluster.cache.has(Kind::Deployment, namespace, name);
    let deployments = &context.memory.deployments;
    deployments.forget_if(|(of, name)| of == namespace && gone(name));
}

// Whether the Deployment may need a Canary made, or the one it has brought in line with its policy.
fn lacks(context: &Context, namespace: &str, target: &Value) -> Option<Option<Arc<Canary>>> {
    let name = text(target, "/metadata/name");
    let mut of = context.cluster.canaries_for(namespace, name);
    of.retain(|canary| canary.target_name() == name);
    // One written by hand goes before one that was generated.
    of.sort_by_key(|canary| canary.is_generated());
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
    let policy = context.cluster.policy(namespace, named_policy(target));
    let adopts = |policy: &CanaryPolicy| policy.spec.adopts_existing() && context.memory.labelled.is_over(namespace);
    !deleted && policy.is_some_and(|policy| admitted || adopts(&policy))
}

fn named_policy(target: &Value) -> Option<&str> {
    target.pointer("/metadata/annotations")?.get(labels::POLICY)?.as_str()
}

// A generated Canary follows the user's Services, routes and policy, but never while a revision is under way.
fn follows(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    canary.is_generated() && (phase.at_rest() || phase.is_building())
}

// The schema fills these in when a Canary is stored; what we render leaves them out.
fn undefaulted(mut spec: CanarySpec) -> CanarySpec {
    let gateways = spec
        .service
        .iter_mut()
        .flat_map(|service| service.gateway_refs.iter_mut().flatten());
    for gateway in gateways {
        gateway.leave_out_defaults();
    }
    spec
}

async fn make(context: &Context, namespace: &str, target: &Value, known: Option<&Canary>, scalers: &[Value]) {
    let Some(policy) = context.cluster.policy(namespace, named_policy(target)) else {
        return;
    };
    // The route we generated for it counts as well.
    let own = known.map(Canary::service_names).into_iter().flatten();
    let led =
        |service: String| Kind::routes().flat_map(move |kind| context.cluster.cache.tied(kind, namespace, &service));
    let own = own.flat_map(led);
    let service = known.map(Canary::service_name);
    let names: Vec<&str> = service.into_iter().chain([text(target, "/metadata/name")]).collect();
    let primary = known.and_then(|_| {
        context
            .cluster
            .cache
            .get(Kind::Deployment, namespace, &primary_name(target))
    });
    let promoted = generate::as_promoted(target, primary.as_ref(), &context.options.defaults.selector_labels);
    let (services, mut routes) = pointing::around(&context.cluster.cache, &promoted, &names);
    routes.extend(own.filter(plan::pointing::is_generated));
    let key = (namespace.to_owned(), text(target, "/metadata/name").to_owned());
    let built = known.is_some_and(is_built);
    let says = Known {
        service: known.and_then(|known| known.spec.service.as_ref()),
        built,
    };
    let (workloads, elsewhere) = (
        pointing::beside(&context.cluster.cache, &promoted, &services),
        context.cluster.elsewhere.leading_to(namespace),
    );
    let seen = generate::Around {
        services: &services,
        routes: &routes,
        workloads: &workloads,
        elsewhere: &elsewhere,
        requests: &requests::by_template(&policy.spec, namespace, |of, name| context.cluster.query(of, name)),
    };
    let rendered = generate::canary(&promoted, &policy, seen, says);
    let mut canary = match rendered.and_then(|canary| beside(context, &promoted, canary, built)) {
        Ok(canary) => canary,
        Err(NotEnrolled::NotThePersonsOwn | NotEnrolled::OptedOut) => return,
        Err(why) => return refuse(context, target, known, &why.to_string()).await,
    };
    match generate::unmoved(&canary, &elsewhere) {
        Some(line) => tell(context, target, &line),
        None => context.memory.deployments.enrolled(&key),
    }
    if context.memory.deployments.rests(&key) {
        return;
    }
    canary.spec.autoscaler_ref = autoscaler::reference(canary.target_name(), scalers);
    let known = context.cluster.canary(&(namespace.to_owned(), canary.name_any()));
    if known.as_ref().is_some_and(|known| !known.is_generated()) {
        let why = "Not released as a canary: a Canary of its name is for another target";
        return tell(context, target, why);
    }
    let api = Api::<Canary>::namespaced(context.effects.client.clone(), namespace);
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
    match written {
        Ok(_) => {
            context.memory.deployments.went_well(&key);
        }
        Err(error) => not_made(context, target, &key, &error).await,
    }
}

// What is paired already stays so, whatever came to be around it; it is told of when it is released.
fn beside(context: &Context, target: &Value, canary: Canary, built: bool) -> Result<Canary, NotEnrolled> {
    if built {
        return Ok(canary);
    }
    let refused = |why: &dyn ToString| NotEnrolled::CannotBePaired(why.to_string());
    let pair = plan::blueprint(&canary, &context.options.defaults).map_err(|why| refused(&why))?;
    let selector = Selector::of(target, &context.options.defaults.selector_labels).map_err(|why| refused(&why))?;
    pairing::check(target, &selector, &pair, &context.cluster.surroundings(target, &pair))?;
    Ok(canary)
}

// It is told why, and what was held of it before that was known is given back.
async fn refuse(context: &Context, target: &Value, known: Option<&Canary>, why: &str) {
    tell(context, target, &format!("Not released as a canary: {why}"));
    match known {
        Some(known) if is_built(known) => {}
        Some(known) => leave(context, known).await,
        None => free::one(&context.effects.client, Kind::Deployment, target).await,
    }
}

// Nothing that is held may wait for a Canary that the cluster does not know, or does not take.
async fn not_made(context: &Context, target: &Value, key: &Key, error: &kube::Error) {
    tracing::warn!(namespace = key.0, %error, "a Canary could not be generated");
    let (pause, _) = context.memory.deployments.failed(key, &error.to_string());
    context.queues.passes.send_in(pause, &key.0, Scope::one(&key.1));
    if let (Cause::Refused, kube::Error::Api(status)) | (Cause::Stale, kube::Error::Api(status)) =
        (Cause::of(error), error)
        && status.code != 409
    {
        tell(
            context,
            target,
            &format!(
                "Not released as a canary: the API server refuses its Canary: {}",
                status.message
            ),
        );
        free::one(&context.effects.client, Kind::Deployment, target).await;
    }
}

// Whether its pair serves, or did.
fn is_built(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    !phase.is_building()
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

fn primary_name(target: &Value) -> String {
    format!("{}-primary", text(target, "/metadata/name"))
}

// Once per Deployment and reason, as an event on the Deployment.
fn tell(context: &Context, target: &Value, why: &str) {
    let Ok(target) = serde_json::from_value::<Deployment>(target.clone()) else {
        return;
    };
    let key = (target.namespace().unwrap_or_default(), target.name_any());
    let (uid, said) = (target.uid().unwrap_or_default(), cut(why, SAID));
    if context.memory.deployments.unenrolled(key, uid, said) {
        context.effects.events.record(&target, Severity::Warning, why);
    }
}

// By deletion: the finalizer makes it a plain Deployment again without a lost request.
async fn leave(context: &Context, canary: &Canary) {
    let key = (canary.namespace_name().to_owned(), canary.target_name().to_owned());
    if context.memory.deployments.rests(&key) {
        return;
    }
    let Err(error) = sweep::delete(&context.effects.client, canary).await else {
        context.memory.deployments.went_well(&key);
        return;
    };
    tracing::warn!(canary = canary.full_name(), %error, "a generated Canary could not be deleted");
    let (pause, new) = context.memory.deployments.failed(&key, &error.to_string());
    if new {
        let message = format!("Cannot be deleted, although nothing wants it any more: {error}");
        context.effects.events.record(canary, Severity::Warning, message);
    }
    context.queues.passes.send_in(pause, &key.0, Scope::one(&key.1));
}

#[cfg(test)]
mod tests;
