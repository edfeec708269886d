//! Durations in fields.

use crate::api::GoDuration;
use crate::validation::report::Report;

/// Reads a field; a text that is no duration, or below zero, is refused with `why`.
pub(in crate::validation) fn read(
    report: &mut Report,
    field: &str,
    text: Option<&str>,
    why: &str,
) -> Option<GoDuration> {
    let text = text?;
    match GoDuration::parse(text) {
        Ok(duration) if duration.as_nanos() >= 0 => Some(duration),
        _ => {
            report.invalid(field, text, why);
            None
        }
    }
}

/// The same for a field with the usual advice.
pub(in crate::validation) fn plain(report: &mut Report, field: &str, text: Option<&str>) -> Option<GoDuration> {
    read(report, field, text, "not a duration; write one such as 5s or 1m30s")
}

/// What people most likely meant by a text that starts like a duration: `1minute` is `1m`.
pub(in crate::validation) fn meant(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim().chars().next()?.to_ascii_lowercase();
    let meant = match unit {
        's' | 'm' | 'h' => format!("{number}{unit}"),
        'd' => format!("{}h", number.parse::<u64>().ok()?.checked_mul(24)?),
        _ => return None,
    };
    GoDuration::parse(&meant).is_ok().then_some(meant)
}
