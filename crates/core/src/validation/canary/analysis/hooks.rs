//! `spec.analysis.webhooks`.

use super::JudgedAnalysis;
use crate::api::canary::{HookType, Webhook};
use crate::api::limits::{HOOK_RETRIES, HOOK_TIMEOUT};
use crate::validation::report::Report;
use crate::validation::values::distinct::repeats;
use crate::validation::values::{durations, urls};
use std::time::Duration;

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis) {
    let hooks = judged.analysis.webhooks.as_deref().unwrap_or_default();
    let repeated = repeats(hooks.iter().map(|hook| hook.name.as_str()));
    for ((index, hook), repeated) in hooks.iter().enumerate().zip(repeated) {
        let field = format!("{}[{index}]", judged.field("webhooks"));
        if repeated {
            report.duplicate(
                format!("{field}.name"),
                &hook.name,
                "events would not tell the two hooks apart; rename one",
            );
        }
        address(report, &field, hook);
        patience(report, &field, hook);
    }
    let rollout = hooks.iter().filter(|hook| hook.hook_type() == HookType::Rollout);
    let sum: Duration = rollout
        .map(Webhook::timeout)
        .fold(Duration::ZERO, Duration::saturating_add);
    let interval = judged.analysis.interval();
    if judged.analysis.interval.is_some() && sum >= interval {
        let text = format!(
            "rollout hooks may take {} s, no less than the interval of {} s",
            sum.as_secs(),
            interval.as_secs()
        );
        report.warn(judged.field("webhooks"), text);
    }
}

fn address(report: &mut Report, field: &str, hook: &Webhook) {
    let field_url = format!("{field}.url");
    let Some(url) = urls::check(report, &field_url, &hook.url, "http://loadtester.test/") else {
        return;
    };
    urls::check_egress(report, &field_url, &url);
    if url.secure && hook.disable_tls == Some(true) {
        report.warn(format!("{field}.disableTLS"), "certificate checks are off");
    }
}

fn patience(report: &mut Report, field: &str, hook: &Webhook) {
    let timeout = format!("{field}.timeout");
    let why = "not a duration; write one such as 30s";
    match durations::read(report, &timeout, hook.timeout.as_deref(), why) {
        Some(given) if given.as_nanos() == 0 => {
            let why = "no hook answers in no time; write one such as 30s";
            report.invalid(timeout, hook.timeout.as_deref(), why);
        }
        Some(given) if given.to_std() > HOOK_TIMEOUT => {
            let most = crate::api::GoDuration::from(HOOK_TIMEOUT);
            report.warn(
                timeout,
                format!("an answer is awaited for at most {most}; use a confirm- hook to wait longer"),
            );
        }
        _ => {}
    }
    let Some(retries) = hook.retries else { return };
    let field = format!("{field}.retries");
    if retries.whole().is_none_or(|retries| retries < 0) {
        report.invalid(field, retries, "must be a whole number, 0 or more");
    } else if retries.value() > f64::from(HOOK_RETRIES) {
        report.warn(field, format!("at most {HOOK_RETRIES} retries are made, with back-off"));
    }
}
