//! Numbers as Go prints them, because people search logs and events for Flagger's texts.

/// Like Go's `%v`: the shortest digits that read back as `value`, with an exponent below 1e-4 and from
/// 1e6 on.
pub fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return non_finite(value);
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Like Go's `%.2f`.
pub fn two_decimals(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.2}")
    } else {
        non_finite(value)
    }
}

fn non_finite(value: f64) -> String {
    let text = match value {
        v if v.is_nan() => "NaN",
        v if v > 0.0 => "+Inf",
        _ => "-Inf",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        // Printed by Go 1.25 with %v.
        let cases = [
            (0.0, "0"),
            (99.0, "99"),
            (99.9, "99.9"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (12_345_678.9, "1.23456789e+07"),
            (1e21, "1e+21"),
            (-1e6, "-1e+06"),
            (-5.0, "-5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(shortest(value), text);
        }
    }

    #[test]
    fn two_decimals_are_rounded_as_go_rounds_them() {
        let cases = [
            (98.765, "98.77"),
            (0.125, "0.12"),
            (0.0, "0.00"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(two_decimals(value), text);
        }
    }
}
