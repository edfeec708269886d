//! Go's comparisons. Templates make them in loops, and the engine keeps its own to itself, so these are ours.

use super::budget::{arity, exec};
use gotmpl::{TemplateError, Value};
use std::cmp::Ordering;

/// A function whose answer is a yes or a no.
pub(super) type Comparison = fn(&[Value]) -> Result<bool, TemplateError>;

/// All of them, by their names.
pub(super) const ALL: [(&str, Comparison); 6] = [
    ("eq", eq),
    ("ne", |arguments| two("ne", arguments, equal).map(|same| !same)),
    ("lt", |arguments| two("lt", arguments, order).map(Ordering::is_lt)),
    ("le", |arguments| two("le", arguments, order).map(Ordering::is_le)),
    ("gt", |arguments| two("gt", arguments, order).map(Ordering::is_gt)),
    ("ge", |arguments| two("ge", arguments, order).map(Ordering::is_ge)),
];

/// Whether the first equals any of the others.
fn eq(arguments: &[Value]) -> Result<bool, TemplateError> {
    let [first, others @ ..] = arguments else {
        return Err(arity("eq", 2, arguments));
    };
    if others.is_empty() {
        return Err(arity("eq", 2, arguments));
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `compare` makes of two arguments.
fn two<T>(
    name: &str,
    arguments: &[Value],
    compare: fn(&Value, &Value) -> Result<T, TemplateError>,
) -> Result<T, TemplateError> {
    match arguments {
        [left, right] => compare(left, right),
        _ => Err(arity(name, 2, arguments)),
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, TemplateError> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Uint(a), Value::Uint(b)) => Ok(a == b),
        (Value::Int(a), Value::Uint(b)) | (Value::Uint(b), Value::Int(a)) => Ok(u64::try_from(*a) == Ok(*b)),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::String(a), Value::String(b)) => Ok(a == b),
        (Value::List(_), Value::List(_))
        | (Value::Map(_), Value::Map(_))
        | (Value::Function(_), Value::Function(_)) => Err(exec(format!("non-comparable type {}", left.type_name()))),
        _ => Err(differ(left, right)),
    }
}

fn order(left: &Value, right: &Value) -> Result<Ordering, TemplateError> {
    let never = || exec("invalid type for comparison".to_owned());
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Ok(a.cmp(b)),
        // A negative one is less than any without a sign.
        (Value::Int(a), Value::Uint(b)) => Ok(u64::try_from(*a).map_or(Ordering::Less, |a| a.cmp(b))),
        (Value::Uint(a), Value::Int(b)) => Ok(u64::try_from(*b).map_or(Ordering::Greater, |b| a.cmp(&b))),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).ok_or_else(never),
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        _ if left.type_name() != right.type_name() => Err(differ(left, right)),
        _ => Err(never()),
    }
}

fn differ(left: &Value, right: &Value) -> TemplateError {
    let (left, right) = (left.type_name(), right.type_name());
    exec(format!("incompatible types for comparison: {left} and {right}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::text;
    use gotmpl::Template;
    use std::sync::Arc;

    /// What the engine's own function says.
    fn engine(name: &str, arguments: &[Value]) -> Result<bool, String> {
        let handed: String = (0..arguments.len()).map(|n| format!(" (index . {n})")).collect();
        let template = Template::new(name).parse(&format!("{{{{{name}{handed}}}}}")).unwrap();
        let said = template.execute_to_string(&Value::List(arguments.to_vec().into()));
        said.map(|said| said == "true").map_err(|error| error.to_string())
    }

    fn values() -> Vec<Value> {
        let floats = [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY].map(Value::Float);
        let numbers = [i64::MIN, -1, 0, 1, i64::MAX].map(Value::Int);
        let unsigned = [0, 1, u64::MAX].map(Value::Uint);
        let texts = ["", "1", "a", "b", "\u{e9}"].map(text);
        let others = [
            Value::Nil,
            Value::Bool(true),
            Value::Bool(false),
            Value::List(Arc::from([])),
            Value::Map(Arc::default()),
            Value::Function(Arc::new(|_| Ok(Value::Nil))),
        ];
        let all = floats.into_iter().chain(numbers).chain(unsigned).chain(texts);
        all.chain(others).collect()
    }

    #[test]
    fn every_two_values_compare_as_the_engine_compares_them() {
        let values = values();
        for (name, compare) in ALL {
            let same = |arguments: &[Value]| {
                let ours = compare(arguments).map_err(|error| error.to_string());
                assert_eq!(ours, engine(name, arguments), "{name} {arguments:?}");
            };
            for left in &values {
                same(std::slice::from_ref(left));
                for right in &values {
                    same(&[left.clone(), right.clone()]);
                    same(&[left.clone(), right.clone(), Value::Int(1)]);
                }
            }
        }
    }
}
