//! Regular expressions for the data plane, which reads RE2.

use crate::api::limits;
use crate::validation::report::Report;
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Error, ErrorKind};

mod repetitions;

/// Refuses an expression no RE2 would read; where RE2 and our parser may differ it only warns.
pub(in crate::validation) fn check(report: &mut Report, field: &str, pattern: &str) {
    let error = match Parser::new().parse(pattern) {
        Ok(ast) => {
            if repetitions::product(&ast) > limits::REPETITIONS {
                let why = format!(
                    "repeats within repeats are more than {}; the data plane refuses it",
                    limits::REPETITIONS
                );
                report.invalid(field, pattern, why);
            }
            return;
        }
        Err(error) => error,
    };
    let position = error.span().start.offset;
    if is_certain(&error, pattern) {
        let why = format!(
            "error at position {position}: {}; the data plane reads RE2",
            error.kind()
        );
        report.invalid(field, pattern, why);
    } else {
        report.warn(field, format!("may be no RE2 expression, see position {position}"));
    }
}

/// Mistakes in both dialects; RE2 takes some braces, classes and escapes we do not.
fn is_certain(error: &Error, pattern: &str) -> bool {
    match error.kind() {
        ErrorKind::GroupUnclosed
        | ErrorKind::GroupUnopened
        | ErrorKind::ClassRangeInvalid
        | ErrorKind::EscapeUnexpectedEof
        | ErrorKind::UnsupportedLookAround
        | ErrorKind::UnsupportedBackreference => !pattern.contains("\\Q"),
        ErrorKind::RepetitionMissing => !pattern.contains(['{', '\\']),
        ErrorKind::ClassUnclosed => pattern.matches('[').count() == 1,
        _ => false,
    }
}
