//! The five-field schedules of freeze windows.
//!
//! They are only judged so far, as nothing freezes yet, and for that the crate `croner` (4.0, which can do with jiff) is too
//! lenient: it takes a field of nothing but a comma, by which nothing would ever freeze, names of months and days in any field,
//! and `@daily`, and does not say which field is wrong. When windows are to be found in time, with zones and their clock changes,
//! it is what to look at; then it has to judge here as well, since it refuses a step after a single number (`5/15`), which this
//! takes.

/// Says what is wrong with a schedule, or nothing.
pub(in crate::validation) fn problem(schedule: &str) -> Option<String> {
    const FIELDS: [(&str, u32, u32); 5] = [
        ("minute", 0, 59),
        ("hour", 0, 23),
        ("day of month", 1, 31),
        ("month", 1, 12),
        ("day of week", 0, 7),
    ];
    let parts: Vec<&str> = schedule.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Some(format!(
            "{} fields instead of five (minute, hour, day of month, month, day of week)",
            parts.len()
        ));
    }
    let mut pairs = parts.iter().zip(FIELDS);
    pairs.find_map(|(part, (name, low, high))| {
        let fine = part.split(',').all(|item| is_item(item, name, low, high));
        (!fine).then(|| format!("{name} {part:?} is not within {low}-{high}"))
    })
}

/// `*`, `n`, `n-m`, each with an optional `/step`; months and days also by their English names.
fn is_item(item: &str, field: &str, low: u32, high: u32) -> bool {
    let (range, step) = item
        .split_once('/')
        .map_or((item, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| step.parse::<u32>().map_or(true, |n| n == 0 || n > high)) {
        return false;
    }
    if range == "*" {
        return true;
    }
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    match (value(from, field), value(to, field)) {
        (Some(from), Some(to)) => low <= from && from <= to && to <= high,
        _ => false,
    }
}

fn value(text: &str, field: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let name = text.to_ascii_lowercase();
    let named = |names: &[&str]| {
        names
            .iter()
            .position(|n| *n == name)
            .and_then(|n| u32::try_from(n).ok())
    };
    match field {
        "month" => named(&MONTHS).map(|n| n + 1).or_else(|| text.parse().ok()),
        "day of week" => named(&DAYS).or_else(|| text.parse().ok()),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn the_usual_schedules_are_read() {
        for schedule in ["0 18 * * fri", "*/15 0-6 1,15 jan-mar 0", "30 9 * 12 1-5", "0 0 * * 7"] {
            assert_eq!(problem(schedule), None, "{schedule}");
        }
    }

    #[test]
    fn what_no_cron_reads_is_named() {
        assert_eq!(
            problem("0 18 * *").unwrap(),
            "4 fields instead of five (minute, hour, day of month, month, day of week)"
        );
        assert_eq!(problem("60 18 * * *").unwrap(), "minute \"60\" is not within 0-59");
        assert_eq!(
            problem("0 18 * * someday").unwrap(),
            "day of week \"someday\" is not within 0-7"
        );
        assert!(problem("0 5-2 * * *").is_some() && problem("*/0 * * * *").is_some());
    }
}
