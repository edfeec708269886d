//! Weights of backends. In v1alpha1 they are quantities, which may be said as a number or as a text, in thousandths as well
//! ("500m"); later they are whole numbers. What was a number stays one, and what was a text where that is allowed, too.

use serde_json::{Value, json};

/// Thousandths of one.
const ONE: u64 = 1000;

/// What a backend weighs, and how that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    thousandths: u64,
    is_text: bool,
}

impl Weight {
    /// A weight that is a whole number.
    pub(super) const fn whole(weight: u64, is_text: bool) -> Self {
        Self {
            thousandths: weight.saturating_mul(ONE),
            is_text,
        }
    }

    /// What `backend` says, where `texts` says whether a text may stay one; `None` where it cannot be read. One that says
    /// nothing weighs nothing.
    pub(super) fn of(backend: &Value, texts: bool) -> Option<Self> {
        let (thousandths, is_text) = match backend.get("weight") {
            None | Some(Value::Null) => (0, false),
            Some(Value::Number(number)) => (number.as_u64()?.checked_mul(ONE)?, false),
            Some(Value::String(text)) => (quantity(text)?, texts),
            Some(_) => return None,
        };
        Some(Self { thousandths, is_text })
    }

    /// As it is said.
    pub(super) fn written(self) -> Value {
        let whole = self.thousandths / ONE;
        if !self.thousandths.is_multiple_of(ONE) {
            json!(format!("{}m", self.thousandths))
        } else if self.is_text {
            json!(whole.to_string())
        } else {
            json!(whole)
        }
    }

    /// Whether it is so many.
    pub(super) fn is(self, weight: u64) -> bool {
        self.thousandths == weight.saturating_mul(ONE)
    }

    /// Whether it is more than so many.
    pub(super) fn exceeds(self, weight: u64) -> bool {
        self.thousandths > weight.saturating_mul(ONE)
    }

    /// The weight in thousandths.
    pub(super) fn thousandths(self) -> u64 {
        self.thousandths
    }

    /// Both together, said as this one is.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            thousandths: self.thousandths.saturating_add(other.thousandths),
            ..self
        }
    }

    /// So many times this weight.
    pub(super) fn times(self, factor: u64) -> Self {
        Self {
            thousandths: self.thousandths.saturating_mul(factor),
            ..self
        }
    }

    /// Divided, where that leaves nothing over.
    pub(super) fn over(self, factor: u64) -> Option<Self> {
        let unit = if self.is_text { 1 } else { ONE };
        let thousandths = self.thousandths / factor.max(1);
        let whole = thousandths.is_multiple_of(unit) && self.thousandths.is_multiple_of(factor);
        whole.then_some(Self { thousandths, ..self })
    }

    /// So many percent of it, and the rest.
    pub(super) fn cut(self, percent: u8) -> (Self, Self) {
        let part = self.thousandths / 100 * u64::from(percent.min(100));
        let of = |thousandths| Self { thousandths, ..self };
        (of(part), of(self.thousandths - part))
    }
}

// Other forms of a quantity ("1k", "0.5") cannot be given back as they were.
fn quantity(text: &str) -> Option<u64> {
    let digits = |text: &str| {
        let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| all)
    };
    match text.strip_suffix('m') {
        Some(thousandths) => digits(thousandths),
        None => digits(text)?.checked_mul(ONE),
    }
}
