//! `spec.analysis.sessionAffinity`.

use super::JudgedAnalysis;
use crate::api::canary::{AnalysisKind, SessionAffinity};
use crate::validation::report::Report;
use crate::validation::values::names::is_token;

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis) {
    let Some(affinity) = &judged.analysis.session_affinity else {
        return;
    };
    let field = |name: &str| format!("{}.{name}", judged.field("sessionAffinity"));
    cookies(report, affinity, field);
    attributes(report, affinity, field);
    if judged.analysis.kind() == AnalysisKind::BlueGreen && judged.complete {
        report.warn(
            judged.field("sessionAffinity"),
            "no effect on blue/green: nobody is on the canary before everybody is",
        );
    }
    if !judged.can().affinity {
        let connections = "no effect: connections (appProtocol tcp) have no cookies";
        let text = judged.unable(connections, |provider, able| {
            format!("no effect with provider {provider}; {able} keeps sessions")
        });
        report.warn(judged.field("sessionAffinity"), text);
    }
}

/// What stands behind the value in Set-Cookie.
fn attributes(report: &mut Report, affinity: &SessionAffinity, field: impl Fn(&str) -> String) {
    for (name, value) in [("domain", &affinity.domain), ("path", &affinity.path)] {
        let illegal = |c: char| c == ';' || c.is_whitespace() || c.is_control();
        if let Some(value) = value.as_deref().filter(|value| value.contains(illegal)) {
            report.invalid(
                field(name),
                value,
                "illegal cookie attribute: no \";\", space or line break",
            );
        }
    }
    if affinity.secure != Some(true) {
        if affinity.same_site.as_deref() == Some("None") {
            report.warn(
                field("sameSite"),
                "browsers drop a SameSite=None cookie that is not secure; set secure: true",
            );
        }
        if affinity.partitioned == Some(true) {
            report.warn(
                field("partitioned"),
                "browsers drop a partitioned cookie that is not secure; set secure: true",
            );
        }
    }
    if let Some(age) = affinity.max_age.filter(|age| age.whole().is_none_or(|age| age < 0)) {
        report.invalid(
            field("maxAge"),
            age,
            "must be a whole number of seconds; leave it out for one day",
        );
    }
}

fn cookies(report: &mut Report, affinity: &SessionAffinity, field: impl Fn(&str) -> String) {
    const WHY: &str = "no cookie name; use letters, digits, \"-\" and \"_\"";
    if affinity.cookie_name.is_empty() {
        report.required(
            field("cookieName"),
            "name of the cookie that keeps a user on the canary",
        );
    } else if !is_token(&affinity.cookie_name) {
        report.invalid(field("cookieName"), &affinity.cookie_name, WHY);
    }
    let Some(primary) = affinity.primary_cookie_name.as_deref().filter(|name| !name.is_empty()) else {
        return;
    };
    if !is_token(primary) {
        report.invalid(field("primaryCookieName"), primary, WHY);
    } else if primary == affinity.cookie_name {
        report.duplicate(
            field("primaryCookieName"),
            primary,
            "must differ from cookieName, else the two sides cannot be told apart",
        );
    }
}
