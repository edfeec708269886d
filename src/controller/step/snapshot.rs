//! What there is of a pair: its objects, what its pods read, what points at them, and what was recorded and is remembered.

use super::{Stop, models::models, turn::Turn};
use crate::controller::{
    context::Context,
    effects::notify::{shared::tell_shared, shut_out::tell_shut_out, unrouted::tell_unrouted},
    lifecycle::{
        inheritance, sweep,
        target_missing::{self, Absence},
    },
    observe::{
        gather::{self, selector, surroundings},
        kept, pods, shut_out,
    },
    watch::pair::{
        configs::{self, Configs, kind_of, reading},
        live::Live,
    },
};
use crate::object::text;
use crate::{
    analysis::{Stage, State},
    api::{Canary, canary::status::conditions::Trouble},
    plan::{self, Blueprint, Defaults, Selector, Workload, configs::ConfigKind},
    routing::{OwnRoute, Provider},
};
use serde_json::Value;
use std::time::Duration;

/// A pair, as a step finds it.
pub struct Snapshot {
    /// The objects of the pair, as the caches have them.
    pub live: Live,
    /// Whose pods are whose.
    pub selector: Selector,
    /// What it is to be made of.
    pub blueprint: Blueprint,
    /// Where its Canary is: what is recorded, with the timers that need not be.
    pub state: State,
    /// What to say of a target that is not there, and when to look again.
    pub absence: Option<(Trouble, Option<Duration>)>,
}

/// Gathers the pair of a Canary. What has none, or can have none, stops here.
pub async fn snapshot(context: &Context, turn: &Turn) -> Result<Snapshot, Stop> {
    let (key, canary) = (&turn.key, &turn.canary);
    let (mut blueprint, mut live, absence) = halves(context, turn).await?;
    live.configs = configs(context, canary, &live).await?;
    let keys = &context.options.defaults.selector_labels;
    let selector = selector(&live, &blueprint, keys).map_err(|why| Stop::Unreleased(why.to_string()))?;
    // Where none come and go as we say, the pods are somebody else's.
    blueprint.exposure.member.pods = blueprint.workload.rolls().then(|| selector.pods());
    let built = turn.recorded.stage != Stage::Building;
    let own = (&**canary, &mut blueprint);
    if let Some(why) = surroundings(&context.cluster, key, own, &mut live, &selector, (built, turn.leaving)) {
        return Err(Stop::Unreleased(why));
    }
    kept::keep_kind(&live, &mut blueprint);
    unrouted(context, turn, &mut blueprint, &live)?;
    // Whoever leaves comes to no new destination.
    if !turn.leaving {
        blueprint.exposure.models = models(context, key, (&live, &blueprint)).await?;
    }
    tell_shared(context, key, canary, &live.pointing);
    tell_shut_out(context, key, canary, shut_out::of(&live, &blueprint));
    let known = context.memory.of(key, |canary| canary.pods.clone());
    live.pods = pods::owners(&context.effects.client, &key.0, (&live, &selector), known).await?;
    context.memory.of(key, |canary| canary.pods.clone_from(&live.pods));
    live.source = inheritance::source(&live, &selector, &blueprint, keys, &inheritance::recorded(canary));
    let mut state = turn.recorded.clone();
    context
        .memory
        .of(key, |own| own.timers.resume(canary.status.as_ref(), &mut state));
    live.configs.in_terms_of_now(&mut state, live.target.as_ref());
    Ok(Snapshot {
        live,
        selector,
        blueprint,
        state,
        absence,
    })
}

// No new route is made for a host of another namespace's Services. A pair that serves goes on as it is; one that is new is not
// built, since its users would come by that route.
fn unrouted(context: &Context, turn: &Turn, blueprint: &mut Blueprint, live: &Live) -> Result<(), Stop> {
    let why = gather::alien_host(blueprint, live).filter(|_| !turn.leaving);
    match why {
        Some(why) if turn.recorded.stage == Stage::Building => return Err(Stop::Unreleased(why)),
        Some(_) => blueprint.route = None,
        None => {}
    }
    tell_unrouted(context, &turn.key, &turn.canary, why);
    Ok(())
}

type Halves = (Blueprint, Live, Option<(Trouble, Option<Duration>)>);

// The objects of the pair, and what becomes of one without a target.
async fn halves(context: &Context, turn: &Turn) -> Result<Halves, Stop> {
    let Turn {
        key,
        canary,
        leaving,
        now,
        ..
    } = turn;
    let ends = *leaving || turn.recorded.stage.in_run();
    let mut blueprint = blueprint(canary, &context.options.defaults, ends).map_err(Stop::Unreleased)?;
    let mut live = gather::gather(&context.cluster.cache, canary, &blueprint);
    let adopts = |target: &Value| sweep::adopts(&context.cluster, &key.0, target);
    let anothers = |target: &Value| sweep::is_anothers(canary, target, adopts(target));
    live.target = live.target.take().filter(|target| !anothers(target));
    let Some(target) = &live.target else {
        let gone = target_missing::without_target(context, canary, (&blueprint, &mut live), *leaving, *now);
        return match gone.await? {
            Absence::Over(wake) => Err(Stop::Over(wake)),
            Absence::Lasts(trouble, wake) => Ok((blueprint, live, Some((trouble, wake)))),
        };
    };
    context.memory.of(key, |canary| canary.missed = None);
    blueprint.target_uid = Some(text(target, "/metadata/uid").to_owned());
    blueprint.helm = plan::marks::of_helm(target);
    Ok((blueprint, live, None))
}

// On the way out, and for a run that is to end, a provider that is not there is no obstacle: routes are folded whatever it
// is.
fn blueprint(canary: &Canary, defaults: &Defaults, ends: bool) -> Result<Blueprint, String> {
    plan::blueprint(canary, defaults).or_else(|why| {
        if !ends {
            return Err(why);
        }
        let mut plain = canary.clone();
        let own = Workload::of(&plain).and_then(Workload::own_route);
        let own = own.map(OwnRoute::provider).and_then(Provider::parse);
        let always = own.unwrap_or(Provider::FALLBACK);
        plain.spec.provider = Some(always.as_str().to_owned());
        plan::blueprint(&plain, defaults)
    })
}

async fn configs(context: &Context, canary: &Canary, live: &Live) -> Result<Configs, kube::Error> {
    let (namespace, cache) = (canary.namespace_name(), &context.cluster.cache);
    let tracked = context.options.track_configs;
    let readable = |kind: &ConfigKind| tracked && !cache.forbidden(kind_of(*kind), namespace);
    let kinds: Vec<ConfigKind> = ConfigKind::ALL.into_iter().filter(readable).collect();
    let (own, others) = (live.templates(), inheritance::readings(live));
    let templates: Vec<&Value> = own.iter().map(|one| &**one).chain(&others).collect();
    reading::read((&context.effects.client, cache), namespace, &kinds, &templates).await?;
    let mut found = Configs::gather(cache, namespace, kinds, templates.into_iter());
    found.promoted = configs::promoted(canary);
    Ok(found)
}
