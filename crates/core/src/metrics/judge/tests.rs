use super::*;
use crate::api::Number;
use crate::api::canary::ThresholdRange;
use crate::messages::Severity;

const SUBJECT: Subject<'static> = Subject {
    canary: "podinfo",
    namespace: "test",
    target: "podinfo-t",
    provider: "istio",
};
const RATE: Source = Source::Builtin(Builtin::SuccessRate);
const DURATION: Source = Source::Builtin(Builtin::Duration);

fn metric(min: Option<f64>, max: Option<f64>, threshold: Option<f64>) -> Metric {
    let range = ThresholdRange {
        min: min.map(Number),
        max: max.map(Number),
    };
    Metric {
        name: "m".into(),
        threshold: threshold.map(Number),
        threshold_range: (min.is_some() || max.is_some()).then_some(range),
        ..Metric::default()
    }
}

fn verdict(metric: &Metric, source: Source, value: f64) -> Verdict {
    judge(&SUBJECT, metric, source, Ok(Sample::Value(value))).verdict
}

#[test]
fn values_are_compared_and_reported_as_flagger_does() {
    let (range, old) = (|min, max| metric(min, max, Some(50.0)), |t| metric(None, None, t));
    let cases = [
        (RATE, range(Some(99.0), None), 99.0, ""),
        (RATE, range(Some(99.0), None), 98.765, "success rate 98.77% < 99%"),
        (RATE, range(None, Some(99.5)), 100.0, "success rate 100.00% > 99.5%"),
        (RATE, old(Some(99.0)), 98.0, "success rate 98.00% < 99%"),
        (RATE, old(None), 0.0, ""),
        (DURATION, range(None, Some(500.0)), 500.9, ""),
        (
            DURATION,
            range(None, Some(500.9)),
            501.0,
            "request duration 501ms > 500ms",
        ),
        (DURATION, range(Some(10.0), None), 9.9, "request duration 9ms < 10ms"),
        (DURATION, old(Some(500.0)), 2415.7, "request duration 2.415s > 500ms"),
        (Source::Inline, old(Some(5.0)), 5.5, "m 5.50 > 5"),
        (Source::Inline, old(None), 0.1, "m 0.10 > 0"),
        (Source::Inline, old(None), 0.0, ""),
        (Source::Template, range(Some(1e6), None), 10.0, "m 10.00 < 1e+06"),
        (
            Source::Template,
            range(Some(1.0), Some(2.0)),
            f64::INFINITY,
            "m +Inf > 2",
        ),
        (Source::Template, range(Some(1.0), Some(2.0)), 1.5, ""),
    ];
    for (source, metric, value, text) in cases {
        let expected = match text {
            "" => Verdict::Pass,
            text => Verdict::Fail(format!("Halt podinfo.test advancement {text}")),
        };
        assert_eq!(verdict(&metric, source, value), expected, "{value}");
    }
}

#[test]
fn no_values_have_their_own_words_for_each_source() {
    let text = |source| match judge(&SUBJECT, &metric(None, None, None), source, Err(QueryError::NoValues)).verdict {
        Verdict::NoData(text) => text,
        other => panic!("{other:?}"),
    };
    let duration =
        "Halt advancement no values found for istio metric m probably podinfo-t.test is not receiving traffic";
    assert_eq!(text(DURATION), duration);
    assert_eq!(text(RATE), format!("{duration}: running query failed: no values found"));
    assert_eq!(text(Source::Inline), "Halt advancement no values found for metric: m");
    let template = "Halt advancement no values found for custom metric: m: no values found";
    assert_eq!(text(Source::Template), template);
}

#[test]
fn an_unreachable_store_is_an_error_and_never_a_pass() {
    for source in [RATE, DURATION, Source::Inline, Source::Template] {
        let error = QueryError::Unreachable("connection refused".into());
        let measurement = judge(&SUBJECT, &metric(None, None, None), source, Err(error));
        assert!(matches!(measurement.verdict, Verdict::Error(_)));
        assert!(measurement.failed());
        assert_eq!(measurement.severity(), Severity::Error);
        assert!(
            measurement
                .message()
                .unwrap()
                .contains("request failed: connection refused")
        );
    }
}

#[test]
fn not_a_number_never_passes() {
    for source in [RATE, DURATION, Source::Inline, Source::Template] {
        assert!(matches!(
            verdict(&metric(Some(0.0), None, None), source, f64::NAN),
            Verdict::Fail(_)
        ));
    }
}

#[test]
fn durations_are_recorded_in_the_unit_of_their_bounds_and_shown_in_seconds() {
    let measurement = judge(
        &SUBJECT,
        &metric(Some(10.0), Some(500.0), None),
        DURATION,
        Ok(Sample::Value(250.9)),
    );
    assert_eq!((measurement.value, measurement.gauge), (Some(250.0), Some(0.25)));
    assert_eq!(measurement.threshold, "[10, 500]");
    assert_eq!(
        judge(&SUBJECT, &metric(None, None, Some(99.0)), RATE, Ok(Sample::Value(1.0))).threshold,
        ">= 99"
    );
}

#[test]
fn counts_are_judged_by_their_percentage_and_never_as_a_duration() {
    let counts = |good, total| Ok(Sample::Counts { good, total });
    let strict = metric(Some(99.0), None, None);
    let of = |source, answer| judge(&SUBJECT, &strict, source, answer);
    assert_eq!(of(RATE, counts(99.0, 100.0)).value, Some(99.0));
    assert_eq!(of(RATE, counts(99.0, 100.0)).verdict, Verdict::Pass);
    let failed = "Halt podinfo.test advancement success rate 98.00% < 99%".to_owned();
    assert_eq!(of(RATE, counts(98.0, 100.0)).verdict, Verdict::Fail(failed));
    assert!(matches!(
        of(Source::Template, counts(0.0, 0.0)).verdict,
        Verdict::NoData(_)
    ));
    let slow = metric(None, Some(500.0), None);
    let measured = judge(&SUBJECT, &slow, DURATION, counts(1.0, 100.0));
    assert!(matches!(measured.verdict, Verdict::Error(_)) && measured.value.is_none());
}
