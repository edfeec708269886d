//! What a Canary says together with its policy. The webhook, the preview and the controller all look at this one, so nothing
//! is believed at apply that is not done. Pure.
//!
//! A field that the Canary leaves out is the policy's. How a revision is shown is one choice of several fields: whoever
//! names any of them has chosen, and the policy's are left alone. What is asked of whom (metrics, hooks) and who is told
//! (alerts) is only what the Canary's author wrote: a Canary that was written for Flagger is judged by nothing more here.
//! Of the policy's own, a generated Canary gets metrics about requests only where requests can reach it.

use super::{hostname::hostname, requests::about_requests};
use crate::{
    api::{
        Canary,
        canary::{Analysis, AnalysisKind, HookType, Metric},
        policy::CanaryPolicySpec,
    },
    routing::{Provider, registry},
};

/// A Canary with what its policy adds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effective {
    /// The Canary with these fields filled in.
    pub canary: Canary,
    /// The fields that are the policy's.
    pub inherited: Vec<&'static str>,
}

/// What is known besides the two.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// The routing provider where neither names one.
    pub default_provider: &'a str,
    /// The user has a route of their own, so none is to be generated.
    pub user_route: bool,
}

/// The Canary as `policy` completes it. One that was generated has taken everything from its policy already.
pub fn effective(canary: &Canary, policy: Option<&CanaryPolicySpec>, around: Circumstances<'_>) -> Effective {
    let mut all = Effective {
        canary: canary.clone(),
        ..Effective::default()
    };
    let generated = canary.was_generated();
    if let Some(policy) = policy.filter(|_| !generated) {
        all.sources(policy);
        all.gateways(policy, around);
        all.analysis(policy);
    }
    all
}

/// The policy's analysis for a Canary it generates, which names `provider` and has a Service or not; and the names of the
/// metrics that are left out. `templated` are those that are about requests by their templates.
pub fn default_analysis(
    policy: &CanaryPolicySpec,
    provider: &str,
    served: bool,
    templated: &[String],
) -> (Analysis, Vec<String>) {
    let mut analysis = policy.analysis.clone().unwrap_or_default();
    let reached = reached(provider, served, &analysis);
    let all = analysis.metrics.take();
    let about = |metric: &Metric| about_requests(metric) || templated.contains(&metric.name);
    let left_out = names(all.iter().flatten().filter(|m| !reached && about(m)));
    let is_kept = |metric: &Metric| reached || !about(metric);
    analysis.metrics = all.map(|all| all.into_iter().filter(is_kept).collect());
    (analysis, left_out)
}

/// Whether requests reach the canary while it is checked: a route with weights sends or copies them, or hooks do. Blue/green
/// without copies sends nobody before everybody is on it.
fn reached(provider: &str, served: bool, analysis: &Analysis) -> bool {
    let shown = analysis.kind() != AnalysisKind::BlueGreen || analysis.mirrored();
    let routed = shown && registry::can(provider).weights;
    let sends = |kind: HookType| matches!(kind, HookType::Rollout | HookType::PreRollout);
    let loaded = analysis.webhooks.iter().flatten().any(|hook| sends(hook.hook_type()));
    served && (routed || loaded)
}

fn names<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Vec<String> {
    metrics.map(|metric| metric.name.clone()).collect()
}

fn is_empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

/// Gives `$own` the policy's value where it has none, and notes the field.
macro_rules! inherit {
    ($all:ident, $own:expr, $policy:expr, $field:literal) => {
        if $own.is_none() && $policy.is_some() {
            $own.clone_from(&$policy);
            $all.inherited.push($field);
        }
    };
}

impl Effective {
    fn sources(&mut self, policy: &CanaryPolicySpec) {
        // What is its own route is moved by one provider and no other.
        let bound = self.canary.targets_a_route();
        let spec = &mut self.canary.spec;
        spec.provider = spec.provider.take().filter(|provider| !provider.is_empty());
        spec.metrics_server = spec.metrics_server.take().filter(|server| !server.is_empty());
        if !bound {
            inherit!(self, spec.provider, policy.provider, "spec.provider");
        }
        inherit!(self, spec.metrics_server, policy.metrics_server, "spec.metricsServer");
    }

    // A route without a host is for every host of its gateway: nothing is published that nobody has named.
    fn gateways(&mut self, policy: &CanaryPolicySpec, around: Circumstances<'_>) {
        let provider = self.canary.provider(around.default_provider);
        let wanted = Provider::parse(provider).is_some_and(Provider::makes_routes) && !around.user_route;
        let (name, namespace) = (
            self.canary.target_name().to_owned(),
            self.canary.namespace_name().to_owned(),
        );
        let service = self.canary.spec.service.as_mut();
        let Some(service) = service.filter(|s| wanted && is_empty(&s.gateway_refs) && !is_empty(&policy.gateway_refs))
        else {
            return;
        };
        if is_empty(&service.hosts) {
            let Some(template) = &policy.hostname_template else {
                return;
            };
            service.hosts = Some(vec![hostname(template, &name, &namespace)]);
            self.inherited.push("spec.service.hosts");
        }
        service.gateway_refs.clone_from(&policy.gateway_refs);
        self.inherited.push("spec.service.gatewayRefs");
    }

    fn analysis(&mut self, policy: &CanaryPolicySpec) {
        let Some(defaults) = policy.analysis.as_ref().filter(|_| !self.canary.skip_analysis()) else {
            return;
        };
        if self.canary.spec.analysis.is_none() {
            self.inherited.push("spec.analysis");
        }
        let outer = self.canary.spec.canary_analysis.is_some();
        let own = self.canary.spec.analysis.get_or_insert_default();
        inherit!(self, own.interval, defaults.interval, "spec.analysis.interval");
        inherit!(self, own.threshold, defaults.threshold, "spec.analysis.threshold");
        inherit!(self, own.delay, defaults.delay, "spec.analysis.delay");
        let ready = (&defaults.primary_ready_threshold, &defaults.canary_ready_threshold);
        inherit!(
            self,
            own.primary_ready_threshold,
            *ready.0,
            "spec.analysis.primaryReadyThreshold"
        );
        inherit!(
            self,
            own.canary_ready_threshold,
            *ready.1,
            "spec.analysis.canaryReadyThreshold"
        );
        self.strategy(defaults, outer);
    }

    fn strategy(&mut self, defaults: &Analysis, outer: bool) {
        let own = self.canary.spec.analysis.get_or_insert_default();
        let chosen = own.iterations.is_some() || own.step_weight.is_some() || own.step_weights.is_some();
        if chosen || own.matches.is_some() {
            return;
        }
        inherit!(self, own.iterations, defaults.iterations, "spec.analysis.iterations");
        inherit!(self, own.step_weight, defaults.step_weight, "spec.analysis.stepWeight");
        inherit!(
            self,
            own.step_weights,
            defaults.step_weights,
            "spec.analysis.stepWeights"
        );
        inherit!(self, own.max_weight, defaults.max_weight, "spec.analysis.maxWeight");
        inherit!(self, own.matches, defaults.matches, "spec.analysis.match");
        inherit!(self, own.mirror, defaults.mirror, "spec.analysis.mirror");
        inherit!(
            self,
            own.mirror_weight,
            defaults.mirror_weight,
            "spec.analysis.mirrorWeight"
        );
        let (promotion, affinity) = (&defaults.step_weight_promotion, &defaults.session_affinity);
        inherit!(
            self,
            own.step_weight_promotion,
            *promotion,
            "spec.analysis.stepWeightPromotion"
        );
        inherit!(self, own.session_affinity, *affinity, "spec.analysis.sessionAffinity");
        if !outer {
            inherit!(
                self,
                own.canary_analysis,
                defaults.canary_analysis,
                "spec.analysis.canaryAnalysis"
            );
        }
    }
}

#[cfg(test)]
mod tests;
