//! What a dry run shows: the plan, in at most ten lines of at most 120 characters.

use crate::admission::facts::Plan;
use crate::analysis::{RunSettings, Strategy};
use crate::plan::Blueprint;
use crate::routing::{RouteKind, kind_of};
use serde_json::Value;
use std::time::Duration;

const LINES: usize = 10;
const CHARS: usize = 120;

/// The lines. `fresh` says that the Canary does not exist yet.
pub fn preview(plan: &Plan, settings: &RunSettings, fresh: bool) -> Vec<String> {
    let made = if fresh { made(&plan.blueprint) } else { Vec::new() };
    let when = if fresh { "later revisions" } else { "this revision" };
    let run = run(settings).into_iter().map(|line| format!("{when}: {line}"));
    made.into_iter()
        .chain(run)
        .take(LINES)
        .map(|line| format!("coalmine plan: {line}").chars().take(CHARS).collect())
        .collect()
}

/// What is created for a new app.
fn made(blueprint: &Blueprint) -> Vec<String> {
    let provider = blueprint.provider.as_str();
    let mut lines = vec![format!("creates Canary {} (provider {provider})", blueprint.owner.name)];
    match &blueprint.names {
        Some(names) => lines.push(format!(
            "creates Services {}, {}, {}",
            names.apex, names.primary, names.canary
        )),
        None => lines.push("creates no Service: the pods have no port; released without traffic".to_owned()),
    }
    if let (Some(names), Some((route, kind))) = (&blueprint.names, published(blueprint)) {
        let hosts = kind.hosts(route).join(", ");
        let whom = if hosts.is_empty() {
            hosts
        } else {
            format!(" for {hosts}")
        };
        lines.push(format!("creates {} {}{whom}", kind.resource().kind, names.apex));
    }
    if let Some(scaler) = &blueprint.autoscaler {
        let (kind, made) = (scaler.kind.as_str(), scaler.primary_name());
        lines.push(format!("creates {kind} {made}, a copy of {}", scaler.name));
    }
    lines.push(format!(
        "creates {} {}, which serves; {} rests at 0",
        blueprint.workload.kind(),
        blueprint.primary_name(),
        blueprint.target
    ));
    lines
}

/// What a run does.
fn run(settings: &RunSettings) -> Vec<String> {
    if settings.skip_analysis {
        return vec!["promoted without analysis".to_owned()];
    }
    let (failed, best) = (settings.threshold, seconds(best(settings)));
    let end = format!("{failed} failed checks roll back; at best {best} from ready to promoted");
    vec![steps(settings), end]
}

fn published(blueprint: &Blueprint) -> Option<(&Value, &'static dyn RouteKind)> {
    let route = blueprint.route.as_ref()?;
    Some((route, kind_of(route)?))
}

fn steps(settings: &RunSettings) -> String {
    let interval = seconds(settings.interval);
    let copies = if settings.mirror.is_empty() {
        String::new()
    } else {
        format!("copies of {} of the requests, then ", shares(&settings.mirror))
    };
    match &settings.strategy {
        Strategy::Weighted(weights) => {
            format!("{copies}traffic {}, one check every {interval}", shares(weights))
        }
        Strategy::Matched(count) => {
            format!("{count} checks with the users who match, one every {interval}, then all traffic at once")
        }
        Strategy::Iterations(count) => {
            format!("{copies}{count} checks, one every {interval}, then all traffic at once")
        }
    }
}

fn shares(percents: &[u8]) -> String {
    let shown: Vec<String> = percents.iter().take(8).map(|percent| format!("{percent}%")).collect();
    let more = if percents.len() > shown.len() { " ..." } else { "" };
    format!("{}{more}", shown.join(" "))
}

/// Every check passes: the warm-up, the checks, and traffic leaving and returning.
fn best(settings: &RunSettings) -> Duration {
    let count = |list: &[u8]| u32::try_from(list.len()).unwrap_or(u32::MAX);
    let checks = match &settings.strategy {
        Strategy::Weighted(weights) => {
            let all = count(weights).saturating_add(count(&settings.mirror));
            settings.most_checks.map_or(all, |most| most.min(all))
        }
        Strategy::Matched(count) | Strategy::Iterations(count) => *count,
    };
    settings
        .delay
        .saturating_add(settings.interval.saturating_mul(checks))
        .saturating_add(settings.settle.saturating_mul(2))
}

fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match (whole / 60, whole % 60) {
        (0, s) => format!("{s}s"),
        (m, 0) => format!("{m}m"),
        (m, s) => format!("{m}m{s}s"),
    }
}
