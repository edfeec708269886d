//! Session affinity, as users see it: who was told which cookie, and which versions they met afterwards.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use super::Scene;
use crate::load::{Record, Report};

/// The cookies that the status of a Canary has: the run's, and that of the run before.
pub async fn cookies(scene: &Scene, canary: &str) -> Result<(Option<String>, Option<String>)> {
    let found = scene.objects().canary(canary).await?.context("the canary")?;
    let of = |field: &str| found.0["status"][field].as_str().map(str::to_owned);
    Ok((of("sessionAffinityCookie"), of("previousSessionAffinityCookie")))
}

/// What each user asked, in order.
pub fn by_user(report: &Report) -> BTreeMap<u32, Vec<&Record>> {
    let mut users: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
    for record in report.records() {
        if let Some(user) = record.user {
            users.entry(user).or_default().push(record);
        }
    }
    users
}

/// The versions of that first answer and of what was asked after it had come: what was on its way before, on a busy machine,
/// had no cookie yet.
pub fn since_first<'a>(asked: &[&'a Record], is: impl Fn(&Record) -> bool) -> Vec<&'a str> {
    let came = |one: &Record| one.sent + one.took;
    let Some(first) = asked.iter().filter(|one| is(one)).min_by_key(|one| came(one)) else {
        return Vec::new();
    };
    let later = asked.iter().filter(|one| one.sent > came(first));
    [first]
        .into_iter()
        .chain(later)
        .filter_map(|one| one.version())
        .collect()
}

/// The users of a load whom that very `Set-Cookie` line was sent to.
pub fn users_told(report: &Report, line: &str) -> BTreeSet<Option<u32>> {
    let told = report
        .records()
        .iter()
        .filter(|record| record.set_cookies.iter().any(|told| **told == *line));
    told.map(|record| record.user).collect()
}
