//! Reading a template: the only way to the engine's parser.

use super::{END, QUERY, functions, short};
use crate::api::limits;
use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode};
use gotmpl::{MissingKey, Template};
use std::collections::BTreeSet;

const ROOT: &str = "queryTemplate";
/// Each `{{ else if }}` is one more level of the engine's parser, and each needs this word.
const CHAIN: &str = "else";

/// Why a text is no template of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than [`limits::TEMPLATE`].
    #[error("longer than {} bytes", limits::TEMPLATE)]
    TooLong,
    /// More of these than [`limits::TEMPLATE_ELSE`].
    #[error("more than {} times {CHAIN:?}", limits::TEMPLATE_ELSE)]
    TooManyBranches,
    /// It is not a template; the text has line and column.
    #[error("{0}")]
    Syntax(String),
    /// An `{{ end }}` that ends nothing.
    #[error("template: {ROOT}: unexpected {{{{end}}}}")]
    StrayEnd,
    /// It uses what we refuse.
    #[error("`{0}` is not supported in queries")]
    Refused(&'static str),
    /// A function that is neither Go's nor one of those given; its name and line.
    #[error("template: {ROOT}:{line}: function {name:?} not defined")]
    Unknown {
        /// Name of the function.
        name: String,
        /// Where it stands.
        line: usize,
    },
}

/// A template that was read and looked through.
pub struct Parsed {
    template: Template,
    /// Keys taken of `variables`.
    pub variables: BTreeSet<String>,
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parsed")
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}

impl Parsed {
    pub(super) fn template(self) -> Template {
        self.template
    }
}

/// Reads `source`, which may call `named` (without arguments) and Go's own functions.
///
/// # Errors
/// What is wrong with it. Go finds unknown functions when it parses; the engine only when it gets there, which in a
/// branch rarely taken may be the night of the incident, so they are looked for here.
pub fn parse(source: &str, named: &[&str]) -> Result<Parsed, ParseError> {
    if source.len() > limits::TEMPLATE {
        return Err(ParseError::TooLong);
    }
    if source.matches(CHAIN).count() > limits::TEMPLATE_ELSE {
        return Err(ParseError::TooManyBranches);
    }
    let template = Template::new(ROOT)
        .missing_key(MissingKey::Error)
        .parse(&format!("{source}{END}"))
        .map_err(|error| ParseError::Syntax(short(&plain_error(source).unwrap_or_else(|| error.to_string()))))?;
    // Named templates can call each other and themselves: text that grows without a loop in sight.
    if template.templates().into_iter().any(|name| name != ROOT) {
        return Err(ParseError::Refused("define"));
    }
    let mut seen = Seen {
        named,
        steps: 0,
        variables: BTreeSet::new(),
    };
    let tree = template.lookup(ROOT).ok_or(ParseError::Refused("define"))?;
    seen.list(tree)?;
    if !matches!(tree.nodes.last(), Some(Node::Text(last)) if last.text.ends_with(END)) {
        return Err(ParseError::StrayEnd);
    }
    let Seen { steps, variables, .. } = seen;
    let passes = (limits::TEMPLATE_STEPS / steps.max(1)).clamp(1, limits::TEMPLATE_PASSES);
    Ok(Parsed {
        template: template.max_range_iters(passes),
        variables,
    })
}

/// What the engine says of the source alone; what follows it is not to be seen in an error.
fn plain_error(source: &str) -> Option<String> {
    Template::new(ROOT).parse(source).err().map(|error| error.to_string())
}

/// What was found on the way through the tree; it is as deep as the engine's parser lets it be.
struct Seen<'a> {
    named: &'a [&'a str],
    /// Most steps of one pass over everything.
    steps: u64,
    variables: BTreeSet<String>,
}

impl Seen<'_> {
    fn list(&mut self, list: &ListNode) -> Result<(), ParseError> {
        list.nodes.iter().try_for_each(|node| {
            self.steps = self.steps.saturating_add(1);
            match node {
                Node::Template(_) => Err(ParseError::Refused("template")),
                Node::Define(_) => Err(ParseError::Refused("define")),
                Node::List(inner) => self.list(inner),
                Node::Action(action) => self.pipe(&action.pipe),
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
            }
        })
    }

    fn branch(&mut self, branch: &BranchNode) -> Result<(), ParseError> {
        self.pipe(&branch.pipe)?;
        self.list(&branch.body)?;
        branch.else_body.as_ref().map_or(Ok(()), |list| self.list(list))
    }

    fn pipe(&mut self, pipe: &PipeNode) -> Result<(), ParseError> {
        pipe.commands.iter().try_for_each(|command| {
            self.index(command);
            command.args.iter().try_for_each(|argument| self.expression(argument))
        })
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
            && is_variables(variables)
        {
            self.variables.insert(key.to_string());
        }
    }

    fn expression(&mut self, expression: &Expr) -> Result<(), ParseError> {
        self.steps = self.steps.saturating_add(1);
        match expression {
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, fields) => {
                if let (Expr::Identifier(_, name), Some(key)) = (inner.as_ref(), fields.first())
                    && is_variables(name)
                {
                    self.variables.insert(key.to_string());
                }
                self.expression(inner)
            }
            Expr::Identifier(at, name) => {
                let name = name.as_str();
                if functions::is_go(name) || self.named.contains(&name) {
                    return Ok(());
                }
                Err(ParseError::Unknown {
                    name: short(name),
                    line: at.line,
                })
            }
            _ => Ok(()),
        }
    }
}

fn is_variables(name: &str) -> bool {
    QUERY.last().is_some_and(|variables| *variables == name)
}
