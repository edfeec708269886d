//! What the functions of one rendering may cost together.

use crate::api::limits;
use gotmpl::{TemplateError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What a call costs whatever it does, in bytes of text.
const CALL: usize = 32;

/// Bytes of text that may still be read and made; clones share them.
#[derive(Clone)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(limits::TEMPLATE_WORK)))
    }
}

impl Budget {
    /// Pays for a call that reads `arguments` and makes at most `made` bytes, before it does.
    ///
    /// # Errors
    /// When the budget is spent, or one value would be longer than any may be.
    pub(super) fn pay(&self, arguments: &[Value], made: usize) -> Result<(), TemplateError> {
        let read = arguments.iter().map(size).fold(CALL, usize::saturating_add);
        let spend = |left: usize| left.checked_sub(read.saturating_add(made));
        match self.0.fetch_update(Relaxed, Relaxed, spend) {
            Ok(_) => Ok(()),
            Err(_) => Err(exec("the functions work on too much text".to_owned())),
        }
    }
}

/// The value, when it is not longer than any may be.
pub(super) fn capped(text: String) -> Result<Value, TemplateError> {
    if text.len() > limits::TEMPLATE_VALUE {
        return Err(exec(format!("a value is longer than {} bytes", limits::TEMPLATE_VALUE)));
    }
    Ok(Value::String(Arc::from(text)))
}

pub(super) fn exec(text: String) -> TemplateError {
    TemplateError::Exec(text)
}

/// That a function was given another number of arguments than it takes.
pub(super) fn arity(name: &str, expected: usize, arguments: &[Value]) -> TemplateError {
    TemplateError::ArgCount {
        name: name.to_owned(),
        expected,
        got: arguments.len(),
    }
}

/// Bytes a value has when it is printed, about; what templates are given is two levels deep and bounded.
pub(super) fn size(value: &Value) -> usize {
    const SCALAR: usize = 24;
    match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(size).fold(SCALAR, usize::saturating_add),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| key.len().saturating_add(size(value)))
            .fold(SCALAR, usize::saturating_add),
        _ => SCALAR,
    }
}
