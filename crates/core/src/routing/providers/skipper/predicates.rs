//! Skipper's predicates: which of the requests for its paths a second Ingress takes.

use crate::api::canary::{AnalysisMatch, StringMatch};

/// How many entries of a test are carried, each by an Ingress of its own: predicates are joined by "and" alone.
pub(super) const MOST: usize = 4;
/// Of two routes with one path Skipper asks that of more weight first, which is the number of its predicates and this.
const FIRST: &str = "Weight(100)";
const AND: &str = " && ";
/// What every request meets.
const EVERYBODY: &str = "True()";
/// What Flagger has an Ingress begin with that nobody is sent by.
const NOBODY: &str = "False()";

/// What comes first, `picked` and what the author of the Ingress asks of every request.
pub(super) fn before(picked: &str, users: Option<&str>) -> String {
    let users = users.map(str::trim).filter(|users| !users.is_empty());
    let all: Vec<&str> = [FIRST, picked].into_iter().chain(users).collect();
    all.join(AND)
}

/// Takes that many of a hundred requests, drawn by lot.
pub(super) fn share(percent: u8) -> String {
    match percent {
        100.. => EVERYBODY.to_owned(),
        _ => format!("Traffic(0.{percent:02})"),
    }
}

/// The share that a predicate takes; nothing where it takes another's, or by other means.
pub(super) fn share_of(predicate: &str) -> Option<u8> {
    let picked = predicate.strip_prefix(FIRST)?.strip_prefix(AND)?;
    if picked.starts_with(EVERYBODY) {
        return Some(100);
    }
    let (hundredths, _) = picked.strip_prefix("Traffic(0.")?.split_once(')')?;
    hundredths.parse().ok()
}

/// Whether nobody is sent by it.
pub(super) fn is_nobody(predicate: &str) -> bool {
    predicate.trim_start().starts_with(NOBODY)
}

/// Those who are named by the entries of `analysis.match`, an item for each. One that cannot be said exactly is left out:
/// admission refuses it, and never are more users sent to the canary than were named.
pub(super) fn named(matches: &[AnalysisMatch]) -> Vec<String> {
    matches.iter().take(MOST).filter_map(entry).collect()
}

fn entry(of: &AnalysisMatch) -> Option<String> {
    if of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty()) {
        return None;
    }
    let headers = of.headers.iter().flatten().map(|(name, value)| header(name, value));
    let queries = of.query_params.iter().flatten().map(|(name, value)| query(name, value));
    let all: Option<Vec<String>> = headers.chain(queries).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(AND))
}

fn header(name: &str, value: &StringMatch) -> Option<String> {
    let (form, text) = value.form()?;
    Some(match form {
        "exact" => call("Header", name, text),
        _ => call("HeaderRegexp", name, &expression(form, text)),
    })
}

fn query(name: &str, value: &StringMatch) -> Option<String> {
    let (form, text) = value.form()?;
    Some(call("QueryParam", name, &expression(form, text)))
}

// Skipper looks for an expression anywhere in a value.
fn expression(form: &str, text: &str) -> String {
    match form {
        "exact" => format!("^{}$", regex_syntax::escape(text)),
        "prefix" => format!("^{}", regex_syntax::escape(text)),
        "suffix" => format!("{}$", regex_syntax::escape(text)),
        _ => text.to_owned(),
    }
}

fn call(predicate: &str, name: &str, value: &str) -> String {
    format!("{predicate}({}, {})", quoted(name), quoted(value))
}

// A string of Skipper's ends at a quote that has no backslash before it, and two of these are one.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// Whether Skipper can read what an author asks of requests: predicates joined by "and". Of what it cannot read it heeds
/// nothing at all.
pub(super) fn are_readable(text: &str) -> bool {
    let mut rest = text.trim();
    if rest.is_empty() {
        return true;
    }
    while let Some(after) = one(rest) {
        let after = after.trim_start();
        if after.is_empty() {
            return true;
        }
        let Some(next) = after.strip_prefix("&&") else {
            return false;
        };
        rest = next.trim_start();
    }
    false
}

// What follows the predicate that a text begins with.
fn one(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some(rest);
    }
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let rest = text.trim_start_matches(is_name);
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let mut rest = rest.trim_start().strip_prefix('(').filter(|_| begins)?;
    loop {
        let end = rest.find(['"', '`', '/', ')'])?;
        let (_, found) = rest.split_at_checked(end)?;
        let mut letters = found.chars();
        let delimiter = letters.next()?;
        if delimiter == ')' {
            return Some(letters.as_str());
        }
        rest = quote(letters.as_str(), delimiter)?;
    }
}

// What follows a text that ends at its delimiter, but for one behind a backslash.
fn quote(text: &str, delimiter: char) -> Option<&str> {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            _ if letter == delimiter => return Some(letters.as_str()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_skipper_cannot_read_is_known() {
        for fine in [
            "",
            " ",
            "Method(\"GET\")",
            "*",
            "Path(\"/a)\") && Header(\"x\", \"\\\")\")",
            "PathRegexp(/^\\/(a|b)$/)&&True()",
            "Weight(7) && QueryParam(`a\"b`)",
        ] {
            assert!(are_readable(fine), "{fine}");
        }
        for wrong in [
            "Method(\"GET\") &&",
            "&& True()",
            "Method(\"GET)",
            "Method",
            "True() True()",
            "True() || False()",
            "(1)",
        ] {
            assert!(!are_readable(wrong), "{wrong}");
        }
    }
}
