//! Why traffic cannot be moved, in words for people.

use super::dialect::TableRoutes;
use super::{KIND, lifted, place, upstream};
use crate::object::text;
use crate::routing::reference::Local;
use crate::routing::{Exposure, Names, weighted};
use serde_json::Value;

/// Whether `route` sends anything to the pair, or to a part of its pods.
pub(super) fn refers_to(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    let mut all = weighted::rules::<TableRoutes>(route).flat_map(lifted::destinations);
    all.any(|one| place::read(one, local).is_some())
}

/// Why the traffic of the pair cannot be moved by `route`.
pub(super) fn of_route(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let (name, apex) = (text(route, "/metadata/name"), &names.apex);
    let namespace = text(route, "/metadata/namespace");
    if !refers_to(route, names) {
        return Some(format!(
            "no route of {KIND} {name} sends to Service {apex}: name the Service by kube, or its Upstream {namespace}-{apex}-PORT, \
             as a destination, or give the {KIND} another name"
        ));
    }
    let local = &Local::of(route, names);
    if !weighted::rules::<TableRoutes>(route).any(|rule| lifted::leads(rule, local)) {
        return Some(format!(
            "{KIND} {name} sends to Service {apex} by subsets or functions only, which its two halves do not have: name it \
             without subset and destinationSpec"
        ));
    }
    let models = upstream::models(route, names, exposure).into_iter();
    let mut missing = models.filter(|model| !exposure.models.contains_key(model));
    missing.next().map(|model| {
        format!(
            "{} {}/{}, whose settings those of the halves of Service {apex} are to have, is not there or may not be read: make \
             it, or name another in spec.upstreamRef or {KIND} {name}",
            model.resource.kind, model.namespace, model.name
        )
    })
}
