//! Rewrite, retries, cross-origin policy, TLS.

use crate::api::GoDuration;
use crate::api::canary::{CanaryService, CorsPolicy, Retries};
use crate::validation::report::Report;
use crate::validation::values::durations;

pub(super) fn check(report: &mut Report, service: &CanaryService) {
    let uri = service.rewrite.as_ref().and_then(|rewrite| rewrite.uri.as_deref());
    if let Some(uri) = uri.filter(|uri| !uri.is_empty() && !uri.starts_with('/')) {
        report.invalid(
            "spec.service.rewrite.uri",
            uri,
            "must be an absolute path; start it with \"/\"",
        );
    }
    if let Some(retries) = &service.retries {
        let timeout = service.timeout.as_deref().and_then(|text| GoDuration::parse(text).ok());
        check_retries(report, retries, timeout);
    }
    if let Some(cors) = &service.cors_policy {
        check_cors(report, cors);
    }
    let tls = service.traffic_policy.as_ref().and_then(|policy| policy.tls.as_ref());
    if let Some(tls) = tls.filter(|tls| tls.mode.as_deref() == Some("MUTUAL")) {
        for (name, value) in [
            ("clientCertificate", &tls.client_certificate),
            ("privateKey", &tls.private_key),
        ] {
            if value.as_deref().unwrap_or_default().is_empty() {
                let why = "mode MUTUAL needs clientCertificate and privateKey, else every connection fails";
                report.required(format!("spec.service.trafficPolicy.tls.{name}"), why);
            }
        }
    }
}

fn check_retries(report: &mut Report, retries: &Retries, timeout: Option<GoDuration>) {
    const PER_TRY: &str = "spec.service.retries.perTryTimeout";
    if let Some(attempts) = retries.attempts.filter(|attempts| attempts.int() < 0) {
        report.invalid(
            "spec.service.retries.attempts",
            attempts,
            "must not be negative; 0 turns retries off",
        );
    }
    let per_try = durations::plain(report, PER_TRY, retries.per_try_timeout.as_deref());
    if let (Some(per_try), Some(timeout)) = (per_try, timeout.filter(|timeout| timeout.as_nanos() > 0))
        && per_try > timeout
    {
        let why = format!("perTryTimeout {per_try} exceeds timeout {timeout}, so no retry can run");
        report.invalid(PER_TRY, per_try, why);
    }
}

fn check_cors(report: &mut Report, cors: &CorsPolicy) {
    durations::plain(report, "spec.service.corsPolicy.maxAge", cors.max_age.as_deref());
    let exact = cors
        .allow_origins
        .iter()
        .flatten()
        .filter_map(|origin| origin.exact.as_deref());
    let mut origins = cors.allow_origin.iter().flatten().map(String::as_str).chain(exact);
    if cors.allow_credentials == Some(true) && origins.any(|origin| origin == "*") {
        report.warn(
            "spec.service.corsPolicy.allowCredentials",
            "browsers refuse credentials with a wildcard origin",
        );
    }
}
