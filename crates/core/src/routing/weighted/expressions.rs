//! Regular expressions (RE2) that say the same to a data plane that searches (Traefik) and to one that compares the whole
//! value (Envoy).

use regex::bytes::RegexBuilder;
use regex_syntax::ast::parse::Parser;

/// The most memory that an expression of somebody's may take to be compared, in bytes.
const MOST: usize = 1 << 20;

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

/// Whether `text` as a whole meets `expression`, so whoever searches finds it as well. What cannot be read is met by nothing.
pub(in crate::routing) fn covers(expression: &str, text: &str) -> bool {
    // One that is none by itself may be one between brackets.
    if Parser::new().parse(expression).is_err() {
        return false;
    }
    // RE2's classes are of ASCII.
    let whole = RegexBuilder::new(&format!(r"\A(?:{expression})\z"))
        .unicode(false)
        .size_limit(MOST)
        .build();
    whole.is_ok_and(|whole| whole.is_match(text.as_bytes()))
}

fn escaped(text: &str) -> String {
    let special = |c: char| !c.is_ascii_alphanumeric() && c.is_ascii() && c != '_' && c != '-';
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_covers_what_meets_it_as_a_whole() {
        for (expression, text, covered) in [
            (".+", "insider", true),
            (".+", "", false),
            ("in.*", "insider", true),
            ("^in.*", "insider", true),
            ("side", "insider", false),
            ("a|b", "ab", false),
            ("a)|(?:b", "b", false),
            ("(", "(", false),
            (r"\d+", "12", true),
            ("(?i)YES", "yes", true),
            ("(?:a{1000}){1000}{1000}", "a", false),
        ] {
            assert_eq!(covers(expression, text), covered, "{expression} {text}");
        }
        assert!(covers(&beginning("a.b"), "a.b/c") && !covers(&beginning("a.b"), "axb"));
        assert!(covers(&with_cookie("canary=1"), "a=b; canary=1"));
    }
}
