//! What an alert says of a Canary beside its text. Pure.

use crate::api::{Canary, Number, canary::Analysis};

/// Flagger's fields in Flagger's order.
pub fn details(canary: &Canary) -> Vec<(String, String)> {
    let analysis = canary.analysis();
    let target = format!(
        "{}/{}.{}",
        canary.spec.target_ref.kind,
        canary.target_name(),
        canary.namespace_name()
    );
    [
        ("Target", target),
        ("Failed checks threshold", analysis.threshold().to_string()),
        (
            "Progress deadline",
            format!("{}s", canary.progress_deadline().as_secs()),
        ),
        ("Traffic routing", routing(analysis)),
    ]
    .map(|(title, value)| (title.to_owned(), value))
    .into()
}

fn routing(analysis: &Analysis) -> String {
    // As written: 0 where nothing is.
    let max = analysis.max_weight.map_or(0, Number::int);
    let steps: Vec<String> = analysis.step_weights().iter().map(i32::to_string).collect();
    if analysis.step_weight() > 0 {
        format!("Weight step: {} max: {max}", analysis.step_weight())
    } else if !steps.is_empty() {
        format!("Weight steps: {} max: {max}", steps.join(","))
    } else if analysis.matches.iter().flatten().next().is_some() {
        "A/B Testing".to_owned()
    } else {
        "Blue/Green".to_owned()
    }
}
