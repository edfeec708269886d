//! How much of everything a user may write: one table for the schemas of our kinds, for the admission webhook and for the
//! controller, which may find an object that was stored before there were limits.
//!
//! Far above what anybody writes by hand, and low enough that no object costs more than its size. `docs/limits.md` shows
//! them to people; a test holds it to this file.

use std::time::Duration;

/// A text without a limit of its own: a channel, a reason, a host name, a value of a label. Characters.
pub const TEXT: usize = 1024;
/// A name of an object, a namespace, a metric or a hook.
pub const NAME: usize = 253;
/// An API version or a key of a map: a DNS name, `/` and a name.
pub const KEY: usize = 317;
/// A Go duration, a time zone.
pub const DURATION: usize = 64;
/// A cron schedule.
pub const SCHEDULE: usize = 256;
/// A JSONPath to the number in an answer.
pub const JSON_PATH: usize = 512;
/// A URL of a store, a hook or a receiver of alerts.
pub const URL: usize = 2048;
/// A value that requests are compared with, a regular expression, a header, a template variable. As Gateway API.
pub const VALUE: usize = 4096;
/// A query, a message template, a value of a hook's metadata, an annotation. For templates also bytes.
pub const TEMPLATE: usize = 8 * 1024;
/// A name of a cookie.
pub const COOKIE: usize = 256;

/// Entries of a list.
pub const ITEMS: usize = 64;
/// Entries of `stepWeights`: one for each percent.
pub const STEPS: usize = 100;
/// Entries of a map.
pub const PROPERTIES: usize = 64;
/// Labels or annotations.
pub const METADATA: usize = 128;
/// Bytes of JSON in the `spec` of a Canary, whose parts may each be within their limits and be many.
pub const SPEC: usize = 256 * 1024;
/// Bytes of JSON in a field whose schema is Kubernetes' own (`affinity`).
pub const FOREIGN: usize = 32 * 1024;

/// Bytes of a key of the Secret that a metrics store or an alert service is reached with.
pub const CREDENTIAL: usize = 8 * 1024;

/// Bytes of what a template gives.
pub const TEMPLATE_OUTPUT: usize = 64 * 1024;
/// Bytes of one value while a template runs.
pub const TEMPLATE_VALUE: usize = 64 * 1024;
/// Bytes of text all functions of one rendering read and make.
pub const TEMPLATE_WORK: usize = 1024 * 1024;
/// Steps of one rendering: texts, actions and the parts of these, in all passes of all loops.
pub const TEMPLATE_STEPS: u64 = 200_000;
/// Passes of all loops of one rendering, however short.
pub const TEMPLATE_PASSES: u64 = 10_000;
/// `else` in one template.
pub const TEMPLATE_ELSE: usize = 50;

/// Product of the counts of nested repetitions in a regular expression; RE2's own limit.
pub const REPETITIONS: u32 = 1000;

/// Further tries of a hook.
pub const HOOK_RETRIES: u32 = 10;
/// Time for one answer of a hook.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(3600);

/// What `docs/limits.md` shows.
pub const TABLE: [(&str, usize); 27] = [
    ("a text without a row of its own", TEXT),
    ("name of an object, a metric, a hook; namespace, kind", NAME),
    ("API version, key of a map", KEY),
    ("duration, time zone", DURATION),
    ("`schedule` of a freeze window", SCHEDULE),
    ("`jsonPath`", JSON_PATH),
    ("URL", URL),
    (
        "condition on a request, regular expression, header, template variable",
        VALUE,
    ),
    (
        "query, `body`, `messageTemplate`, value of a hook's `metadata`, annotation, scaler query",
        TEMPLATE,
    ),
    ("name of a cookie", COOKIE),
    ("entries of a list", ITEMS),
    ("entries of `stepWeights`", STEPS),
    ("entries of a map", PROPERTIES),
    ("labels, annotations", METADATA),
    ("bytes of `affinity` as JSON", FOREIGN),
    ("bytes of a Canary's `spec` as JSON", SPEC),
    ("bytes of a key of a Secret for metrics or alerts", CREDENTIAL),
    ("bytes of a template's source", TEMPLATE),
    ("`else` in a template", TEMPLATE_ELSE),
    ("bytes of a template's output", TEMPLATE_OUTPUT),
    ("bytes of one value in a template", TEMPLATE_VALUE),
    ("bytes that all functions of a template read and make", TEMPLATE_WORK),
    ("steps of a template", TEMPLATE_STEPS as usize),
    ("passes of all loops of a template", TEMPLATE_PASSES as usize),
    (
        "product of repeats within repeats of a regular expression",
        REPETITIONS as usize,
    ),
    ("retries of a hook", HOOK_RETRIES as usize),
    ("seconds for an answer of a hook", HOOK_TIMEOUT.as_secs() as usize),
];

/// Characters a text may have, by the name of its field; in a map by that of the map, in a list by that of the list.
pub fn text(field: &str) -> usize {
    match field {
        "name" | "namespace" | "kind" | "priorityClassName" | "sectionName" => NAME,
        "apiVersion" | "key" | "breakGlass" => KEY,
        "interval" | "timeout" | "backendTimeout" | "perTryTimeout" | "delay" | "minInterval" | "duration"
        | "timeZone" => DURATION,
        "schedule" => SCHEDULE,
        "jsonPath" => JSON_PATH,
        "url" | "address" | "proxy" | "metricsServer" => URL,
        "exact" | "prefix" | "suffix" | "regex" | "headers" | "add" | "set" | "templateVariables" => VALUE,
        "query" | "body" | "messageTemplate" | "metadata" | "annotations" | "primaryScalerQueries" => TEMPLATE,
        "cookieName" | "primaryCookieName" => COOKIE,
        _ => TEXT,
    }
}

/// Entries a list may have.
pub fn items(field: &str) -> usize {
    match field {
        "stepWeights" => STEPS,
        _ => ITEMS,
    }
}

/// Entries a map may have.
pub fn properties(field: &str) -> usize {
    match field {
        "labels" | "annotations" => METADATA,
        _ => PROPERTIES,
    }
}

/// The first `most` characters of a text, and `...` where there are more.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}
