//! Collecting findings, and the ratchet.

mod findings;

pub use findings::{Cause, CauseReason, Findings, MAX_CAUSES, MAX_WARNING_CHARS, MAX_WARNINGS};

use crate::api::crds::{Excess, Unit};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Display;

/// Longest value repeated in a message, in characters.
const MAX_VALUE_CHARS: usize = 100;

/// Findings in the making.
#[derive(Debug, Default)]
pub(super) struct Report {
    causes: Vec<Cause>,
    warnings: Vec<String>,
}

impl Report {
    fn add(&mut self, reason: CauseReason, field: impl Into<String>, message: String) {
        self.causes.push(Cause {
            reason,
            field: field.into(),
            message,
        });
    }

    /// A missing value; `why` says what it is for.
    pub fn required(&mut self, field: impl Into<String>, why: impl Display) {
        self.add(CauseReason::Required, field, format!("Required value: {why}"));
    }

    /// A wrong value.
    pub fn invalid(&mut self, field: impl Into<String>, value: impl Serialize, why: impl Display) {
        self.add(
            CauseReason::Invalid,
            field,
            format!("Invalid value: {}: {why}", shown(value)),
        );
    }

    /// A value that is not supported; `why` names what is.
    pub fn unsupported(&mut self, field: impl Into<String>, value: impl Serialize, why: impl Display) {
        self.add(
            CauseReason::NotSupported,
            field,
            format!("Unsupported value: {}: {why}", shown(value)),
        );
    }

    /// A value that may not be set.
    pub fn forbidden(&mut self, field: impl Into<String>, why: impl Display) {
        self.add(CauseReason::Forbidden, field, format!("Forbidden: {why}"));
    }

    /// A value that is taken.
    pub fn duplicate(&mut self, field: impl Into<String>, value: impl Serialize, why: impl Display) {
        self.add(
            CauseReason::Duplicate,
            field,
            format!("Duplicate value: {}: {why}", shown(value)),
        );
    }

    /// A value that is too long.
    pub fn too_long(&mut self, field: impl Into<String>, most: usize, why: impl Display) {
        let message = format!("Too long: may not be more than {most} bytes: {why}");
        self.add(CauseReason::TooLong, field, message);
    }

    /// What is larger than its schema allows; the rest of the object is then not judged.
    pub fn excess(&mut self, excess: Excess) {
        let Excess { field, most, unit } = excess;
        match unit {
            Unit::Characters => {
                let message = format!("Too long: may not be more than {most} characters");
                self.add(CauseReason::TooLong, field, message);
            }
            Unit::Bytes => self.add(
                CauseReason::TooLong,
                field,
                format!("Too long: may not be more than {most} bytes"),
            ),
            Unit::Entries => self.add(
                CauseReason::TooMany,
                field,
                format!("Too many: must have at most {most} items"),
            ),
        }
    }

    /// Worth a line, not a refusal.
    pub fn warn(&mut self, field: impl Display, text: impl Display) {
        self.warnings.push(format!("{field}: {text}"));
    }

    /// Without what is said about these fields and what is in them.
    pub fn without(mut self, fields: &[&str]) -> Self {
        let within = |text: &str| {
            let mut after = fields.iter().filter_map(|field| text.strip_prefix(field));
            after.any(|rest| rest.is_empty() || rest.starts_with(['.', '[', ':']))
        };
        self.causes.retain(|cause| !within(&cause.field));
        self.warnings.retain(|warning| !within(warning));
        self
    }

    /// The answer for a new object.
    pub fn finish(self) -> Findings {
        self.ratchet(None)
    }

    /// The answer for a change: what the stored object already got wrong warns.
    pub fn ratchet(self, old: Option<Report>) -> Findings {
        let old: HashSet<Cause> = old.into_iter().flat_map(|old| old.causes).collect();
        let (known, mut causes): (Vec<_>, Vec<_>) = self.causes.into_iter().partition(|cause| old.contains(cause));
        causes.truncate(MAX_CAUSES);
        let known = known
            .into_iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message));
        let warnings: Vec<String> = known.chain(self.warnings).map(|text| printable(&text)).collect();
        Findings {
            causes,
            warnings: capped(warnings),
        }
    }
}

/// Keeps the first warnings; the last one then counts the rest.
fn capped(mut warnings: Vec<String>) -> Vec<String> {
    if warnings.len() > MAX_WARNINGS {
        let more = warnings.len() + 1 - MAX_WARNINGS;
        warnings.truncate(MAX_WARNINGS - 1);
        warnings.push(format!("and {more} more warnings"));
    }
    warnings
}

/// A value as apimachinery prints it: texts quoted, numbers bare, long ones cut.
fn shown(value: impl Serialize) -> String {
    let text = serde_json::to_string(&value).unwrap_or_default();
    if text.chars().count() <= MAX_VALUE_CHARS {
        return text;
    }
    text.chars().take(MAX_VALUE_CHARS).chain("...".chars()).collect()
}

/// Without control characters, and of a length that survives on the way to the terminal.
fn printable(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= MAX_WARNING_CHARS {
        return clean;
    }
    clean.chars().take(MAX_WARNING_CHARS - 3).chain("...".chars()).collect()
}

/// `"a", "b"`: a list of values in a message.
pub(super) fn quoted<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values
        .into_iter()
        .map(|value| format!("\"{value}\""))
        .collect::<Vec<_>>()
        .join(", ")
}
