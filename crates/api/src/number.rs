//! Numbers as the CRDs type them: `number`, mostly meant to be whole.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A JSON number of a CRD field typed `number`. Whole values are written without a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl Number {
    /// The value when it is whole and fits `i64`, else `None`.
    pub fn whole(self) -> Option<i64> {
        (self.0.fract() == 0.0 && self.0.abs() < 9.0e15).then_some(self.0 as i64)
    }

    /// The value cut to a whole number and clamped to `i32`; what a reader must use that cannot refuse.
    pub fn int(self) -> i32 {
        self.0 as i32 // `as` saturates, and NaN is 0
    }

    /// The value as it is.
    pub fn value(self) -> f64 {
        self.0
    }

    /// Whether the value is whole.
    pub fn is_whole(self) -> bool {
        self.whole().is_some()
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self(f64::from(value))
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole() {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// For status counters held as `i32`: reads any JSON number, so a hand-edited status cannot break a watch.
pub fn lenient_i32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map_or(0, |value| Number(value).int()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        let written = serde_json::to_string(&[Number(10.0), Number(0.5), Number(-1.0)]).unwrap();
        assert_eq!(written, "[10,0.5,-1]");
    }

    #[test]
    fn integers_and_fractions_are_both_read() {
        let read: Vec<Number> = serde_json::from_str("[10, 10.0, 99.5]").unwrap();
        assert_eq!(read, [Number(10.0), Number(10.0), Number(99.5)]);
        assert_eq!(read[1].whole(), Some(10));
        assert_eq!(read[2].whole(), None);
    }

    #[test]
    fn huge_numbers_saturate() {
        assert_eq!(Number(1e300).int(), i32::MAX);
        assert_eq!(Number(1e300).whole(), None);
        assert_eq!(Number(f64::NAN).int(), 0);
    }
}
