//! Texts that are read on their own.

use coalmine::api::{GoDuration, limits};
use coalmine::foreign::Foreign;
use coalmine::outbound::{Failure, alerts, hooks, said};
use coalmine_core::metrics::registry::STORES;
use coalmine_core::validation::{self, ClusterFacts};
use coalmine_core::{metrics::prometheus, template};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Statuses of answers; each of them is read otherwise than those beside it.
const STATUSES: [u16; 12] = [200, 202, 204, 302, 400, 404, 422, 429, 500, 501, 503, 999];
/// Longest that a hook's answer may have us wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}

/// Renders a query as the controller does; what it costs is bounded by whoever calls.
pub fn rendered(source: &str) {
    let long = |key: &str| (key.to_owned(), "v".repeat(limits::TEXT));
    let variables = template::Variables {
        name: "web".into(),
        interval: "1m".into(),
        variables: ["a", "b", "c"].map(long).into_iter().collect::<BTreeMap<_, _>>(),
        ..template::Variables::default()
    };
    if let Ok(text) = template::render(source, &variables) {
        assert!(text.len() <= limits::TEMPLATE_OUTPUT);
    }
}

/// A template.
pub fn template(data: &[u8]) {
    rendered(text(data));
    let _ = template::with_names(text(data), &[("name", "web"), ("namespace", "shop")]);
}

/// A Go duration: what is read is written so that it reads the same.
pub fn duration(data: &[u8]) {
    if let Ok(read) = GoDuration::parse(text(data)) {
        assert_eq!(GoDuration::parse(&read.to_string()), Ok(read));
        let _ = read.to_std();
    }
}

fn judged(mut canary: Value, pointer: &str, value: Value) {
    if let Some(place) = canary.pointer_mut(pointer) {
        *place = value;
    }
    validation::canary(&super::objects::read(canary), None, &ClusterFacts::default());
}

/// A regular expression for the data plane.
pub fn regex(data: &[u8]) {
    let users = json!([{"headers": {"cookie": {"regex": text(data)}}}]);
    let mut canary = super::samples::canary("web");
    canary["spec"]["analysis"]["match"] = Value::Null;
    judged(canary, "/spec/analysis/match", users);
}

/// A schedule of a freeze window.
pub fn schedule(data: &[u8]) {
    let mut policy = super::samples::policy();
    policy["spec"]["freezeWindows"] = json!([{"schedule": text(data), "duration": "1h", "timeZone": text(data)}]);
    validation::policy(&super::objects::read(policy), None, &ClusterFacts::default());
}

/// A text for an event.
fn is_sayable(says: &str) {
    assert!(!says.chars().any(char::is_control), "{says:?}");
    assert!(says.chars().count() <= 1024, "{says:?}");
}

/// What a failed call is told as.
fn is_bounded(heard: Result<(), Failure>) {
    match heard {
        Ok(()) => {}
        Err(Failure::Final(says)) => is_sayable(&says),
        Err(Failure::Passing(says, wait)) => {
            is_sayable(&says);
            assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
        }
    }
}

/// What a hook or an alert service answers, by each status. The first line is what its `Retry-After` says, too.
pub fn hook_answer(data: &[u8]) {
    let asks_for = text(data).lines().next();
    for code in STATUSES {
        let status = code.try_into().expect("a status");
        is_bounded(hooks::heard(status, asks_for, said(status, data)));
        for kind in [alerts::Kind::Slack, alerts::Kind::MsTeams] {
            is_bounded(alerts::heard(kind, status, data));
        }
    }
}

/// An answer of a metrics store, and its refusals.
pub fn store_answer(data: &[u8]) {
    if let Ok(value) = prometheus::answer::value(data) {
        assert!(!value.is_nan());
    }
    for store in STORES {
        let given = super::objects::read(json!({"type": store.requirements.name, "address": "http://store:9090"}));
        let Ok(store) = (store.make)(&given, None) else {
            continue;
        };
        for code in STATUSES {
            let status = code.try_into().expect("a status");
            if code >= 400 {
                is_sayable(&store.refused(status, &Foreign::of_bytes(data)).to_string());
            } else if let Err(why) = store.sample(status, data).and_then(|sample| sample.value()) {
                is_sayable(&why.to_string());
            }
        }
    }
}
