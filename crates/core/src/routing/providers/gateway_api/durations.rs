//! Durations as the Gateway API writes them: up to four whole numbers of up to five digits, each with a unit. Canaries have Go's, which
//! may have fractions, signs and smaller units.

use crate::api::GoDuration;

/// What a number may count; one that another begins with comes after it.
const UNITS: [&str; 4] = ["ms", "h", "m", "s"];
/// The greatest number of five digits.
const MOST: i64 = 99_999;
const MILLI: i64 = 1_000_000;

/// The duration `text` in such words, `text` itself where it is one already; `None` where it is no duration, or none that these
/// words can say.
pub(super) fn written(text: &str) -> Option<String> {
    if is_written(text) {
        return Some(text.to_owned());
    }
    let nanos = GoDuration::parse(text).ok()?.as_nanos();
    let millis = (nanos >= 0 && nanos % MILLI == 0).then_some(nanos / MILLI)?;
    let parts = [
        (millis / 3_600_000, "h"),
        (millis / 60_000 % 60, "m"),
        (millis / 1_000 % 60, "s"),
        (millis % 1_000, "ms"),
    ];
    let said = parts.iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = said.map(|(count, unit)| format!("{count}{unit}")).collect();
    let fits = parts.iter().all(|(count, _)| *count <= MOST);
    fits.then(|| {
        if said.is_empty() {
            String::from("0s")
        } else {
            said.concat()
        }
    })
}

// As the definitions have it: `^([0-9]{1,5}(h|m|s|ms)){1,4}$`.
fn is_written(text: &str) -> bool {
    let (mut rest, mut parts) = (text, 0);
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.len() - after.len();
        let next = UNITS.iter().find_map(|unit| after.strip_prefix(*unit));
        let Some(next) = next.filter(|_| (1..=5).contains(&digits)) else {
            return false;
        };
        (rest, parts) = (next, parts + 1);
    }
    (1..=4).contains(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_definitions_take_stays_as_it_is_said() {
        for text in [
            "0s",
            "15s",
            "500ms",
            "1h30m",
            "1h2m3s4ms",
            "99999h",
            "90s",
            "00001s",
            "1m1m",
        ] {
            assert_eq!(written(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_durations_are_said_in_whole_numbers() {
        for (text, said) in [
            ("1.5s", "1s500ms"),
            ("0.5h", "30m"),
            ("+5s", "5s"),
            ("0", "0s"),
            (".5s", "500ms"),
            ("100000ms", "1m40s"),
            ("3000us", "3ms"),
            ("1h1m1s1ms1s", "1h1m2s1ms"),
            ("0.0s", "0s"),
        ] {
            assert_eq!(written(text).as_deref(), Some(said), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_or_too_fine_or_too_long_is_not_said() {
        for text in ["", "15", "soon", "-1s", "100us", "1.0001ms", "100000h", "s", "1 s"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
