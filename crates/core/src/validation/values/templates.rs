//! What validation says about Go templates.

use crate::api::limits;
use crate::template::{self, ParseError, Parsed};

/// Functions of metric queries.
pub(in crate::validation) use crate::template::QUERY;

/// Reads a template; says what is wrong with it when it names others than `functions` and Go's own.
pub(in crate::validation) fn inspect(source: &str, functions: &[&str]) -> Result<Parsed, String> {
    template::parse(source, functions).map_err(|error| match error {
        ParseError::TooLong => format!("longer than {} bytes", limits::TEMPLATE),
        ParseError::TooManyBranches => format!("more than {} times else; use templateVariables", limits::TEMPLATE_ELSE),
        ParseError::Syntax(text) => text.replacen("queryTemplate:", "", 1),
        ParseError::StrayEnd => "unexpected {{end}}".into(),
        ParseError::Refused(word) => format!("{word} is not allowed; use if, with, range and printf"),
        ParseError::Unknown { name, .. } => {
            format!("function {name:?} not defined; functions: {}", functions.join(" "))
        }
    })
}

/// The source with every `{{ action }}` replaced by a digit, to look at what stands around them.
pub(in crate::validation) fn without_actions(source: &str) -> String {
    let mut rest = source;
    let mut plain = String::with_capacity(source.len());
    while let Some((before, after)) = rest.split_once("{{") {
        plain.push_str(before);
        plain.push('0');
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_variables_are_found_in_both_forms() {
        let named = inspect(
            r#"{{ variables.a }} {{ index variables "b" | printf "%q" }} {{ if (eq variables.c "x") }}{{ end }}"#,
            &QUERY,
        );
        assert_eq!(
            named.unwrap().variables.into_iter().collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn what_is_no_template_is_said() {
        let problem = |source: &str| inspect(source, &QUERY).map(drop).unwrap_err();
        assert!(problem("{{ name").contains("unclosed action"), "{}", problem("{{ name"));
        assert_eq!(
            problem("{{ nam }}"),
            "function \"nam\" not defined; functions: name namespace target service ingress route pods interval variables"
        );
        assert_eq!(problem("a {{ end }} b"), "unexpected {{end}}");
        assert_eq!(
            problem(r#"{{ define "x" }}{{ end }}"#),
            "define is not allowed; use if, with, range and printf"
        );
        assert_eq!(
            problem(r#"{{ template "x" }}"#),
            "template is not allowed; use if, with, range and printf"
        );
    }

    #[test]
    fn actions_become_digits() {
        assert_eq!(
            without_actions(r#"{"a": {{ b }}, "c": "x{{ d }}"}"#),
            r#"{"a": 0, "c": "x0"}"#
        );
    }
}
