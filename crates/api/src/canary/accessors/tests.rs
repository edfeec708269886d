use super::*;

fn canary(spec: &str) -> Canary {
    let head = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: web, namespace: shop}\n";
    serde_saphyr::from_str(&format!(
        "{head}spec:\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}\n{spec}"
    ))
    .unwrap()
}

#[test]
fn a_bare_canary_has_flaggers_defaults() {
    let canary = canary("  service: {port: 80}\n");
    let analysis = canary.analysis();
    assert_eq!(analysis.interval(), Duration::from_secs(60));
    assert_eq!(
        (analysis.threshold(), analysis.max_weight(), analysis.step_weight()),
        (5, 100, 0)
    );
    assert_eq!(
        (analysis.primary_ready_threshold(), analysis.canary_ready_threshold()),
        (100, 100)
    );
    assert_eq!(canary.progress_deadline(), Duration::from_secs(600));
    assert_eq!(
        canary.spec.service.as_ref().unwrap().target_port(),
        IntOrString::Int(80)
    );
    assert!(!canary.skip_analysis() && !canary.suspended() && !canary.dry_run() && canary.reverts_on_deletion());
}

#[test]
fn intervals_below_one_second_are_raised_and_hours_are_read() {
    let interval = |text: &str| {
        canary(&format!("  analysis: {{interval: {text}}}\n"))
            .analysis()
            .interval()
    };
    assert_eq!(interval("1ms"), Duration::from_secs(1));
    assert_eq!(interval("2s"), Duration::from_secs(2));
    assert_eq!(interval("1h"), Duration::from_secs(3600));
    assert_eq!(interval("1minute"), Duration::from_secs(60));
}

#[test]
fn names_follow_the_target_unless_the_service_is_named() {
    let plain = canary("  service: {port: 80}\n");
    assert_eq!(plain.service_names(), ["web", "web-primary", "web-canary"]);
    let named = canary("  service: {port: 80, name: api}\n");
    assert_eq!(named.service_names(), ["api", "api-primary", "api-canary"]);
    assert_eq!(
        (named.primary_name().as_str(), named.full_name().as_str()),
        ("web-primary", "web.shop")
    );
}

#[test]
fn weights_lead_when_iterations_are_given_too() {
    let kind = |analysis: &str| canary(&format!("  analysis: {analysis}\n")).analysis().kind();
    assert_eq!(kind("{stepWeight: 10, iterations: 10}"), AnalysisKind::Weighted);
    assert_eq!(kind("{stepWeights: [1, 5]}"), AnalysisKind::Weighted);
    assert_eq!(kind("{iterations: 10}"), AnalysisKind::BlueGreen);
    assert_eq!(
        kind("{iterations: 10, match: [{headers: {a: {exact: b}}}]}"),
        AnalysisKind::AbTest
    );
    // Whoever is named is the only one to see it, however the checks are counted.
    for counted in ["stepWeight: 10", "stepWeights: [1, 5]", "interval: 1m"] {
        assert_eq!(
            kind(&format!("{{{counted}, match: [{{headers: {{a: {{exact: b}}}}}}]}}")),
            AnalysisKind::AbTest,
            "{counted}"
        );
    }
}

#[test]
fn the_inner_canary_analysis_wins_field_by_field() {
    let canary = canary(
        "  canaryAnalysis: {maxMirrorWeight: 50, stepWeightPromotion: 5}\n  analysis: {canaryAnalysis: {maxMirrorWeight: 20}}\n",
    );
    let extras = canary.extras();
    assert_eq!(extras.max_mirror_weight, Some(Number(20.0)));
    assert_eq!(extras.step_weight_promotion, Some(Number(5.0)));
}

#[test]
fn a_fraction_does_not_break_reading() {
    let canary = canary("  service: {port: 80.0}\n  analysis: {threshold: 2.5, stepWeight: 10.0}\n");
    assert_eq!(
        (canary.analysis().threshold(), canary.analysis().step_weight()),
        (2, 10)
    );
    assert_eq!(canary.spec.service.unwrap().port(), Some(80));
}
