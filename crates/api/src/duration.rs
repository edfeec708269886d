//! Durations exactly as Go's `time.ParseDuration` reads and `time.Duration.String` writes them.
//!
//! Flagger's fields are Go durations, so `1h`, `1m30s`, `.5s` and `-1µs` must mean here what they mean
//! there, and what cannot be represented (beyond about 292 years) must be an error and not a panic.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// Magnitude of Go's smallest duration; its largest is one less.
const LIMIT: u64 = 1 << 63;

/// A signed span of whole nanoseconds, as Go's `time.Duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// Why a text is no duration; the texts are Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not of the form `[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+`, or too large.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit, such as `10`.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit Go does not know, such as `d`; the second is the whole text.
    #[error("time: unknown unit {0:?} in duration {1:?}")]
    UnknownUnit(String, String),
}

impl GoDuration {
    /// A duration of so many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(SECOND as i64))
    }

    /// The whole duration in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In seconds, with fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// As a std duration; negative spans are zero.
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// Whether `text` is a time of nothing, which most data planes cannot be told. What is no time is not.
    pub fn is_nothing(text: &str) -> bool {
        Self::parse(text).is_ok_and(|duration| duration.to_std().is_zero())
    }

    /// Parses as Go's `time.ParseDuration`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        let invalid = || ParseError::Invalid(text.to_owned());
        let nanos = magnitude(text, rest)?;
        if negative {
            return Ok(Self(0i64.wrapping_sub_unsigned(nanos)));
        }
        i64::try_from(nanos).map(Self).map_err(|_| invalid())
    }
}

/// Sums the `number unit` pairs of `rest`, in nanoseconds, at most [`LIMIT`].
fn magnitude(text: &str, mut rest: &str) -> Result<u64, ParseError> {
    let invalid = || ParseError::Invalid(text.to_owned());
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let unit = unit(name, text)?;
        let value = number(whole).and_then(|n| n.checked_mul(unit)).filter(|n| *n <= LIMIT);
        let value = value.and_then(|n| n.checked_add(fraction_of(fraction, unit)));
        total = value
            .and_then(|n| total.checked_add(n))
            .filter(|n| *n <= LIMIT)
            .ok_or_else(invalid)?;
        rest = after;
    }
    Ok(total)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|n| *n <= LIMIT)
}

/// Nanoseconds of `0.fraction` units, cut as Go cuts: digits that no longer fit are ignored.
fn fraction_of(fraction: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1f64);
    for digit in fraction.bytes() {
        let next = value
            .checked_mul(10)
            .and_then(|n| n.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|n| *n < LIMIT) else {
            break;
        };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn unit(name: &str, text: &str) -> Result<u64, ParseError> {
    match name {
        "" => Err(ParseError::MissingUnit(text.to_owned())),
        "ns" => Ok(1),
        "us" | "µs" | "μs" => Ok(MICROSECOND),
        "ms" => Ok(MILLISECOND),
        "s" => Ok(SECOND),
        "m" => Ok(MINUTE),
        "h" => Ok(HOUR),
        _ => Err(ParseError::UnknownUnit(name.to_owned(), text.to_owned())),
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => f.write_str("0s"),
            1..MICROSECOND => write!(f, "{nanos}ns"),
            MICROSECOND..MILLISECOND => decimal(f, nanos, MICROSECOND, 3, "µs"),
            MILLISECOND..SECOND => decimal(f, nanos, MILLISECOND, 6, "ms"),
            _ => {
                if nanos >= HOUR {
                    write!(f, "{}h", nanos / HOUR)?;
                }
                if nanos >= MINUTE {
                    write!(f, "{}m", nanos % HOUR / MINUTE)?;
                }
                decimal(f, nanos % MINUTE, SECOND, 9, "s")
            }
        }
    }
}

/// Writes `nanos` in `unit` with up to `places` decimals and no trailing zeros.
fn decimal(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, places: usize, name: &str) -> fmt::Result {
    write!(f, "{}", nanos / unit)?;
    let digits = format!("{:0places$}", nanos % unit);
    let digits = digits.trim_end_matches('0');
    if !digits.is_empty() {
        write!(f, ".{digits}")?;
    }
    f.write_str(name)
}

impl FromStr for GoDuration {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl From<Duration> for GoDuration {
    /// Saturates at Go's largest duration.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for GoDuration {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GoDuration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests;
