//! From a Canary and its policy to the [`RunSettings`] of its runs.

use super::{RunSettings, strategy};
use crate::{
    api::{
        Canary, canary,
        policy::{CanaryPolicySpec, OnNewRevision},
    },
    plan::Defaults,
    routing::Provider,
};
use std::time::Duration;

/// Requests under way are given this long after traffic has left, unless the policy says otherwise.
const DRAIN: Duration = Duration::from_secs(5);

impl RunSettings {
    /// The settings of a Canary's runs. `leaving` says that it is being deleted or its namespace opted out.
    pub fn of(canary: &Canary, policy: Option<&CanaryPolicySpec>, defaults: &Defaults, leaving: bool) -> Self {
        let analysis = canary.analysis();
        let provider = Provider::parse(canary.provider(&defaults.provider)).unwrap_or(Provider::FALLBACK);
        let routed = provider.moves_routes() && (canary.spec.service.is_some() || canary.targets_a_route());
        let can = provider.can_for(canary.spec.service.as_ref());
        let moved_by = if routed { provider } else { Provider::FALLBACK };
        Self {
            strategy: strategy::strategy(canary, routed, routed && can.matches),
            mirror: strategy::mirror(canary, routed && can.mirror),
            most_checks: strategy::most_checks(canary),
            all_at_once: strategy::all_at_once(canary),
            sessions: strategy::sessions(canary, routed && can.affinity),
            promotion_step: strategy::percent(analysis.step_weight_promotion()),
            interval: analysis.interval(),
            threshold: u32::try_from(analysis.threshold()).unwrap_or(1).max(1),
            canary_threshold: u32::try_from(analysis.canary_ready_threshold()).unwrap_or(100),
            primary_threshold: u32::try_from(analysis.primary_ready_threshold()).unwrap_or(100),
            deadline: canary.progress_deadline(),
            delay: analysis.delay(),
            settle: policy
                .and_then(CanaryPolicySpec::settle)
                .unwrap_or_else(|| moved_by.settle()),
            drain: policy.and_then(CanaryPolicySpec::drain).unwrap_or(DRAIN),
            hooks: analysis
                .webhooks
                .iter()
                .flatten()
                .map(canary::Webhook::hook_type)
                .collect(),
            queue: policy.is_some_and(|p| p.on_new_revision() != OnNewRevision::Restart),
            dry_run: canary.dry_run() || defaults.dry_run,
            skip_analysis: canary.skip_analysis(),
            // Whoever knows which policy governs the Canary says so.
            analysis_demanded: false,
            suspended: canary.suspended(),
            leaving,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Strategy;
    use serde_json::{from_value, json};

    #[test]
    fn connections_are_shared_out_and_nobody_is_told_from_another() {
        let settings = |protocol: &str, analysis: serde_json::Value| {
            let canary = json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "db", "namespace": "shop"},
                "spec": {
                    "provider": "istio", "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"},
                    "service": {"port": 7070, "appProtocol": protocol}, "analysis": analysis,
                },
            });
            let canary: Canary = from_value(canary).unwrap();
            RunSettings::of(&canary, None, &Defaults::default(), false)
        };
        let tested = json!({
            "iterations": 3, "match": [{"headers": {"x": {"exact": "y"}}}], "mirror": true,
            "sessionAffinity": {"cookieName": "a"},
        });
        let of_tcp = settings("TCP", tested.clone());
        assert_eq!(of_tcp.strategy, Strategy::Iterations(3));
        assert!(of_tcp.mirror.is_empty() && of_tcp.sessions.is_none());
        let weighted = settings("tcp", json!({"stepWeight": 50, "mirror": true}));
        assert_eq!(weighted.strategy, Strategy::Weighted(vec![50, 100]));
        assert!(weighted.mirror.is_empty());
        let of_http = settings("http", tested);
        assert_eq!(of_http.strategy, Strategy::Matched(3));
        assert!(of_http.sessions.is_some());
    }
}
