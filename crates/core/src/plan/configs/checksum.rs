//! What the data of a ConfigMap or Secret is worth, as Flagger sums it up.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Flagger's checksum of a ConfigMap or Secret: the first 8 bytes, in hex, of SHA-256 over `.data` as Go writes JSON.
/// `binaryData`, which Flagger does not look at, counts where there is any.
pub fn checksum(object: &Value) -> String {
    let mut sum = Sha256::new();
    match object.get("data").filter(|data| !data.is_null()) {
        Some(data) => go_json(data, &mut sum),
        None => sum.update("null"),
    }
    let binary = object.get("binaryData");
    if let Some(binary) = binary.filter(|b| b.as_object().is_some_and(|b| !b.is_empty())) {
        go_json(binary, &mut sum);
    }
    short(sum)
}

/// The first 8 bytes of SHA-256 of a text, in hex.
pub(in crate::plan) fn short_sha(text: &str) -> String {
    short(Sha256::new_with_prefix(text))
}

fn short(sum: Sha256) -> String {
    sum.finalize().iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

// A map of strings as `encoding/json` writes it: sorted, and safe to stand in HTML. It may have a megabyte, so it is
// written nowhere.
fn go_json(map: &Value, sum: &mut Sha256) {
    let sorted: BTreeMap<&String, &Value> = map.as_object().into_iter().flatten().collect();
    // What is written is text, and a hash takes all of it.
    let _ = serde_json::to_writer(Html(sum), &sorted);
}

struct Html<'a>(&'a mut Sha256);

impl std::io::Write for Html<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut rest = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        while let Some(at) = rest.find(special) {
            let (before, behind) = rest.split_at(at);
            self.0.update(before);
            let mut characters = behind.chars();
            if let Some(c) = characters.next() {
                self.0.update(format!("\\u{:04x}", u32::from(c)));
            }
            rest = characters.as_str();
        }
        self.0.update(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
