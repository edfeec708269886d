//! Entries of a test, and in which order App Mesh looks at entries. The one with the lowest priority comes first; of the order
//! among equal ones, and of those without a priority, nothing is promised. So a test is placed right before the entry that it was
//! made from, which has to have a priority, and what leads elsewhere has to stand clear of both.

use super::conditions::{self, name};
use super::entries::{all, is_own, request, share, split};
use super::version::Version;
use crate::object::text;
use crate::routing::reference::{Local, with};
use crate::routing::{Exposure, Names, Weights};
use serde_json::{Value, json};

/// The least and the greatest that an entry before which there is room may have.
const PRIORITIES: std::ops::RangeInclusive<u64> = 1..=1000;

fn priority(entry: &Value) -> Option<u64> {
    entry.get("priority").and_then(Value::as_u64)
}

// The priority right before that of `base`.
fn before(base: &Value) -> Option<u64> {
    priority(base)?.checked_sub(1)
}

/// The entries of `tests` before their `base`; none where there is no room for them.
pub(super) fn tests(version: Version, base: &Value, tests: &[Vec<Value>], names: &Local<'_>) -> Vec<Value> {
    let Some(before) = before(base) else {
        return Vec::new();
    };
    let test = |(at, headers): (usize, &Vec<Value>)| {
        if conditions::exclude(version, base, headers) {
            return None;
        }
        let tested = conditions::besides(version, base, headers)?;
        let named = with(&tested, "name", json!(format!("{}-test-{}", name(base), at + 1)));
        Some(split(
            version,
            &with(&named, "priority", json!(before)),
            names,
            Weights::CANARY,
        ))
    };
    tests.iter().enumerate().filter_map(test).collect()
}

/// Whether `entry` is of a test that was made from `base`: an entry has no place for a mark, so all that we say of one is.
fn is_test_of(version: Version, entry: &Value, base: &Value, names: &Local<'_>) -> bool {
    let number = name(entry)
        .strip_prefix(name(base))
        .and_then(|rest| rest.strip_prefix("-test-"));
    let numbered = number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    numbered
        && before(base).is_some_and(|before| priority(entry) == Some(before))
        && share(version, entry, names) == Some(100)
        && [entry, base].into_iter().all(|one| is_own(version, one, names))
        && conditions::is_narrower(version, entry, base)
}

/// The entries as their author means them: without those of a test that we added.
pub(super) fn meant<'a>(version: Version, route: &'a Value, names: &Local<'_>) -> Vec<&'a Value> {
    let entries = all(route);
    let is_ours = |entry: &&Value| entries.iter().any(|base| is_test_of(version, entry, base, names));
    entries.iter().filter(|entry| !is_ours(entry)).collect()
}

/// Why a test by `exposure` has no place among the entries of `route`.
pub(super) fn conflict(version: Version, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let tests = conditions::of_analysis(&exposure.matches);
    if tests.is_empty() {
        return None;
    }
    let local = &Local::of(route, names);
    let requests = meant(version, route, local).into_iter();
    let requests = requests.filter(|entry| request(version, entry).is_some());
    let (own, others): (Vec<&Value>, Vec<&Value>) = requests.partition(|entry| is_own(version, entry, local));
    let of = |entry: &&Value| misplaced(entry, &others).or_else(|| full(version, entry, &tests));
    let why = own.iter().find_map(of)?;
    Some(format!(
        "{} {}, in which Service {} is to be tested, {why}",
        version.of_routes().kind,
        text(route, "/metadata/name"),
        names.apex
    ))
}

fn misplaced(entry: &Value, others: &[&Value]) -> Option<String> {
    let Some(own) = priority(entry).filter(|own| PRIORITIES.contains(own)) else {
        return Some(format!(
            "has no priority between {} and {} in route {}, right before which the test is placed: give it one, such as 20",
            PRIORITIES.start(),
            PRIORITIES.end(),
            name(entry)
        ));
    };
    let is_near = |other: &&&Value| priority(other).is_none_or(|theirs| [own - 1, own].contains(&theirs));
    let other = others.iter().find(is_near)?;
    Some(format!(
        "has a route {} that leads elsewhere, and a test is placed right before route {}, which has priority {own}: give {} one \
         below {} to go on coming first, or one above {own}",
        name(other),
        name(entry),
        name(other),
        own - 1
    ))
}

fn full(version: Version, entry: &Value, tests: &[Vec<Value>]) -> Option<String> {
    let fits = |test: &Vec<Value>| conditions::besides(version, entry, test).is_some();
    (!tests.iter().all(fits)).then(|| {
        format!(
            "has no room for the headers of match besides those of route {}: App Mesh compares {} at most",
            name(entry),
            conditions::MOST
        )
    })
}
