//! What this pod was asked. A gateway throws the answers to mirrored requests away, so only the pod can tell
//! that it got them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

/// How many different pairs of host and path are told apart; a scanner must not fill the memory.
const MOST: usize = 1000;
/// The host and path under which requests beyond that are counted.
const OTHER: &str = "*";

/// Counts by `Host` header and first segment of the path, of all requests that arrived, answered or not.
#[derive(Default)]
pub struct Received(Mutex<BTreeMap<(String, String), u64>>);

impl Received {
    /// Counts a request on its arrival.
    pub fn count(&self, host: &str, path: &str) {
        let key = (host.to_owned(), prefix(path));
        let mut counts = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = counts.len() < MOST || counts.contains_key(&key);
        let key = if known {
            key
        } else {
            (OTHER.to_owned(), OTHER.to_owned())
        };
        *counts.entry(key).or_default() += 1;
    }

    /// A JSON list of `{"host", "path", "count"}`.
    pub fn tell(&self) -> Value {
        let counts = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let tell =
            |((host, path), count): (&(String, String), &u64)| json!({"host": host, "path": path, "count": count});
        counts.iter().map(tell).collect()
    }
}

/// `/a/b/c` is counted under `/a`.
fn prefix(path: &str) -> String {
    format!("/{}", path.split('/').nth(1).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_host_and_first_segment() {
        let received = Received::default();
        for (host, path) in [
            ("a", "/"),
            ("a", "/"),
            ("a", "/status/200"),
            ("a", "/status/500"),
            ("b", "/"),
        ] {
            received.count(host, path);
        }
        let told = json!([
            {"host": "a", "path": "/", "count": 2},
            {"host": "a", "path": "/status", "count": 2},
            {"host": "b", "path": "/", "count": 1},
        ]);
        assert_eq!(received.tell(), told);
    }

    #[test]
    fn what_is_new_beyond_the_bound_is_counted_together() {
        let received = Received::default();
        for number in 0..MOST + 5 {
            received.count("a", &format!("/{number}"));
        }
        received.count("a", "/0");
        let told = received.tell();
        let of = |path: &str| told.as_array()?.iter().find(|line| line["path"] == path)?["count"].as_u64();
        assert_eq!(of("/0"), Some(2));
        assert_eq!(of(OTHER), Some(5));
    }
}
