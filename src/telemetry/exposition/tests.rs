use super::*;

fn filled(encoding: StatusEncoding) -> Metrics {
    let metrics = Metrics::new("0.1.0", "gatewayapi:v1", encoding);
    metrics.canaries("test", 2);
    metrics.status("app", "test", RunState::Failed);
    metrics.weights("app", "test", 90, 10);
    metrics.check_took("app", "test", Duration::from_millis(20));
    metrics.measured("app", "test", "request-success-rate", 99.5);
    metrics.succeeded("app", "test", Strategy::Canary, false);
    metrics.failed("app", "test", Strategy::AbTesting);
    metrics.bypassed_change("test");
    metrics.event_dropped();
    metrics.leading(true);
    metrics
}

#[test]
fn the_exposition_has_flaggers_names_and_labels() {
    insta::assert_snapshot!("exposition", ordered(&filled(StatusEncoding::default()).render()));
}

// The samples of a family come in the order of a hash map.
fn ordered(exposition: &str) -> String {
    let mut lines: Vec<&str> = exposition.lines().collect();
    for family in lines.chunk_by_mut(|a, b| a.starts_with('#') == b.starts_with('#')) {
        if !family[0].starts_with('#') && !family[0].contains("_bucket") {
            family.sort_unstable();
        }
    }
    lines.join("\n")
}

#[test]
fn the_status_is_encoded_as_asked() {
    let cases = [
        (StatusEncoding::Coalmine, RunState::Failed, 0),
        (StatusEncoding::Coalmine, RunState::Succeeded, 1),
        (StatusEncoding::Coalmine, RunState::Running, 2),
        (StatusEncoding::Flagger, RunState::Running, 0),
        (StatusEncoding::Flagger, RunState::Succeeded, 1),
        (StatusEncoding::Flagger, RunState::Failed, 2),
    ];
    for (encoding, state, number) in cases {
        let metrics = Metrics::new("0", "", encoding);
        metrics.status("app", "test", state);
        let line = format!("flagger_canary_status{{name=\"app\",namespace=\"test\"}} {number}\n");
        assert!(metrics.render().contains(&line), "{encoding:?} {state:?}");
    }
}

#[test]
fn a_deleted_canary_leaves_nothing() {
    let metrics = filled(StatusEncoding::default());
    metrics.forget("app", "test", &["request-success-rate"]);
    metrics.canaries("test", 0);
    let text = metrics.render();
    let left: Vec<_> = text.lines().filter(|l| l.contains("\"test\"")).collect();
    assert!(left.is_empty(), "{left:#?}");
}
