//! `spec.autoscalerRef`.

use super::Subject;
use crate::api::Number;
use crate::api::canary::AutoscalerRef;
use crate::validation::report::Report;

const FIELD: &str = "spec.autoscalerRef";

pub(super) fn check(report: &mut Report, subject: &Subject) {
    match &subject.canary.spec.autoscaler_ref {
        Some(scaler) => named(report, subject, scaler),
        None => missing(report, subject),
    }
}

fn named(report: &mut Report, subject: &Subject, scaler: &AutoscalerRef) {
    let target = &subject.canary.spec.target_ref;
    if subject.canary.targets_a_route() || target.kind == "DaemonSet" {
        report.forbidden(
            FIELD,
            format!("a {} cannot be scaled by {}; remove it", target.kind, scaler.kind),
        );
    }
    let read_as = if scaler.kind == "ScaledObject" {
        "keda.sh/v1alpha1"
    } else {
        "autoscaling/v2"
    };
    if scaler.api_version != read_as {
        report.warn(
            "spec.autoscalerRef.apiVersion",
            format!("ignored: a {} is read as {read_as}", scaler.kind),
        );
    }
    found(report, subject, scaler);
    if scaler.kind == "HorizontalPodAutoscaler" && scaler.primary_scaler_queries.is_some() {
        report.warn(
            "spec.autoscalerRef.primaryScalerQueries",
            "ignored: used by ScaledObject only",
        );
    }
    let bounds = scaler.primary_scaler_replicas.clone().unwrap_or_default();
    if let (Some(min), Some(max)) = (
        bounds.min_replicas.map(Number::int),
        bounds.max_replicas.map(Number::int),
    ) && min > max
    {
        let why = format!("minReplicas {min} exceeds maxReplicas {max}, the primary's scaler would be refused");
        report.invalid("spec.autoscalerRef.primaryScalerReplicas.minReplicas", min, why);
    }
}

fn found(report: &mut Report, subject: &Subject, scaler: &AutoscalerRef) {
    const FIELD: &str = "spec.autoscalerRef.name";
    let Some(scalers) = &subject.facts.scalers else {
        return;
    };
    let target = subject.canary.target_name();
    match scalers
        .iter()
        .find(|known| known.kind == scaler.kind && known.name == scaler.name)
    {
        None => report.warn(FIELD, format!("{} {:?} not found yet", scaler.kind, scaler.name)),
        Some(known) if known.target_name != target => {
            report.warn(
                FIELD,
                format!(
                    "{} {:?} scales {:?}, not the target",
                    scaler.kind, scaler.name, known.target_name
                ),
            );
        }
        Some(_) => {}
    }
}

fn missing(report: &mut Report, subject: &Subject) {
    let target = &subject.canary.spec.target_ref;
    let mut scalers = subject.facts.scalers.iter().flatten();
    if let Some(scaler) = scalers.find(|s| s.target_kind == target.kind && s.target_name == target.name) {
        let text = format!(
            "{} {:?} idles at 0 replicas; set autoscalerRef to scale {}-primary",
            scaler.kind, scaler.name, target.name
        );
        report.warn(FIELD, text);
    }
}
