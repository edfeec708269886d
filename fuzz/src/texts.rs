//! Texts that are read on their own.

use coalmine_core::validation::{self, ClusterFacts};
use coalmine::api::{GoDuration, limits};
use coalmine_core::{metrics::prometheus, template};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

/// What a hook or an alert service says, for an event.
pub fn hook_answer(data: &[u8]) {
    let says = coalmine::foreign::Foreign::of_bytes(data).to_string();
    assert!(!says.chars().any(char::is_control), "{says:?}");
    assert!(says.chars().count() <= 1024);
}

/// An answer of Prometheus.
pub fn store_answer(data: &[u8]) {
    if let Ok(value) = prometheus::answer::value(data) {
        assert!(!value.is_nan());
    }
}
