//! A look at a parsed template before it runs. Go finds unknown functions when it parses; the engine
//! only when it gets there, which in a branch rarely taken may be the night of the incident.

use super::{ROOT, RenderError};
use gotmpl::parse::{Expr, ListNode, Node, PipeNode};

/// The functions Go's text/template has of its own.
const GO_FUNCTIONS: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Refuses calls of named templates and of functions other than Go's and `ours`.
pub fn inspect(list: &ListNode, ours: &[&str]) -> Result<(), RenderError> {
    list.nodes.iter().try_for_each(|node| match node {
        Node::Template(_) => Err(RenderError::Refused("template")),
        Node::Define(_) => Err(RenderError::Refused("define")),
        Node::List(inner) => inspect(inner, ours),
        Node::Action(action) => inspect_pipe(&action.pipe, ours),
        Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
            inspect_pipe(&branch.pipe, ours)?;
            inspect(&branch.body, ours)?;
            branch.else_body.as_ref().map_or(Ok(()), |list| inspect(list, ours))
        }
        _ => Ok(()),
    })
}

fn inspect_pipe(pipe: &PipeNode, ours: &[&str]) -> Result<(), RenderError> {
    pipe.commands
        .iter()
        .flat_map(|command| &command.args)
        .try_for_each(|e| inspect_expr(e, ours))
}

fn inspect_expr(expr: &Expr, ours: &[&str]) -> Result<(), RenderError> {
    match expr {
        Expr::Pipe(_, pipe) => inspect_pipe(pipe, ours),
        Expr::Chain(_, inner, _) => inspect_expr(inner, ours),
        Expr::Identifier(at, name) => {
            let name = name.as_str();
            if GO_FUNCTIONS.contains(&name) || ours.contains(&name) {
                return Ok(());
            }
            let text = format!("template: {ROOT}:{}: function {name:?} not defined", at.line);
            Err(RenderError::Parse(text))
        }
        _ => Ok(()),
    }
}
