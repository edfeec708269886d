use super::*;
use proptest::prelude::*;

/// What Go 1.x prints for `time.ParseDuration(text)`; `Err` rows hold Go's message.
const GO: &[(&str, Result<&str, &str>)] = &[
    ("0", Ok("0s")),
    ("+0", Ok("0s")),
    ("-0", Ok("0s")),
    ("0s", Ok("0s")),
    ("5s", Ok("5s")),
    ("90s", Ok("1m30s")),
    ("1m30s", Ok("1m30s")),
    ("60m", Ok("1h0m0s")),
    ("1h", Ok("1h0m0s")),
    ("1478s", Ok("24m38s")),
    ("-5s", Ok("-5s")),
    ("+5s", Ok("5s")),
    ("5.0s", Ok("5s")),
    ("5.6s", Ok("5.6s")),
    ("5.s", Ok("5s")),
    (".5s", Ok("500ms")),
    ("2.415s", Ok("2.415s")),
    ("100.00100s", Ok("1m40.001s")),
    ("10ns", Ok("10ns")),
    ("11us", Ok("11µs")),
    ("12µs", Ok("12µs")),
    ("12μs", Ok("12µs")),
    ("1.5us", Ok("1.5µs")),
    ("13ms", Ok("13ms")),
    ("3h30m", Ok("3h30m0s")),
    ("10.5s4m", Ok("4m10.5s")),
    ("-2m3.4s", Ok("-2m3.4s")),
    ("1h2m3s4ms5us6ns", Ok("1h2m3.004005006s")),
    ("39h9m14.425s", Ok("39h9m14.425s")),
    ("52763797000ns", Ok("52.763797s")),
    ("0.3333333333333333333h", Ok("20m0s")),
    ("9007199254740993ns", Ok("2501h59m59.254740993s")),
    ("9223372036854775807ns", Ok("2562047h47m16.854775807s")),
    ("9223372036.854775807s", Ok("2562047h47m16.854775807s")),
    ("-9223372036854775808ns", Ok("-2562047h47m16.854775808s")),
    ("0.100000000000000000000h", Ok("6m0s")),
    ("0.830103483285477580700h", Ok("49m48.372539827s")),
    ("", Err("time: invalid duration \"\"")),
    ("3", Err("time: missing unit in duration \"3\"")),
    ("-", Err("time: invalid duration \"-\"")),
    ("s", Err("time: invalid duration \"s\"")),
    (".", Err("time: invalid duration \".\"")),
    (".s", Err("time: invalid duration \".s\"")),
    ("-+5s", Err("time: invalid duration \"-+5s\"")),
    ("1m-5s", Err("time: unknown unit \"m-\" in duration \"1m-5s\"")),
    ("10m0", Err("time: missing unit in duration \"10m0\"")),
    ("1d", Err("time: unknown unit \"d\" in duration \"1d\"")),
    ("1minute", Err("time: unknown unit \"minute\" in duration \"1minute\"")),
    ("1m 30s", Err("time: unknown unit \"m \" in duration \"1m 30s\"")),
    (
        "9223372036854775808ns",
        Err("time: invalid duration \"9223372036854775808ns\""),
    ),
    (
        "9223372036854775.808us",
        Err("time: invalid duration \"9223372036854775.808us\""),
    ),
    (
        "9223372036854ms775us808ns",
        Err("time: invalid duration \"9223372036854ms775us808ns\""),
    ),
    (
        "99999999999999999999h",
        Err("time: invalid duration \"99999999999999999999h\""),
    ),
    (
        "-9223372036854775809ns",
        Err("time: invalid duration \"-9223372036854775809ns\""),
    ),
    ("3000000h", Err("time: invalid duration \"3000000h\"")),
];

#[test]
fn parses_and_prints_as_go_does() {
    for (text, expected) in GO {
        let got = GoDuration::parse(text)
            .map(|d| d.to_string())
            .map_err(|e| e.to_string());
        assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }
}

#[test]
fn travels_as_a_json_string() {
    let read: GoDuration = serde_json::from_str("\"90s\"").unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), "\"1m30s\"");
    assert!(serde_json::from_str::<GoDuration>("\"1m-5s\"").is_err());
    assert!(serde_json::from_str::<GoDuration>("5").is_err());
}

#[test]
fn negative_spans_are_zero_for_std() {
    assert_eq!(GoDuration::from_secs(-1).to_std(), Duration::ZERO);
    assert_eq!(GoDuration::from(Duration::MAX).as_nanos(), i64::MAX);
}

proptest! {
    #[test]
    fn every_duration_survives_its_text(nanos: i64) {
        let duration = GoDuration::from_nanos(nanos);
        prop_assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
    }

    #[test]
    fn no_text_panics(text in "[-+]?([0-9]{0,22}\\.?[0-9]{0,22}(h|m|s|ms|µs|ns|d)?){0,4}") {
        let _ = GoDuration::parse(&text);
    }

    #[test]
    fn not_even_a_hostile_one(text: String) {
        let _ = GoDuration::parse(&text);
    }
}
