//! Flagger's queries are Go `text/template`s over a handful of functions. This is the one place that knows which engine
//! reads and renders them, for the admission webhook and the controller alike: queries, alert texts and host names.
//!
//! The engine is given nothing whose cost it does not bound itself. A source is measured before it is parsed (its parser
//! goes one level down the stack for each `else if`); what was parsed is counted, and so many passes of its loops are
//! allowed as keep the steps under [`limits::TEMPLATE_STEPS`]; each of Go's functions that makes or compares text is ours,
//! and pays from a budget before it works. So a template ends after a number of steps that the same text always has, and
//! no clock is needed.

use crate::api::limits;
use gotmpl::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

mod budget;
mod compare;
mod functions;
mod parse;

pub use parse::{ParseError, Parsed, parse};

/// The functions of metric queries, each without arguments.
pub const QUERY: [&str; 9] = [
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
/// Follows every source: at a stray `{{ end }}` the engine stops and forgets the rest, where Go refuses.
const END: char = '\u{0}';
/// Longest text of an error, in characters; the engine quotes values.
const ERROR_CHARS: usize = 256;

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
    /// `routeRef.name`, else the target; where revisions have names, the newest.
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
    /// It is not a template that can be rendered.
    #[error("template parsing failed: {0}")]
    Parse(#[from] ParseError),
    /// It names a key or a field that is not there, misuses a function, or costs too much.
    #[error("template execution failed: {0}")]
    Execute(String),
    /// The output is longer than [`limits::TEMPLATE_OUTPUT`].
    #[error("template execution failed: output is longer than {} bytes", limits::TEMPLATE_OUTPUT)]
    TooLong,
}

/// Renders `query` with `variables`.
///
/// # Errors
/// What is wrong with the template, or what it may not do.
pub fn render(query: &str, variables: &Variables) -> Result<String, RenderError> {
    // Dot is an empty map and not nil, so that `.Name` is the error it is in Go.
    execute(query, &values(variables), &Value::Map(Arc::default()))
}

fn values(v: &Variables) -> [(&'static str, Value); 9] {
    let entry = |(key, value): (&String, &String)| (Arc::from(key.as_str()), text(value));
    let all = Value::Map(Arc::new(v.variables.iter().map(entry).collect()));
    let [
        name,
        namespace,
        target,
        service,
        ingress,
        route,
        pods,
        interval,
        variables,
    ] = QUERY;
    [
        (name, text(&v.name)),
        (namespace, text(&v.namespace)),
        (target, text(&v.target)),
        (service, text(&v.service)),
        (ingress, text(&v.ingress)),
        (route, text(&v.route)),
        (pods, text(&v.pods)),
        (interval, text(&v.interval)),
        (variables, all),
    ]
}

/// A text as templates know it.
pub fn text(value: &str) -> Value {
    Value::String(Arc::from(value))
}

/// Renders `source` where each of `named` is a function that gives this text.
///
/// # Errors
/// What is wrong with the template, or what it may not do.
pub fn with_names(source: &str, named: &[(&'static str, &str)]) -> Result<String, RenderError> {
    let values: Vec<_> = named.iter().map(|(name, value)| (*name, text(value))).collect();
    execute(source, &values, &Value::Map(Arc::default()))
}

/// Renders `source` where each of `named` is a function without arguments, and dot is `dot`.
///
/// # Errors
/// What is wrong with the template, or what it may not do.
pub fn execute(source: &str, named: &[(&'static str, Value)], dot: &Value) -> Result<String, RenderError> {
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let parsed = parse(source, &names)?;
    let template = functions::given(parsed.template(), named);
    let mut output = Bounded(String::new());
    match template.execute_fmt(&mut output, dot) {
        Ok(()) => Ok(output.0.trim_end_matches(END).to_owned()),
        Err(gotmpl::TemplateError::Write) => Err(RenderError::TooLong),
        Err(error) => Err(RenderError::Execute(short(&error.to_string()))),
    }
}

fn short(text: &str) -> String {
    limits::shortened(text, ERROR_CHARS)
}

/// Text that refuses to grow beyond [`limits::TEMPLATE_OUTPUT`].
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len().saturating_add(text.len()) > limits::TEMPLATE_OUTPUT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
