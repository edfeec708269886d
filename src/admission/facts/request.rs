//! What the caches say of one request. Each part is read at most once, and not before a stage asks for it; whoever asks later in
//! the same review gets the same answer, whatever the watches have brought meanwhile.

use super::enrolment::{InNamespace, enrolment, kind_of, target_canary};
use super::{Beside, Plan, View, located, scaled};
use crate::admission::mutate::deployments::{self, Enrolment};
use crate::admission::mutate::scale::PairFacts;
use crate::admission::review::Request;
use crate::analysis::RunSettings;
use crate::api::{Canary, CanaryPolicy};
use crate::plan::{enrolment::generate, settings::rails, workload::overrides};
use serde_json::Value;
use std::sync::{Arc, OnceLock};

const TOLD_TO_LEAVE: &str = "Coalmine was told to leave this namespace (coalmine leave --check)";

/// What is known of one request: handed from stage to stage of its review.
pub struct RequestFacts<'a> {
    view: &'a View,
    request: &'a Request,
    now: i64,
    canaries: OnceLock<Vec<Arc<Canary>>>,
    services: OnceLock<Vec<Value>>,
    routes: OnceLock<Vec<Value>>,
    target: OnceLock<Value>,
    policy: OnceLock<Named>,
    enrolled: OnceLock<Enrolled>,
    scaled: OnceLock<PairFacts>,
}

/// A policy by the name that the Deployment or its namespace gives.
struct Named {
    name: String,
    policy: Option<Arc<CanaryPolicy>>,
    /// The name in the Deployment's annotation, where it names nothing.
    missing: Option<String>,
}

/// Why the Deployment is one half of a pair, or is not; and what its policy would make, where it makes the pair.
struct Enrolled {
    facts: deployments::TargetFacts,
    plan: Option<Plan>,
}

impl<'a> RequestFacts<'a> {
    /// Nothing has been read yet. `now` is in seconds since 1970.
    pub fn new(view: &'a View, request: &'a Request, now: i64) -> Self {
        Self {
            view,
            request,
            now,
            canaries: OnceLock::new(),
            services: OnceLock::new(),
            routes: OnceLock::new(),
            target: OnceLock::new(),
            policy: OnceLock::new(),
            enrolled: OnceLock::new(),
            scaled: OnceLock::new(),
        }
    }

    /// The same request by what the caches know by now: for a stage that has waited for them.
    pub fn again(&self) -> Self {
        Self::new(self.view, self.request, self.now)
    }

    /// The caches that the facts are read from.
    pub fn view(&self) -> &'a View {
        self.view
    }

    /// The request that the facts are about.
    pub fn request(&self) -> &'a Request {
        self.request
    }

    /// Whether we made the request.
    pub fn is_ours(&self) -> bool {
        self.view.is_ours(self.request)
    }

    /// Whether the controller's Lease was renewed lately.
    pub fn controller_alive(&self) -> bool {
        self.view.controller_alive(self.now)
    }

    /// The Canaries of the request's namespace, with what their policies add.
    pub fn canaries(&self) -> &[Arc<Canary>] {
        self.canaries
            .get_or_init(|| self.view.canaries(&self.request.namespace))
    }

    /// The Canary that targets the object of the request.
    pub fn canary(&self) -> Option<&Canary> {
        target_canary(self.canaries(), kind_of(self.request)?, self.request.object_name())
    }

    /// The Services of the namespace, as far as the caches know them.
    pub fn services(&self) -> &[Value] {
        let read = || self.view.caches.services(&self.request.namespace);
        self.services.get_or_init(read)
    }

    /// The routes of the namespace.
    pub fn routes(&self) -> &[Value] {
        self.routes
            .get_or_init(|| self.view.caches.routes(&self.request.namespace))
    }

    /// The object of the request, with the name and namespace that a CREATE may leave out.
    pub fn target(&self) -> &Value {
        self.target.get_or_init(|| located(&self.request.object, self.request))
    }

    /// The policy that governs the Deployment of the request, if there is one of the name that is asked for.
    pub fn policy(&self) -> Option<&CanaryPolicy> {
        self.named().policy.as_deref()
    }

    /// What is told of a Deployment that names a policy which does not exist, as far as the caches know.
    pub fn misnamed(&self) -> Option<String> {
        let Named { name, policy, missing } = self.named();
        let instead = policy.as_ref().map(|_| name.as_str());
        missing
            .as_deref()
            .map(|missing| rails::no_such_policy(missing, instead))
    }

    /// What is known of a pair, one half of which the Deployment of the request is.
    pub fn scaled(&self) -> &PairFacts {
        let known = || scaled::known(self.view, self.request, self.canaries(), !self.controller_alive());
        self.scaled.get_or_init(known)
    }

    /// What the hold wants to know of a request about a workload.
    pub fn deployment(&self) -> &deployments::TargetFacts {
        &self.enrolled().facts
    }

    /// What the policy would make of the Deployment by what the caches know; nothing where no policy makes a pair of it.
    pub fn planned(&self) -> Option<&Plan> {
        self.enrolled().plan.as_ref()
    }

    /// What the policy would make of the Deployment, `beside` what lives in its namespace.
    ///
    /// # Errors
    /// Why it would make nothing.
    pub fn generated(&self, beside: &Beside) -> Result<Plan, String> {
        let Named { name, policy, missing } = self.named();
        let policy = policy
            .as_deref()
            .ok_or_else(|| format!("there is no CanaryPolicy {name}"))?;
        let policy = match missing {
            Some(_) => &rails::unpublished(policy),
            None => policy,
        };
        let namespace = self.request.namespace.as_str();
        let elsewhere = self.view.caches.elsewhere(namespace);
        let around = generate::NamespaceView {
            services: beside.services.as_deref().unwrap_or_else(|| self.services()),
            routes: self.routes(),
            workloads: &beside.workloads,
            elsewhere: &elsewhere,
            requests: &self.view.about_requests(policy, namespace),
        };
        let canary = generate::canary(self.target(), policy, around, generate::Known::default())
            .map_err(|reason| reason.to_string())?;
        self.view.plan(self.target(), canary)
    }

    /// The settings of a Canary's runs, given the policy that governs the request.
    pub fn run_settings(&self, canary: &Canary) -> RunSettings {
        let own = self.view.policy_of(canary, Some(&self.request.object));
        let policy = own.as_deref().or_else(|| self.policy());
        RunSettings::of(canary, policy.map(|policy| &policy.spec), &self.view.defaults, false)
    }

    fn named(&self) -> &Named {
        self.policy.get_or_init(|| {
            let (asked, name) = self.view.policy_names(self.request);
            let own = asked.as_deref().and_then(|asked| self.view.policy(asked));
            match (own, asked) {
                (Some(own), Some(asked)) => Named {
                    name: asked,
                    policy: Some(own),
                    missing: None,
                },
                (_, missing) => Named {
                    policy: self.view.policy(&name),
                    name,
                    missing,
                },
            }
        })
    }

    fn enrolled(&self) -> &Enrolled {
        self.enrolled.get_or_init(|| {
            let known = InNamespace {
                canaries: self.canaries(),
                policy: &self.named().name,
                defaults: &self.view.defaults,
            };
            let (enrolment, plan) = enrolment(self.request, &known, || self.generated(&Beside::default()));
            let leaves = self.view.caches.standing.borrow().leaves(&self.request.namespace);
            let enrolment = if leaves { left(enrolment) } else { enrolment };
            let plan = plan.filter(|_| matches!(enrolment, Enrolment::Policy(_)));
            Enrolled {
                facts: self.target_facts(enrolment, plan.as_ref()),
                plan,
            }
        })
    }

    fn target_facts(&self, enrolment: Enrolment, plan: Option<&Plan>) -> deployments::TargetFacts {
        let overrides = match &enrolment {
            Enrolment::Canary(_) => self.canary().map(overrides::of),
            Enrolment::Policy(_) => plan.map(|plan| overrides::of(&plan.canary)),
            Enrolment::No | Enrolment::Refused(_) | Enrolment::Denied(_) | Enrolment::Unasked(_) => None,
        };
        let policy = self.policy();
        deployments::TargetFacts {
            ours: self.view.ours.clone(),
            enrolment,
            controller_alive: self.controller_alive(),
            overrides,
            on_new_revision: policy.map(|p| p.spec.on_new_revision()).unwrap_or_default(),
            announce: policy.map(|p| p.spec.announce()).unwrap_or_default(),
        }
    }
}

// Where apps are being given back, none is taken in.
fn left(enrolment: Enrolment) -> Enrolment {
    match enrolment {
        Enrolment::Policy(_) => Enrolment::Refused(String::from(TOLD_TO_LEAVE)),
        Enrolment::Canary(canary) => Enrolment::Canary(deployments::CanarySummary {
            stage: deployments::CoarseStage::Leaving,
            ..canary
        }),
        other => other,
    }
}
