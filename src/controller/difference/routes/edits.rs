//! What is written to a route of somebody's own: the fields that carry traffic, and nothing else.

use crate::{
    controller::{difference::patch, difference::write::Write, watch::informers::cache::Kind},
    patches,
    routing::{self, Names},
};
use serde_json::Value;

/// The objects of a route after `change` of each pair of Services that it names; nothing when it names none.
pub(super) fn over(
    route: &Value,
    split: &[&Names],
    change: impl Fn(&[Value], &Names) -> Vec<Value>,
) -> Option<Vec<Value>> {
    let mut named = split.iter().filter(|names| routing::refers_to(route, names)).peekable();
    named.peek()?;
    Some(named.fold(vec![route.clone()], |objects, names| change(&objects, names)))
}

/// The write after which `route` is as its author means it; nothing when it is so already.
pub(in crate::controller::difference) fn folded(route: &Value, split: &[&Names]) -> Option<Write> {
    changed(route, &authored(route, split)?)
}

/// `route` as its author means it; nothing when it names none of the pairs.
pub(super) fn authored(route: &Value, split: &[&Names]) -> Option<Value> {
    let kind = routing::kind_of(route)?;
    let fold = |objects: &[Value], names: &Names| objects.iter().map(|one| kind.folded(one, names)).collect();
    over(route, split, fold)?.into_iter().next()
}

/// The write that makes the fields we have in `route` those of `wanted`.
pub(super) fn changed(route: &Value, wanted: &Value) -> Option<Write> {
    let kind = routing::kind_of(route)?;
    let differs = |field: &&&str| route.pointer(field) != wanted.pointer(field);
    let edited = |field: &&'static str| {
        let place = || field.split('/').skip(1);
        match (route.pointer(field), wanted.pointer(field)) {
            (Some(_), Some(value)) => patches::replace(place(), value.clone()),
            (None, Some(value)) => patches::add(place(), value.clone()),
            (_, None) => patches::remove(place()),
        }
    };
    let mut operations: Vec<_> = kind.fields().iter().filter(differs).map(edited).collect();
    operations.extend(patches::metadata(route, "annotations", &routing::notes(kind, wanted)));
    if operations.is_empty() {
        return None;
    }
    // The generation, not the resourceVersion: gateways write a route's status at any time, which is no edit.
    let generation = route.pointer("/metadata/generation").cloned().unwrap_or_default();
    operations.insert(0, patches::test(["metadata", "generation"], generation));
    Some(patch(Kind::Route(kind.resource()), route, operations))
}
