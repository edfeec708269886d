//! What a query may count that is not of the run it judges: told at apply, with what to write instead.

use crate::api::GoDuration;
use std::time::Duration;

/// Names of pods as Flagger's guides match them.
const FLAGGERS_PODS: &str = "-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)";
/// Ends of expressions that match whatever begins alike.
const ANYTHING: [&str; 4] = ["-.*", "-.+", ".*", ".+"];

/// What is wrong with a query in PromQL whose checks come every `interval`.
pub fn problems(query: &str, interval: Duration) -> Vec<String> {
    let mut found = Vec::new();
    let (plain, texts) = apart(query);
    if let Some(window) = windows(&plain).find(|window| length(window).is_none_or(|long| long > interval)) {
        found.push(format!(
            "[{window}] also counts what was before the run; write [{{{{ interval }}}}], which never does"
        ));
    }
    found.extend(texts.iter().find_map(|text| pods(text)));
    found
}

// An expression for pods that begins with the target's name.
fn pods(text: &str) -> Option<String> {
    let after = text.trim_start().strip_prefix("{{")?.trim_start_matches(['-', ' ']);
    let (action, rest) = after.split_once("}}")?;
    let target = action.trim_end_matches(['-', ' ']);
    if !matches!(target, "target" | "name") {
        return None;
    }
    if rest == FLAGGERS_PODS {
        return Some(format!(
            "{{{{ {target} }}}}-x-y matches pods of others; write \"{{{{ pods }}}}\""
        ));
    }
    ANYTHING
        .contains(&rest)
        .then(|| format!("{text:?} also matches primary; write \"{{{{ pods }}}}\""))
}

/// The query without its quoted texts, and these.
fn apart(query: &str) -> (String, Vec<String>) {
    let (mut plain, mut texts) = (String::new(), Vec::new());
    let mut quote: Option<(char, String)> = None;
    let mut characters = query.chars();
    while let Some(c) = characters.next() {
        match &mut quote {
            None if matches!(c, '"' | '\'' | '`') => quote = Some((c, String::new())),
            None => plain.push(c),
            Some((end, text)) if c == *end => {
                texts.push(std::mem::take(text));
                quote = None;
            }
            Some((end, text)) => {
                text.push(c);
                if c == '\\' && *end != '`' {
                    text.extend(characters.next());
                }
            }
        }
    }
    (plain, texts)
}

/// What stands between brackets and is a length of time, of a subquery its first part.
fn windows(plain: &str) -> impl Iterator<Item = &str> {
    let inside = plain.split('[').skip(1);
    let inside = inside.filter_map(|rest| Some(rest.split_once(']')?.0.split(':').next()?.trim()));
    inside.filter(|window| window.starts_with(|c: char| c.is_ascii_digit()))
}

/// `None` for what is longer than any spacing of checks (`1d`, `2w`), or cannot be read.
fn length(window: &str) -> Option<Duration> {
    GoDuration::parse(window).ok().map(GoDuration::to_std)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_windows_and_pods_by_the_targets_name_are_told() {
        let told = |query: &str| problems(query, Duration::from_secs(30)).len();
        for (query, expected) in [
            (r#"rate(x{a="b"}[{{ interval }}])"#, 0),
            (r#"rate(x{a=~"[0-9]+[5m]"}[30s])"#, 0),
            ("rate(x[1m])", 1),
            ("max_over_time(rate(x[{{interval}}])[1d:10s])", 1),
            (r#"x{pod=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}"#, 1),
            (r#"rate(x{pod=~"{{target}}-.*"}[5m])"#, 2),
            (r#"x{pod=~'{{- name -}}.+'}"#, 1),
            (
                r#"x{pod=~"{{ pods }}", job="{{ target }}", to=~"{{ target }}-primary-.*"}"#,
                0,
            ),
            (r#"x{a="\"[9m]"}"#, 0),
            (r#"x{a="open [9m]"#, 0),
        ] {
            assert_eq!(told(query), expected, "{query}");
        }
    }

    #[test]
    fn the_words_say_what_to_write() {
        let said = problems("rate(x{pod=~\"{{ target }}-.*\"}[5m])", Duration::from_secs(10));
        assert_eq!(
            said,
            [
                "[5m] also counts what was before the run; write [{{ interval }}], which never does",
                "\"{{ target }}-.*\" also matches primary; write \"{{ pods }}\"",
            ]
        );
    }
}
