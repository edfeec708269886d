//! Before anything is read: what is larger than it may be is said, and nothing else of that object.
//!
//! The API server refuses most of it already, and lets stay what was there before a change that does not touch it; so
//! does the ratchet here. What gets this far was stored under an older schema, or comes by a policy.

use crate::api::{crds::measure, limits};
use crate::validation::report::Report;
use serde::Serialize;

/// What of the object is too large, when something is.
pub(in crate::validation) fn excess(kind: &str, spec: &impl Serialize) -> Option<Report> {
    let measured = measure(kind, spec);
    if measured.excess.is_empty() {
        return None;
    }
    let mut report = Report::default();
    measured.excess.into_iter().for_each(|excess| report.excess(excess));
    Some(report)
}

/// The first of what is too large of the `spec` of an object of ours, as its field and what it may be, such as
/// `spec.analysis.metrics: Too many: must have at most 64 items`. For whoever meets an object that nobody has judged.
pub fn too_large(kind: &str, spec: &impl Serialize) -> Option<String> {
    let causes = excess(kind, spec)?.finish().causes;
    causes
        .first()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
}

/// That a Canary is too large as a whole, where each part of it is within its limit: both programs keep all of it, and
/// whoever may write one may write many.
pub(in crate::validation) fn large(spec: &impl Serialize) -> Option<Report> {
    let bytes = serde_json::to_string(spec).map_or(0, |text| text.len());
    if bytes <= limits::SPEC {
        return None;
    }
    let mut report = Report::default();
    report.too_long(
        "spec",
        limits::SPEC,
        "all of it is kept in memory; move long queries to MetricTemplates",
    );
    Some(report)
}
