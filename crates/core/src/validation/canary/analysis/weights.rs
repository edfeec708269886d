//! Weights and mirroring.

use super::JudgedAnalysis;
use crate::api::Number;
use crate::api::canary::AnalysisKind;
use crate::validation::report::Report;

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis) {
    bounds(report, judged);
    steps(report, judged);
    promotion(report, judged);
    mirror(report, judged);
}

/// Whether a number is a whole percentage between 1 and 100.
pub(in crate::validation::canary) fn is_percentage(number: Number) -> bool {
    number.whole().is_some_and(|n| (1..=100).contains(&n))
}

fn bounds(report: &mut Report, judged: &JudgedAnalysis) {
    let analysis = judged.analysis;
    let (max, step) = (analysis.max_weight, analysis.step_weight);
    if let Some(max) = max.filter(|max| !is_percentage(*max)) {
        report.invalid(
            judged.field("maxWeight"),
            max,
            "must be a whole percentage between 1 and 100",
        );
    }
    if max.is_some() && analysis.step_weights.is_some() {
        report.warn(
            judged.field("maxWeight"),
            "ignored: the last of stepWeights is the maximum",
        );
    }
    if let Some(step) = step {
        linear(report, judged, step, max);
    }
}

/// `stepWeight` against `maxWeight`.
fn linear(report: &mut Report, judged: &JudgedAnalysis, step: Number, max: Option<Number>) {
    let field = judged.field("stepWeight");
    if !is_percentage(step) {
        return report.invalid(
            field,
            step,
            "must be a whole percentage between 1 and 100, else the analysis never advances",
        );
    }
    let Some(max) = max.filter(|max| is_percentage(*max)) else {
        return;
    };
    if step > max {
        report.invalid(
            field,
            step,
            format!("exceeds maxWeight {max}; lower it or raise maxWeight"),
        );
    } else if max.int() % step.int() != 0 {
        let last = (max.int() / step.int() + 1) * step.int();
        report.warn(
            judged.field("maxWeight"),
            format!("last step reaches {}, above maxWeight {max}", last.min(100)),
        );
    }
}

fn steps(report: &mut Report, judged: &JudgedAnalysis) {
    let Some(steps) = &judged.analysis.step_weights else {
        return;
    };
    let field = judged.field("stepWeights");
    if steps.is_empty() {
        return report.required(field, "whole percentages between 1 and 100, e.g. [10,40,60]");
    }
    let advice = increasing(steps);
    for (index, step) in steps.iter().enumerate() {
        let at = format!("{field}[{index}]");
        let before = index.checked_sub(1).and_then(|before| steps.get(before));
        if !is_percentage(*step) {
            report.invalid(at, step, "must be a whole percentage between 1 and 100");
        } else if let Some(before) = before.filter(|before| *before >= step) {
            let why = format!(
                "not above stepWeights[{}] ({before}), so the rollout would never finish; use increasing weights such as {advice}",
                index - 1,
            );
            report.invalid(at, step, why);
        }
    }
    if let Some(last) = steps.last().filter(|last| is_percentage(**last) && last.int() <= 20) {
        report.warn(field, format!("promoted to 100 % after seeing only {last} %"));
    }
}

/// The author's own weights in order, as advice.
fn increasing(steps: &[Number]) -> String {
    let mut weights: Vec<i32> = steps
        .iter()
        .filter(|step| is_percentage(**step))
        .map(|step| step.int())
        .collect();
    weights.sort_unstable();
    weights.dedup();
    let weights: Vec<String> = weights.iter().map(i32::to_string).collect();
    format!("[{}]", weights.join(","))
}

fn promotion(report: &mut Report, judged: &JudgedAnalysis) {
    let Some(step) = judged.analysis.step_weight_promotion else {
        return;
    };
    let field = judged.field("stepWeightPromotion");
    if !is_percentage(step) {
        report.invalid(
            field,
            step,
            "must be a whole percentage between 1 and 100; leave it out to promote at once",
        );
    } else if judged.analysis.kind() != AnalysisKind::Weighted && judged.analysis.iterations.is_some() {
        report.warn(field, "ignored: A/B and blue/green switch in one step");
    }
}

fn mirrored(report: &mut Report, judged: &JudgedAnalysis) {
    let field = judged.field("mirror");
    if !judged.can().mirror {
        let connections = "ignored: connections (appProtocol tcp) cannot be copied";
        let text = judged.unable(connections, |provider, able| {
            format!("ignored: provider {provider} cannot mirror; use {able} with a gateway that can")
        });
        return report.warn(field, text);
    }
    if let Some(gateway) = &judged.facts.unmirrored {
        let why = format!(
            "the gateway ({gateway}) has no RequestMirror filter and would answer 500 to every request; leave mirror out, \
             or attach the route to a gateway that has it"
        );
        return report.unsupported(field, true, why);
    }
    if judged.analysis.kind() == AnalysisKind::AbTest {
        return report.warn(field, "ignored: the users that match already use the canary");
    }
    if let Some(gateway) = judged.facts.copying_all.as_ref().filter(|_| copies_a_share(judged)) {
        let text = format!("{gateway} copies all requests, never a share; provider contour can");
        report.warn(&field, text);
    }
    report.warn(
        field,
        "the canary gets copies of real requests; only mirror idempotent ones",
    );
}

/// Whether fewer than all requests are to be copied at any time.
fn copies_a_share(judged: &JudgedAnalysis) -> bool {
    let less = |weight: Option<Number>| weight.is_some_and(|weight| weight.int() < 100);
    let extras = judged.analysis.canary_analysis.as_ref();
    let rises = extras.is_some_and(|extras| less(extras.step_weight_promotion) || less(extras.max_mirror_weight));
    less(judged.analysis.mirror_weight) || rises
}

fn mirror(report: &mut Report, judged: &JudgedAnalysis) {
    let analysis = judged.analysis;
    if analysis.mirrored() {
        mirrored(report, judged);
    }
    let Some(weight) = analysis.mirror_weight else {
        return;
    };
    if !is_percentage(weight) {
        report.invalid(
            judged.field("mirrorWeight"),
            weight,
            "must be a whole percentage between 1 and 100",
        );
    } else if !analysis.mirrored() {
        report.warn(judged.field("mirrorWeight"), "ignored until mirror: true");
    }
}
