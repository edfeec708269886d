//! The Canary of one Deployment: what its policy makes of it, stored, or why there is none.

use super::{leave, named_policy, outsiders::without_a_say, tell, unknown, wants};
use crate::controller::{
    context::Context,
    effects::apply::write::WriteFailure,
    lifecycle::free,
    queue::{Key, passes::Scope},
    watch::{
        informers::cache::{Cache, Kind},
        pair::pointing,
    },
};
use crate::object::{label, text};
use crate::{
    api::{Canary, CanaryPolicy, CanarySpec, labels},
    plan::{
        self, Selector,
        enrolment::{
            Around, NotEnrolled,
            generate::{self, Known},
            pairing,
        },
        primary::autoscaler,
        settings::{rails, requests},
    },
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// Nothing tells when pods of another namespace come and go: whoever is kept out by a NetworkPolicy there, which has a say only
/// while it protects some, is looked at again this often.
const OUTSIDERS: Duration = Duration::from_secs(600);

/// Makes the Canary of a Deployment, or brings the one that is `known` in line with its policy.
pub async fn make(context: &Context, namespace: &str, target: &Value, known: Option<&Canary>) {
    let Some(policy) = governing(context, namespace, target, known) else {
        return;
    };
    let key = (namespace.to_owned(), text(target, "/metadata/name").to_owned());
    let deployments = &context.memory.deployments;
    let rendered = rendered(context, namespace, target, known, &policy).await;
    if let Err(NotEnrolled::NotThePersonsOwn | NotEnrolled::OptedOut) = rendered {
        return;
    }
    if let Some(unlisted) = unknown::around(context, namespace, &policy) {
        // The one that there is stays as it is.
        if known.is_none() && !unknown::goes_on_waiting(context, target, &unlisted) {
            refuse(context, target, None, &unlisted.to_string(), None).await;
        }
        return;
    }
    let (mut canary, unmoved) = match rendered {
        Ok(rendered) => rendered,
        Err(why) => return keep_out(context, target, known, &key, &why).await,
    };
    match unmoved {
        Some(line) => tell(context, target, &line, None),
        None => deployments.enrolled(&key),
    }
    if deployments.rests(&key) {
        return;
    }
    let scalers = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject]
        .map(|kind| context.cluster.cache.indexed(kind, namespace, canary.target_name()))
        .concat();
    canary.spec.autoscaler_ref = autoscaler::reference(canary.target_name(), &scalers);
    match stored(context, namespace, target, canary).await {
        Ok(true) => deployments.went_well(&key),
        Ok(false) => {}
        Err(error) => not_made(context, target, &key, &error).await,
    }
}

// The policy that a Deployment is rendered by. Where the one that it names is not there, or not yet, nobody leaves that of the
// namespace by it, and nothing is published by that either; a Canary that was made for it stays as it was rendered.
fn governing(context: &Context, namespace: &str, target: &Value, known: Option<&Canary>) -> Option<Arc<CanaryPolicy>> {
    let (cluster, named) = (&context.cluster, named_policy(target));
    let policy = cluster.policy(namespace, named);
    if !cluster.names_nothing(named) {
        return policy;
    }
    let uid = known.map(|known| known.annotations().get(labels::TARGET_UID));
    let is_its_own = uid.is_some_and(|uid| uid.is_none_or(|uid| uid == text(target, "/metadata/uid")));
    let policy = policy.filter(|_| !is_its_own)?;
    Some(Arc::new(rails::unpublished(&policy)))
}

// The Canary that the policy makes of a Deployment and of what is around it, and the line that says which route is not
// moved, and which policies of others are ignored.
async fn rendered(
    context: &Context,
    namespace: &str,
    target: &Value,
    known: Option<&Canary>,
    policy: &CanaryPolicy,
) -> Result<(Canary, Option<String>), NotEnrolled> {
    let (cluster, cache) = (&context.cluster, &context.cluster.cache);
    let primary = known.and_then(|_| cache.get(Kind::Deployment, namespace, &primary_name(target)));
    let promoted = generate::as_promoted(target, primary.as_ref(), &context.options.defaults.selector_labels);
    let service = known.map(Canary::service_name);
    let names: Vec<&str> = service.into_iter().chain([text(target, "/metadata/name")]).collect();
    let (services, mut routes) = pointing::around(cache, &promoted, &names);
    routes.extend(
        known
            .into_iter()
            .flat_map(|known| generated_routes(cache, namespace, known)),
    );
    let workloads = pointing::beside(cache, &promoted, &services);
    let elsewhere = cluster.elsewhere.leading_to(namespace);
    let seen = generate::NamespaceView {
        services: &services,
        routes: &routes,
        workloads: &workloads,
        elsewhere: &elsewhere,
        requests: &requests::by_template(&policy.spec, namespace, |of, name| cluster.query(of, name)),
    };
    let built = known.is_some_and(is_built);
    let says = Known {
        service: known.and_then(|known| known.spec.service.as_ref()),
        built,
    };
    let canary = generate::canary(&promoted, policy, seen, says)?;
    let (canary, idle) = beside(context, &promoted, canary, built).await?;
    let unmoved = generate::unmoved(&canary, &elsewhere);
    let told: Vec<String> = unmoved.into_iter().chain(idle).collect();
    Ok((canary, (!told.is_empty()).then(|| told.join("; "))))
}

// The route that we generated for it counts as well.
fn generated_routes(cache: &Cache, namespace: &str, known: &Canary) -> Vec<Value> {
    let services = known.service_names().into_iter();
    let led = |service: String| Kind::routes().flat_map(move |kind| cache.indexed(kind, namespace, &service));
    services
        .flat_map(led)
        .filter(plan::services::pointing::is_generated)
        .collect()
}

// Answers whether it was written: not where it is so already, nor where its name is another target's.
async fn stored(context: &Context, namespace: &str, target: &Value, canary: Canary) -> Result<bool, kube::Error> {
    let known = context.cluster.canary(&(namespace.to_owned(), canary.name_any()));
    if known.as_ref().is_some_and(|known| !known.is_generated()) {
        let why = "Not released as a canary: a Canary of its name is for another target";
        tell(context, target, why, None);
        return Ok(false);
    }
    let api = Api::<Canary>::namespaced(context.effects.client.clone(), namespace);
    match known {
        None => {
            let params = PatchParams::apply(labels::FIELD_MANAGER);
            api.patch(&canary.name_any(), &params, &Patch::Apply(&canary)).await?;
        }
        // Whole, since nobody owns the fields of a generated spec: what is left out now goes.
        Some(known) => {
            let Some(next) = followed(context, target, &known, canary) else {
                return Ok(false);
            };
            let params = PostParams {
                field_manager: Some(labels::FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            api.replace(&next.name_any(), &params, &next).await?;
        }
    }
    Ok(true)
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

// What is paired already stays so, whatever came to be around it; it is told of when it is released.
async fn beside(
    context: &Context,
    target: &Value,
    canary: Canary,
    built: bool,
) -> Result<(Canary, Option<String>), NotEnrolled> {
    if built {
        return Ok((canary, None));
    }
    let refused = |why: &dyn ToString| NotEnrolled::CannotBePaired(why.to_string());
    let pair = plan::blueprint(&canary, &context.options.defaults).map_err(|why| refused(&why))?;
    let selector = Selector::of(target, &context.options.defaults.selector_labels).map_err(|why| refused(&why))?;
    let mut around = context.cluster.surroundings(target, &pair);
    let idle = without_a_say(context, target, &selector, &mut around).await;
    pairing::check(target, &selector, &pair, &around)?;
    Ok((canary, idle))
}

// Whoever is kept out by others is looked at again in a while: once, however often it is refused meanwhile.
async fn keep_out(context: &Context, target: &Value, known: Option<&Canary>, key: &Key, why: &NotEnrolled) {
    refuse(context, target, known, &why.to_string(), why.lifted_by()).await;
    let others = matches!(why, NotEnrolled::CutOffByOthers(_));
    if others && context.memory.deployments.is_to_be_looked_at_again(key, OUTSIDERS) {
        let passes = &context.queues.passes;
        passes.send_in(OUTSIDERS, &key.0, Scope::one(&key.1));
    }
}

// It is told why, and what was held of it before that was known is given back.
async fn refuse(context: &Context, target: &Value, known: Option<&Canary>, why: &str, lifted_by: Option<Around>) {
    let why = format!("Not released as a canary: {why}");
    let Some(known) = known else {
        return let_go(context, target, &why, lifted_by).await;
    };
    tell(context, target, &why, lifted_by);
    if !is_built(known) {
        leave(context, known).await;
    }
}

// Nobody else would give it back, so what fails is tried again.
async fn let_go(context: &Context, target: &Value, why: &str, lifted_by: Option<Around>) {
    let name = |pointer| text(target, pointer).to_owned();
    let key = (name("/metadata/namespace"), name("/metadata/name"));
    let deployments = &context.memory.deployments;
    if label(target, labels::MANAGED).is_some() && deployments.rests(&key) {
        return;
    }
    match free::one(&context.effects.client, Kind::Deployment, target).await {
        Ok(()) => {
            deployments.went_well(&key);
            tell(context, target, why, lifted_by);
        }
        Err(error) => {
            let (pause, _) = deployments.failed(&key, &error.to_string());
            context.queues.passes.send_in(pause, &key.0, Scope::one(&key.1));
            let why = format!("{why}. {}", free::still_held(target, &error));
            tell(context, target, &why, lifted_by);
        }
    }
}

// Nothing that is held may wait for a Canary that the cluster does not know, or does not take.
async fn not_made(context: &Context, target: &Value, key: &Key, error: &kube::Error) {
    tracing::warn!(namespace = key.0, %error, "a Canary could not be generated");
    let (pause, _) = context.memory.deployments.failed(key, &error.to_string());
    context.queues.passes.send_in(pause, &key.0, Scope::one(&key.1));
    if let (WriteFailure::Refused, kube::Error::Api(status)) | (WriteFailure::Stale, kube::Error::Api(status)) =
        (WriteFailure::of(error), error)
        && status.code != 409
    {
        let mut why = format!(
            "Not released as a canary: the API server refuses its Canary: {}",
            status.message
        );
        if let Err(error) = free::one(&context.effects.client, Kind::Deployment, target).await {
            why = format!("{why}. {}", free::still_held(target, &error));
        }
        tell(context, target, &why, None);
    }
}

// Whether its pair serves, or did.
fn is_built(canary: &Canary) -> bool {
    let phase = canary.status.as_ref().map(|status| status.phase).unwrap_or_default();
    !phase.is_building()
}

fn primary_name(target: &Value) -> String {
    format!("{}-primary", text(target, "/metadata/name"))
}
