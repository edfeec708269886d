//! What APISIX makes of entries of ours beside the user's. Among those with the same path the one with the highest priority
//! comes first, so ours are placed right before the user's; what stands there already would be overtaken.

use super::companion::{SHARED, TESTED};
use super::{KIND, conditions, entries};
use crate::object::text;
use crate::routing::{Exposure, Names};
use serde_json::Value;

/// Why an entry of ours would take requests that another entry of `route` sends elsewhere.
pub(super) fn conflict(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let tests = conditions::of_analysis(&exposure.matches);
    let above = if tests.is_empty() { SHARED } else { TESTED };
    let (mine, others): (Vec<&Value>, Vec<&Value>) =
        entries::http(route).partition(|entry| entries::leads(entry, names));
    let (own, other) = mine.iter().find_map(|own| {
        let other = others.iter().find(|other| is_overtaken(other, own, above))?;
        Some((*own, *other))
    })?;
    let priority = entries::priority(own);
    Some(format!(
        "entry {} of {KIND} {} leads elsewhere by a path of entry {}, by which Service {} is released, and a release is placed \
         between the two: give it a priority of {} or more to go on coming first, or one below {priority}",
        text(other, "/name"),
        text(route, "/metadata/name"),
        text(own, "/name"),
        names.apex,
        priority.saturating_add(above).saturating_add(1),
    ))
}

fn is_overtaken(other: &Value, own: &Value, above: i64) -> bool {
    let (theirs, priority) = (entries::priority(other), entries::priority(own));
    let near = priority <= theirs && theirs <= priority.saturating_add(above);
    // The longest path comes first whatever its priority.
    let mut paths = entries::texts(own, "/match/paths");
    let same_path = paths.any(|path| entries::texts(other, "/match/paths").any(|one| one == path));
    let shared = |at: &str| may_share(own, other, at);
    near && same_path && shared("/match/hosts") && shared("/match/methods")
}

// Whether two lists, each of which means all where it is empty, may have something in common.
fn may_share(own: &Value, other: &Value, at: &str) -> bool {
    let own: Vec<&str> = entries::texts(own, at).collect();
    let other: Vec<&str> = entries::texts(other, at).collect();
    let any = |of: &[&str]| of.is_empty() || of.iter().any(|text| text.contains('*'));
    any(&own) || any(&other) || own.iter().any(|text| other.contains(text))
}
