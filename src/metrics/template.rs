//! Flagger's queries are Go `text/template`s over a handful of functions; this is the one place that
//! knows which engine renders them, and it bounds what a template may cost.

use gotmpl::parse::Node;
use gotmpl::{MissingKey, Template, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

mod inspect;

/// Longest output in bytes; a query longer than this is a mistake or an attack.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// Most iterations of all `range`s of one rendering.
const MAX_ITERATIONS: u64 = 10_000;
const ROOT: &str = "queryTemplate";
/// Follows every source: at a stray `{{ end }}` the engine stops and forgets the rest, where Go refuses.
const END: char = '\u{0}';

/// What a query template can name; each is a function without arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Name of the Canary.
    pub name: String,
    /// Namespace of the Canary.
    pub namespace: String,
    /// Name of the target.
    pub target: String,
    /// `service.name`, else the target.
    pub service: String,
    /// `ingressRef.name`, else the target.
    pub ingress: String,
    /// `routeRef.name`, else the target; for Knative the latest revision.
    pub route: String,
    /// A regular expression for the names of the pods of the revision under test.
    pub pods: String,
    /// The metric's interval, a Go duration as the user wrote it; while the run's traffic is younger, its age.
    pub interval: String,
    /// The metric's `templateVariables`.
    pub variables: BTreeMap<String, String>,
}

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It is not a template; the text has line and column.
    #[error("template parsing failed: {0}")]
    Parse(String),
    /// It uses what we refuse.
    #[error("template parsing failed: `{0}` is not supported in queries")]
    Refused(&'static str),
    /// It names a key or a field that is not there, or misuses a function.
    #[error("template execution failed: {0}")]
    Execute(String),
    /// The output is longer than [`MAX_OUTPUT`].
    #[error("template execution failed: output is longer than {MAX_OUTPUT} bytes")]
    TooLong,
}

/// Renders `query` with `variables`.
pub fn render(query: &str, variables: &Variables) -> Result<String, RenderError> {
    // Dot is an empty map and not nil, so that `.Name` is the error it is in Go.
    execute(query, &functions(variables), &Value::Map(Arc::default()))
}

/// Whether `query` is a template at all, with the functions that exist; for the admission check, which
/// has no values yet.
pub fn check_syntax(query: &str) -> Result<(), RenderError> {
    parse(query, &functions(&Variables::default())).map(drop)
}

fn functions(v: &Variables) -> [(&'static str, Value); 9] {
    let text = |value: &str| Value::String(Arc::from(value));
    let entry = |(key, value): (&String, &String)| (Arc::from(key.as_str()), text(value));
    [
        ("name", text(&v.name)),
        ("namespace", text(&v.namespace)),
        ("target", text(&v.target)),
        ("service", text(&v.service)),
        ("ingress", text(&v.ingress)),
        ("route", text(&v.route)),
        ("pods", text(&v.pods)),
        ("interval", text(&v.interval)),
        (
            "variables",
            Value::Map(Arc::new(v.variables.iter().map(entry).collect())),
        ),
    ]
}

/// Renders `source` where each of `functions` is a function without arguments. Also what alerts use for their text.
pub(crate) fn execute(source: &str, functions: &[(&'static str, Value)], dot: &Value) -> Result<String, RenderError> {
    let template = parse(source, functions)?;
    let mut output = Bounded(String::new());
    match template.execute_fmt(&mut output, dot) {
        Ok(()) => Ok(output.0.trim_end_matches(END).to_owned()),
        Err(gotmpl::TemplateError::Write) => Err(RenderError::TooLong),
        Err(error) => Err(RenderError::Execute(error.to_string())),
    }
}

fn parse(source: &str, functions: &[(&'static str, Value)]) -> Result<Template, RenderError> {
    let mut template = Template::new(ROOT)
        .missing_key(MissingKey::Error)
        .max_range_iters(MAX_ITERATIONS);
    for (name, value) in functions {
        let (name, value) = (*name, value.clone());
        template = template.func(name, move |arguments| match arguments {
            [] => Ok(value.clone()),
            more => Err(gotmpl::TemplateError::ArgCount {
                name: name.to_owned(),
                expected: 0,
                got: more.len(),
            }),
        });
    }
    let template = template
        .parse(&format!("{source}{END}"))
        .map_err(|e| RenderError::Parse(e.to_string()))?;
    // Named templates can call each other and themselves: text that grows without a loop in sight.
    if template.templates().into_iter().any(|name| name != ROOT) {
        return Err(RenderError::Refused("define"));
    }
    let names: Vec<&str> = functions.iter().map(|(name, _)| *name).collect();
    let tree = template.lookup(ROOT).ok_or(RenderError::Refused("define"))?;
    inspect::inspect(tree, &names)?;
    match tree.nodes.last() {
        Some(Node::Text(last)) if last.text.ends_with(END) => Ok(template),
        _ => Err(RenderError::Parse(format!("template: {ROOT}: unexpected {{{{end}}}}"))),
    }
}

/// Text that refuses to grow beyond [`MAX_OUTPUT`].
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_OUTPUT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
