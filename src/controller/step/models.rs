//! The objects of the user's own whose settings what stands beside routes takes over. Most are in namespaces that nobody works
//! in, so they are looked up.

use crate::controller::{
    context::{Context, memory::OfCanary},
    queue::Key,
    watch::{informers::cache::Kind, pair::live::Live},
};
use crate::{plan::Blueprint, routing::Model};
use kube::{Api, core::DynamicObject};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;

/// How long what was looked up serves.
const FRESH: Duration = Duration::from_secs(30);
/// Most that are looked up for one Canary. Whoever writes a route could name thousands, each of which is a request and is kept;
/// what is beyond counts as not there.
const MOST: usize = 16;

/// Those that the routes of a pair ask for, as far as there are any that may be read.
///
/// # Errors
/// Those of the API server, where nothing is known from before.
pub(super) async fn models(
    context: &Context,
    key: &Key,
    (live, blueprint): (&Live, &Blueprint),
) -> Result<BTreeMap<Model, Value>, kube::Error> {
    let wanted: BTreeSet<Model> = wanted(live, blueprint).into_iter().take(MOST).collect();
    context
        .memory
        .of(key, |canary| canary.models.retain(|model, _| wanted.contains(model)));
    let mut found = BTreeMap::new();
    for model in wanted.into_iter().filter(|model| is_open(context, blueprint, model)) {
        if let Some(object) = one(context, key, &model).await? {
            found.insert(model, object);
        }
    }
    Ok(found)
}

/// When to look again for one that was not there: nothing tells that it has come, and a new app's comes a moment after its
/// Service.
pub(super) fn look_again(canary: &OfCanary) -> Option<Duration> {
    let lacks = canary.models.values().any(|(_, object)| object.is_none());
    lacks.then_some(FRESH)
}

fn wanted(live: &Live, blueprint: &Blueprint) -> BTreeSet<Model> {
    let routes = live.routes.iter().filter(|route| blueprint.carries_by(route));
    let all = routes
        .chain(&blueprint.route)
        .filter_map(|route| Some((route, blueprint.provider.kind_of(route)?)));
    let named = all.flat_map(|(route, kind)| {
        let split = live.split(blueprint);
        split.flat_map(move |names| kind.models(route, names, &blueprint.exposure))
    });
    named.collect()
}

// Whether it may be used: a Canary is not to name what is in another namespace, where that is so decided.
fn is_open(context: &Context, blueprint: &Blueprint, model: &Model) -> bool {
    let asked = blueprint.exposure.model.as_ref();
    let by_canary = asked.is_some_and(|(namespace, name)| *namespace == model.namespace && *name == model.name);
    let closed = context.options.defaults.no_cross_namespace_refs && model.namespace != blueprint.namespace;
    !(by_canary && closed) && is_name(&model.namespace) && is_name(&model.name)
}

// Whether an object may be called so. Both come from the user and go into a path as they are: anything else would be another.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain) && text.chars().all(|c| plain(c) || c == '-' || c == '.')
}

async fn one(context: &Context, key: &Key, model: &Model) -> Result<Option<Value>, kube::Error> {
    let kind = Kind::Route(model.resource);
    let cached = context.cluster.cache.get(kind, &model.namespace, &model.name);
    if cached.is_some() {
        context.memory.of(key, |canary| canary.models.remove(model));
        return Ok(cached);
    }
    let known = |canary: &mut OfCanary| {
        let (at, object) = canary.models.get(model)?;
        (at.elapsed() < FRESH).then(|| object.clone())
    };
    if let Some(known) = context.memory.of(key, known) {
        return Ok(known);
    }
    let client = context.effects.client.clone();
    let api = Api::<DynamicObject>::namespaced_with(client, &model.namespace, &kind.resource());
    let found = match api.get_opt(&model.name).await {
        Ok(found) => found.map(|object| serde_json::json!({"spec": object.data.get("spec")})),
        // What may not be read is said to be missing; a step that failed for it would roll nothing back either.
        Err(kube::Error::Api(status)) if status.code == 403 => None,
        // Whatever keeps it from being read now, a run goes on by what was read before.
        Err(error) => {
            let before = context
                .memory
                .of(key, |canary| canary.models.get(model).map(|(_, object)| object.clone()));
            return before.ok_or(error);
        }
    };
    let looked = (Instant::now(), found.clone());
    context
        .memory
        .of(key, |canary| canary.models.insert(model.clone(), looked));
    Ok(found)
}
