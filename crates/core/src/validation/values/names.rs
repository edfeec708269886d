//! Names and other short texts with a fixed form.

pub(in crate::validation) use crate::plan::enrolment::pairing::is_service_name;
use core::net::IpAddr;

/// Most bytes of a name that must still take `-primary` within 63.
pub(in crate::validation) const MAX_BASE: usize = 55;

fn alphanumeric_ends(text: &str) -> bool {
    let ok = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    ok(text.chars().next()) && ok(text.chars().next_back())
}

/// DNS-1123 label: at most 63 of a-z, 0-9, `-`, with letters or digits at the ends.
pub(in crate::validation) fn is_label(text: &str) -> bool {
    text.len() <= 63
        && alphanumeric_ends(text)
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// DNS-1123 subdomain: labels (of any length) joined by dots, at most 253.
pub(in crate::validation) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            alphanumeric_ends(part)
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
}

/// IANA service name: at most 15 of a-z, 0-9, `-`, with a letter, no `-` at the ends and no `--`.
pub(in crate::validation) fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_label(text) && !text.contains("--") && text.chars().any(|c| c.is_ascii_lowercase())
}

/// A host name, or `*`, or `*.` and a host name; never an address.
pub(in crate::validation) fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text).to_ascii_lowercase();
    text == "*" || (text.parse::<IpAddr>().is_err() && is_subdomain(&name))
}

/// A label or annotation key: an optional subdomain and `/`, then at most 63 characters.
pub(in crate::validation) fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key
        .rsplit_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

/// A label value: empty, or at most 63 of letters, digits, `-`, `_`, `.` with letters or digits at the ends.
pub(in crate::validation) fn is_label_value(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    text.len() <= 63
        && ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A token of HTTP: a header or cookie name.
pub(in crate::validation) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert!(is_label("a-1") && !is_label("a.b") && !is_label("-a") && !is_label("A") && !is_label(""));
        assert!(is_subdomain("a.b-c.d") && !is_subdomain("a..b") && !is_subdomain(""));
        assert!(is_service_name("a1") && !is_service_name("1a"));
        assert!(
            is_port_name("http-2") && !is_port_name("80") && !is_port_name("a--b") && !is_port_name("a234567890123456")
        );
    }

    #[test]
    fn hosts_may_be_wild_only_at_the_front() {
        assert!(is_host("*") && is_host("*.example.com") && is_host("App.example.com") && is_host("podinfo"));
        assert!(!is_host("a.*.com") && !is_host("10.0.0.1") && !is_host("::1") && !is_host("a_b") && !is_host("a:80"));
    }

    #[test]
    fn keys_and_values_follow_the_label_syntax() {
        assert!(is_qualified("app") && is_qualified("example.com/a_b.c") && is_label_value(""));
        assert!(
            !is_qualified("a/b/c") && !is_qualified("example.com/") && !is_qualified("a b") && !is_label_value("-a")
        );
    }
}
