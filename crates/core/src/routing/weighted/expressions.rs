//! Regular expressions (RE2) that say the same to a data plane that searches (Traefik) and to one that compares the whole
//! value (Envoy).

/// What begins with `text`.
pub(in crate::routing) fn beginning(text: &str) -> String {
    format!("^{}.*", escaped(text))
}

/// What ends with `text`.
pub(in crate::routing) fn ending(text: &str) -> String {
    format!(".*{}$", escaped(text))
}

/// A Cookie header with `cookie` (`name=value`), among others or alone.
pub(in crate::routing) fn with_cookie(cookie: &str) -> String {
    format!(r"^(.*;\s*)?{}(\s*;.*)?$", escaped(cookie))
}

fn escaped(text: &str) -> String {
    let special = |c: char| !c.is_ascii_alphanumeric() && c.is_ascii() && c != '_' && c != '-';
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}
