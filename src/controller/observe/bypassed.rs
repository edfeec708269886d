//! What has everybody pass over the routes of an app, so that whom they show its canary to sees none: looked for while a run shows
//! it, and never watched.

use crate::controller::watch::pair::live::Live;
use crate::plan::Blueprint;
use crate::requests::{
    dynamic,
    pages::{self, PAGE},
};
use crate::routing::{Front, Names};
use kube::{Api, Client, api::ListParams, core::DynamicObject};
use serde_json::Value;
use std::{ops::ControlFlow, time::Duration};
use tokio::time::Instant;

/// How long what was found of a pair serves: its steps may follow each other within a second, and there may be thousands of
/// objects of other apps in its namespace.
const FRESH: Duration = Duration::from_secs(15);

/// What was found lately.
#[derive(Debug, Clone)]
pub struct Look {
    at: Instant,
    /// Why its routes are passed over, in words for people; `None` where nobody does.
    pub why: Option<String>,
}

/// What is found of a pair, or was found `before`, a moment ago. `None` where there is nothing to look for. Where the objects
/// cannot be listed it is as it was.
pub async fn look(client: &Client, live: &Live, blueprint: &Blueprint, before: Option<Look>) -> Option<Look> {
    let names = blueprint.names.as_ref()?;
    let front = blueprint.provider.front().filter(|front| front.decides)?;
    let leading: Vec<&Value> = live.refers_to(blueprint, names).collect();
    if leading.is_empty() {
        return None;
    }
    let known = match before {
        Some(before) if before.at.elapsed() < FRESH => return Some(before),
        before => before.and_then(|before| before.why),
    };
    let of = front.resource;
    let namespace = front.namespaced.then_some(blueprint.namespace.as_str());
    let fronts = dynamic(client, namespace, (of.group, of.version, of.kind), of.plural);
    let found = first(&fronts, front, names, &leading).await;
    let why = found.unwrap_or_else(|error| {
        let (namespace, kind) = (blueprint.namespace.as_str(), of.kind);
        tracing::warn!(namespace, kind, %error, "cannot be looked at");
        known
    });
    Some(Look {
        at: Instant::now(),
        why,
    })
}

// What the first of them does that leads past the routes.
async fn first(
    fronts: &Api<DynamicObject>,
    front: Front,
    names: &Names,
    leading: &[&Value],
) -> Result<Option<String>, kube::Error> {
    let mut why = None;
    let take = |object: DynamicObject| {
        why = past(front, &object, names, leading);
        match why {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    };
    match pages::each(fronts, ListParams::default().limit(PAGE), take).await {
        // The cluster does not have that kind, or nobody gave us the right to look.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 403 => Ok(None),
        read => read.map(|_| why),
    }
}

fn past(front: Front, object: &DynamicObject, names: &Names, leading: &[&Value]) -> Option<String> {
    let object = serde_json::to_value(object).ok()?;
    (front.past)(&object, names, leading)
}
