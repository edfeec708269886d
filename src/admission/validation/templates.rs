//! Looking into Go templates without rendering them.

use gotmpl::parse::{BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, Parser, PipeNode};
use std::collections::BTreeSet;

/// Functions of metric queries.
pub(super) const QUERY: [&str; 9] = [
    "name",
    "namespace",
    "target",
    "service",
    "ingress",
    "route",
    "pods",
    "interval",
    "variables",
];
/// Go's own functions.
const BUILTIN: [&str; 19] = [
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "call", "eq",
    "ne", "lt", "le", "gt", "ge",
];
/// Follows every source: at a stray `{{ end }}` the parser stops without a word, and this is missing then.
const END: &str = "\u{0}";

/// What a template names.
#[derive(Debug, Default)]
pub(super) struct Named {
    functions: BTreeSet<String>,
    /// Keys taken of `variables`.
    pub variables: BTreeSet<String>,
    refused: Option<&'static str>,
}

/// Reads a template; says what is wrong with it when it names others than `functions` and Go's own.
pub(super) fn inspect(source: &str, functions: &[&str]) -> Result<Named, String> {
    let parse = |source: &str| {
        Parser::new(source, "{{", "}}")
            .and_then(Parser::parse)
            .map_err(|e| e.to_string())
    };
    parse(source)?;
    let (tree, defines) = parse(&format!("{source}{END}"))?;
    let complete = matches!(tree.nodes.last(), Some(Node::Text(text)) if text.text.ends_with(END));
    if defines.is_empty() && !complete {
        return Err("unexpected {{end}}".into());
    }
    let mut named = Named::default();
    named.defines(&defines);
    named.list(&tree);
    if let Some(word) = named.refused {
        return Err(format!("{word} is not allowed; use if, with, range and printf"));
    }
    let known = |name: &&String| functions.contains(&name.as_str()) || BUILTIN.contains(&name.as_str());
    match named.functions.iter().find(|name| !known(name)) {
        Some(name) => Err(format!(
            "function {name:?} not defined; functions: {}",
            functions.join(" ")
        )),
        None => Ok(named),
    }
}

impl Named {
    fn defines(&mut self, defines: &[DefineNode]) {
        if !defines.is_empty() {
            self.refused = Some("define");
        }
    }

    fn list(&mut self, list: &ListNode) {
        for node in &list.nodes {
            match node {
                Node::List(list) => self.list(list),
                Node::Action(action) => self.pipe(&action.pipe),
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
                Node::Template(_) => self.refused = Some("template"),
                Node::Define(_) => self.refused = Some("define"),
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn branch(&mut self, branch: &BranchNode) {
        self.pipe(&branch.pipe);
        self.list(&branch.body);
        if let Some(list) = &branch.else_body {
            self.list(list);
        }
    }

    fn pipe(&mut self, pipe: &PipeNode) {
        for command in &pipe.commands {
            self.index(command);
            for argument in &command.args {
                self.expression(argument);
            }
        }
    }

    /// `index variables "key"`.
    fn index(&mut self, command: &CommandNode) {
        if let [
            Expr::Identifier(_, index),
            Expr::Identifier(_, variables),
            Expr::String(_, key),
            ..,
        ] = command.args.as_slice()
            && index.as_str() == "index"
            && variables.as_str() == "variables"
        {
            self.variables.insert(key.to_string());
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Identifier(_, name) => {
                self.functions.insert(name.to_string());
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, fields) => {
                if let (Expr::Identifier(_, name), Some(key)) = (inner.as_ref(), fields.first())
                    && name.as_str() == "variables"
                {
                    self.variables.insert(key.to_string());
                }
                self.expression(inner);
            }
            _ => {}
        }
    }
}

/// The source with every `{{ action }}` replaced by a digit, to look at what stands around them.
pub(super) fn without_actions(source: &str) -> String {
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
