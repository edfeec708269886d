//! A Canary that is stepped by nothing but what is stored of it and of its target: no API server, no caches, nobody who is
//! asked. Whatever a status says there is an answer, and what the answer records can be read again; `fuzz/` tries that.

use super::{
    difference::{Pair, difference},
    observe::{Thresholds, observe},
    status::{self, Seen},
    watch::pair::live::Live,
};
use crate::{
    analysis::{self, RunSettings},
    api::Canary,
    plan::{self, Defaults, Selector, workload::revisions},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Between two steps: longer than the intervals that people write.
const APART: SignedDuration = SignedDuration::from_secs(600);

/// Does so many steps from `now` on, each by the status that the one before records. Nothing that they want is done.
///
/// # Errors
/// Why the Canary cannot be released as it is.
pub fn replay(
    canary: &Canary,
    target: &Value,
    defaults: &Defaults,
    now: Timestamp,
    steps: usize,
) -> Result<Canary, String> {
    let (mut canary, mut now) = (canary.clone(), now);
    let mut blueprint = plan::blueprint(&canary, defaults)?;
    let selector = Selector::of(target, &defaults.selector_labels).map_err(|error| error.to_string())?;
    let settings = RunSettings::of(&canary, None, defaults, false);
    let thresholds = Thresholds {
        canary: settings.canary_threshold,
        primary: settings.primary_threshold,
    };
    let live = Live {
        target: Some(target.clone()),
        ..Live::default()
    };
    for _ in 0..steps {
        let state = status::state(&canary, now);
        let seen = observe(&live, &selector, &blueprint, thresholds, true, &state, None);
        let outcome = analysis::step(&settings, &state, &seen, now);
        let state = &outcome.state;
        blueprint.exposure.cookies = state.cookies.clone();
        blueprint.exposure.revision = revisions::named(blueprint.workload, state.last_applied.as_deref());
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint,
            seen: &seen,
        };
        difference(&outcome.desired, pair);
        let said = Seen {
            revision: seen.target.as_ref().map(|target| target.revision.as_str()),
            ..Seen::default()
        };
        let next = status::status(&canary, state, said, now);
        canary.status = Some(next);
        now = now.checked_add(APART).unwrap_or(now);
    }
    Ok(canary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(status: Value) -> Canary {
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {"port": 80, "hosts": ["shop.test"], "gatewayRefs": [{"name": "gateway"}]},
                "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
            },
            "status": status,
        }))
        .unwrap()
    }

    fn target() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "namespace": "web", "uid": "d-1", "generation": 1},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "shop"}},
                "template": {
                    "metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
                },
            },
        })
    }

    fn replayed(status: Value) -> Canary {
        let defaults = Defaults {
            provider: String::from("gatewayapi:v1"),
            selector_labels: Selector::default_keys(),
            ..Defaults::default()
        };
        let now = "2026-11-26T04:00:12Z".parse().unwrap();
        replay(&canary(status), &target(), &defaults, now, 4).unwrap()
    }

    #[test]
    fn whatever_a_status_says_has_an_answer() {
        let run = |stage: &str, due: &str| json!({"stage": stage, "since": due, "due": due, "intent": {"canary": 900}});
        for stage in [
            "Building",
            "Rest",
            "Analysing",
            "Replacing",
            "LeavingSwitch",
            "Left",
            "No such stage",
        ] {
            for due in ["0000-01-01T00:00:00.000000Z", "9999-12-30T22:00:00.000000Z"] {
                let status = json!({
                    "phase": "Progressing", "canaryWeight": -7, "failedChecks": i32::MAX, "iterations": i32::MIN,
                    "run": run(stage, due),
                });
                let status = replayed(status).status.unwrap();
                assert!((0..=100).contains(&status.canary_weight), "{stage} {due}: {status:?}");
                assert!(status.run.is_some_and(|run| !run.stage.is_empty()), "{stage} {due}");
            }
        }
    }
}
