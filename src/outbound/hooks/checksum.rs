//! The checksum in payloads: Flagger's, digit for digit, over our own template hashes.

use crate::api::Canary;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Kubernetes' letters for hashes that people read.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The checksum of a Canary's run, given the revision it applied.
pub fn run_checksum(canary: &Canary, last_applied: Option<&str>) -> String {
    let configs = canary.status.as_ref().and_then(|s| s.tracked_configs.as_ref());
    checksum(configs, last_applied.unwrap_or_default())
}

/// Constant for a revision and its configs; `last_applied` is `status.lastAppliedSpec`.
pub fn checksum(configs: Option<&BTreeMap<String, String>>, last_applied: &str) -> String {
    let mut text = String::from(
        "(struct { TrackedConfigs *map[string]string; LastAppliedSpec string })\
         {TrackedConfigs:(*map[string]string)",
    );
    match configs {
        None => text.push_str("<nil>"),
        Some(configs) => {
            let pairs: Vec<String> = configs.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            // Writing to a text cannot fail.
            let _ = write!(text, "map[{}]", pairs.join(" "));
        }
    }
    let _ = write!(text, " LastAppliedSpec:(string){last_applied}}}");
    let digits = fnv1a(text.as_bytes()).to_string();
    digits.bytes().map(letter).collect()
}

fn letter(digit: u8) -> char {
    let at = usize::from(digit) % LETTERS.len();
    LETTERS.get(at).copied().map_or('b', char::from)
}

fn fnv1a(bytes: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_flaggers() {
        let configs = ["a", "b"].iter().zip(["1", "2"]);
        let configs = configs.map(|(name, sum)| (format!("configmap/{name}"), sum.to_owned()));
        assert_eq!(checksum(Some(&configs.collect()), "64b9645444"), "764ff9596d");
    }

    #[test]
    fn it_tells_revisions_apart() {
        assert_ne!(checksum(None, "v1-a"), checksum(None, "v1-b"));
    }
}
