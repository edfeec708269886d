//! Times and retries.

use super::version::Version;
use crate::api::canary::Retries;
use crate::api::duration::GoDuration;
use serde_json::{Map, Value, json};

/// The time for one attempt where none is said, and when there is another, which are Flagger's.
const ATTEMPT_MILLIS: u64 = 250;
const RETRY_ON: &str = "gateway-error";
/// What may be retried, by the list that it stands in.
const HTTP_EVENTS: [&str; 4] = ["server-error", "gateway-error", "client-error", "stream-error"];
const TCP_EVENTS: [&str; 1] = ["connection-error"];
const GRPC_EVENTS: [&str; 5] = [
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// A time in milliseconds; `None` for what is none.
pub(super) fn millis(text: &str) -> Option<u64> {
    let time = GoDuration::parse(text).ok()?.to_std();
    u64::try_from(time.as_millis()).ok()
}

/// A time in the words of the newer version.
pub(super) fn lasting(millis: u64) -> Value {
    json!({"unit": "ms", "value": millis})
}

/// The words of `retryOn` that stand in none of App Mesh's lists.
pub(super) fn unknown_events(of: &Retries, is_grpc: bool) -> impl Iterator<Item = &str> {
    retry_on(of).filter(move |event| !known_events(is_grpc).any(|known| known == *event))
}

/// All that may stand there.
pub(super) fn known_events(is_grpc: bool) -> impl Iterator<Item = &'static str> {
    let grpc = GRPC_EVENTS.into_iter().filter(move |_| is_grpc);
    HTTP_EVENTS.into_iter().chain(TCP_EVENTS).chain(grpc)
}

fn retry_on(of: &Retries) -> impl Iterator<Item = &str> {
    let said = of
        .retry_on
        .as_deref()
        .filter(|said| !said.is_empty())
        .unwrap_or(RETRY_ON);
    said.split(',').map(str::trim).filter(|event| !event.is_empty())
}

/// The policy in App Mesh's words.
pub(super) fn policy(version: Version, of: &Retries) -> Value {
    let attempts = of.attempts.map_or(1, |attempts| attempts.int().max(0));
    let time = of.per_try_timeout.as_deref().and_then(millis).unwrap_or(ATTEMPT_MILLIS);
    let mut said = Map::new();
    said.insert("maxRetries".to_owned(), json!(attempts));
    match version {
        Version::V1beta1 => said.insert("perRetryTimeoutMillis".to_owned(), json!(time)),
        Version::V1beta2 => said.insert("perRetryTimeout".to_owned(), lasting(time)),
    };
    let lists: [(&str, &[&str]); 3] = [
        ("httpRetryEvents", &HTTP_EVENTS),
        ("tcpRetryEvents", &TCP_EVENTS),
        ("grpcRetryEvents", &GRPC_EVENTS),
    ];
    for (list, known) in lists {
        let events: Vec<&str> = retry_on(of).filter(|event| known.contains(event)).collect();
        said.extend((!events.is_empty()).then(|| (list.to_owned(), json!(events))));
    }
    Value::Object(said)
}
