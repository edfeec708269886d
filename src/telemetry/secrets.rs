//! What must not be read in logs and events: the webhook's paths, which only API servers know.
//!
//! When the API server cannot reach an entry that fails closed, its error has the whole URL, and it is sent to whoever made
//! the request. When this program made it, the error must not reach a log or an event.

use crate::api::entry::Entry;
use std::borrow::Cow;

/// What stands where a token stood.
const INSTEAD: &str = "...";
/// Characters of a token.
const TOKEN: usize = 64;

/// `text` without the secret part of any path of ours.
pub fn without_paths(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for entry in Entry::ALL {
        let path = format!("/{}/", entry.as_str());
        if clean.contains(&path) {
            clean = Cow::Owned(cut(&clean, &path));
        }
    }
    clean
}

fn cut(text: &str, path: &str) -> String {
    let mut parts = text.split(path);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(path);
        let token = part.chars().take_while(char::is_ascii_hexdigit).count();
        match part.get(token..) {
            Some(rest) if token >= TOKEN => clean.extend([INSTEAD, rest]),
            _ => clean.push_str(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::bootstrap::paths::Paths;

    #[test]
    fn a_path_in_an_error_of_the_api_server_loses_its_token_and_nothing_else_does() {
        let paths = Paths::random().unwrap();
        for entry in Entry::ALL {
            let path = paths.path(entry);
            let said = format!("Post \"https://x.y.svc:443{path}?timeout=5s\": refused; {path}");
            let name = entry.as_str();
            let expected = format!("Post \"https://x.y.svc:443/{name}/...?timeout=5s\": refused; /{name}/...");
            assert_eq!(without_paths(&said), expected);
        }
        let digest = "a".repeat(64);
        for kept in [
            "",
            "nothing of ours",
            "docs/hold-services/abc is a file",
            &format!("image@sha256:{digest}"),
            &format!("/other/{digest}"),
        ] {
            assert_eq!(without_paths(kept), kept);
        }
    }
}
