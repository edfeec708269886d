//! The functions of templates: Go's own, where they make or compare text with a price, and the names we give.

use super::budget::{Budget, arity, capped, exec, size};
use super::compare;
use crate::api::limits;
use gotmpl::{Template, TemplateError, Value, html_escape, js_escape, url_encode};
use std::fmt::Write;
use std::sync::OnceLock;

/// The functions Go's text/template has of its own.
const GO: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];
/// Most arguments of one call of printf.
const ARGUMENTS: usize = 64;
/// The shortest templates that call printf, by how many arguments they hand on. A loop calls it often, and reading them takes
/// longer than what they do.
static PRINTF: [OnceLock<Template>; ARGUMENTS + 1] = [const { OnceLock::new() }; ARGUMENTS + 1];
/// Bytes a directive of printf may add besides the text it prints: a float has up to 309 digits before its point.
const DIRECTIVE: usize = 512;
/// Bytes one byte of text may become: `\U0010ffff`.
const QUOTED: usize = 10;

/// Whether Go has it.
pub(super) fn is_go(name: &str) -> bool {
    GO.contains(&name)
}

/// The template with each of `named` as a function without arguments, and functions that pay.
pub(super) fn given(mut template: Template, named: &[(&'static str, Value)]) -> Template {
    let budget = Budget::default();
    for (name, compare) in compare::ALL {
        let budget = budget.clone();
        template = template.func(name, move |arguments| {
            budget.pay(arguments, 0)?;
            compare(arguments).map(Value::Bool)
        });
    }
    for (name, value) in named {
        let (name, value) = (*name, value.clone());
        template = template.func(name, move |arguments| {
            (arguments.is_empty())
                .then(|| value.clone())
                .ok_or_else(|| arity(name, 0, arguments))
        });
    }
    texts(slices(template, &budget), &budget)
}

/// What makes a text safe in one language.
type Escape = fn(&str) -> String;

fn texts(template: Template, budget: &Budget) -> Template {
    let [print, println, printf] = [(); 3].map(|()| budget.clone());
    let escaping: [(&'static str, Escape); 3] = [
        ("html", |s| html_escape(s)),
        ("js", |s| js_escape(s)),
        ("urlquery", |s| url_encode(s)),
    ];
    let template = template
        .func("print", move |arguments| joined(&print, arguments, ""))
        .func("println", move |arguments| joined(&println, arguments, "\n"))
        .func("printf", move |arguments| formatted(&printf, arguments));
    escaping.into_iter().fold(template, |template, (name, escape)| {
        let budget = budget.clone();
        template.func(name, move |arguments| {
            let [value] = arguments else {
                return Err(arity(name, 1, arguments));
            };
            budget.pay(arguments, size(value).saturating_mul(QUOTED))?;
            let plain = match value {
                Value::Nil => "<no value>".to_owned(),
                other => other.to_string(),
            };
            capped(escape(&plain))
        })
    })
}

/// Only `slice` copies text; `index`, `len`, `and`, `or` and `not` hand on what is there.
fn slices(template: Template, budget: &Budget) -> Template {
    let budget = budget.clone();
    template.func("slice", move |arguments| {
        budget.pay(arguments, arguments.first().map_or(0, size))?;
        let at = |index: usize| match arguments.get(index) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some(*n)),
            Some(other) => Err(exec(format!("slice: index must be integer, got {}", other.type_name()))),
        };
        match arguments {
            [value, rest @ ..] if rest.len() <= 2 => value.slice(at(1)?, at(2)?),
            _ => Err(arity("slice", 3, arguments)),
        }
    })
}

/// Go's `print`, which puts a space between two values of which neither is text, and `println`, which puts one everywhere.
fn joined(budget: &Budget, arguments: &[Value], end: &str) -> Result<Value, TemplateError> {
    budget.pay(
        arguments,
        arguments.iter().map(size).fold(arguments.len(), usize::saturating_add),
    )?;
    let mut out = String::new();
    let mut before: Option<&Value> = None;
    for value in arguments {
        let is_text = |value: &Value| matches!(value, Value::String(_));
        if before.is_some_and(|before| !end.is_empty() || !(is_text(before) || is_text(value))) {
            out.push(' ');
        }
        write!(out, "{value}").map_err(|_| TemplateError::Write)?;
        before = Some(value);
    }
    out.push_str(end);
    capped(out)
}

fn formatted(budget: &Budget, arguments: &[Value]) -> Result<Value, TemplateError> {
    let longest = match arguments {
        [Value::String(format), values @ ..] => length(format, values),
        _ => 0,
    };
    budget.pay(arguments, longest)?;
    capped(sprintf(arguments)?)
}

/// Most bytes that this format makes: each directive may print the longest value, in full width.
fn length(format: &str, values: &[Value]) -> usize {
    let longest = values.iter().map(size).max().unwrap_or(0);
    let each = longest.saturating_mul(QUOTED).saturating_add(DIRECTIVE);
    let mut total = format.len();
    let mut number = 0usize;
    for byte in format.bytes() {
        match byte {
            b'%' => total = total.saturating_add(each),
            // A width that comes as an argument may be any.
            b'*' => total = total.saturating_add(usize::from(u16::MAX)),
            b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
                continue;
            }
            _ => {}
        }
        total = total.saturating_add(number);
        number = 0;
    }
    total.saturating_add(number)
}

/// The engine's own printf. It keeps it to itself, so it is asked by a template that calls it.
fn sprintf(arguments: &[Value]) -> Result<String, TemplateError> {
    let mut out = super::Bounded(String::new());
    let list = Value::List(arguments.to_vec().into());
    match handing_on(arguments)?.execute_fmt(&mut out, &list) {
        Err(TemplateError::Write) => Err(exec(format!("a value is longer than {} bytes", limits::TEMPLATE_VALUE))),
        done => done.map(|()| out.0),
    }
}

/// The template that calls printf with as many arguments.
fn handing_on(arguments: &[Value]) -> Result<&'static Template, TemplateError> {
    let known = PRINTF.get(arguments.len());
    let known = known.ok_or_else(|| arity("printf", ARGUMENTS, arguments))?;
    if let Some(template) = known.get() {
        return Ok(template);
    }
    let mut source = "{{printf".to_owned();
    for index in 0..arguments.len() {
        write!(source, " (index . {index})").map_err(|_| TemplateError::Write)?;
    }
    source.push_str("}}");
    let template = Template::new("printf").parse(&source)?;
    Ok(known.get_or_init(|| template))
}
