//! A namespace that gains or loses the label: what becomes of each of its Deployments, told before anything is touched.
//!
//! `kubectl label namespace X coalmine.dev/enabled=true --dry-run=server` shows it and changes nothing. Pure; what lives
//! there is looked for once, within a budget.

use crate::admission::effects::generate::Neighbours;
use crate::admission::facts::{self, View};
use crate::admission::mutate::deployments::CoarseStage;
use crate::api::{Canary, CanaryPolicy, labels};
use crate::object::text;
use crate::plan::{
    self, Selector, Workload,
    enrolment::{generate, pairing},
    services::pointing,
    settings::rails,
};
use crate::routing::kind_of;
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;

/// Most lines; the API server passes on at most 4 KiB of warnings.
const LINES: usize = 24;
/// Most Deployments that are looked at: more lines than the first would not be told anyway.
const LOOKED_AT: usize = 200;
/// Most characters of one.
const CHARS: usize = 160;

/// Whether a namespace object is opted in.
pub fn is_in(namespace: &Value) -> bool {
    let label = namespace
        .pointer("/metadata/labels")
        .and_then(|all| all.get(labels::ENABLED));
    label.and_then(Value::as_str) == Some(labels::TRUE)
}

/// What is told of a namespace that is opted in from now on.
pub fn gains(view: &View, namespace: &Value, mut around: Neighbours) -> Vec<String> {
    let wanted = policy_name(namespace);
    let Some(policy) = view.policy(&wanted) else {
        return bounded(vec![format!(
            "there is no CanaryPolicy {wanted}: nothing is enrolled until there is"
        )]);
    };
    let mut known = same_for_all(namespace, &mut around);
    let Some(deployments) = &around.deployments else {
        return bounded(vec![
            "its Deployments could not be looked at in time; they are told of by events".to_owned(),
        ]);
    };
    let seen = Seen::of(view, namespace, &around);
    let own: Vec<&Value> = deployments.iter().filter(|one| !is_half(one, &seen.canaries)).collect();
    let fates = own.iter().take(LOOKED_AT).map(|target| {
        let own = own_policy(view, target, &policy).unwrap_or_else(|| policy.clone());
        let name = text(target, "/metadata/name").to_owned();
        (name, seen.fate(target, &own, &mut known))
    });
    // What stops something is what people look for.
    let (inside, outside): (Vec<_>, Vec<_>) = fates.partition(|(_, fate)| fate.is_in());
    let (enrolled, all) = (inside.len(), inside.len() + outside.len());
    let mut lines = vec![format!("policy {wanted}: {enrolled} of {all} Deployments are enrolled")];
    if own.len() > all {
        let more = own.len() - all;
        lines.push(format!("no more were looked at: {more} others are told of by events"));
    }
    if !policy.spec.adopts_existing() {
        lines.push("what runs already is left alone until it is applied again (adoptExisting: false)".to_owned());
    }
    let each = outside.into_iter().chain(inside);
    lines.extend(each.map(|(name, fate)| format!("{name}: {fate}")));
    bounded(lines)
}

// What is around every Deployment of the namespace alike: taken once, since it may be much.
fn same_for_all(namespace: &Value, around: &mut Neighbours) -> pairing::Surroundings {
    let labels = namespace.pointer("/metadata/labels").and_then(Value::as_object);
    pairing::Surroundings {
        namespace_labels: labels.cloned().unwrap_or_default(),
        policies: std::mem::take(&mut around.policies),
        ..pairing::Surroundings::default()
    }
}

/// What is told of a namespace that is opted out from now on.
pub fn loses(view: &View, namespace: &Value) -> Vec<String> {
    let canaries = view.canaries(text(namespace, "/metadata/name"));
    let mut lines = Vec::new();
    for canary in &canaries {
        let target = canary.target_name();
        let generated = canary.labels().contains_key(labels::GENERATED);
        lines.push(match (generated, facts::stage(canary)) {
            (true, CoarseStage::Building) => format!("{target}: left as it is, its pair is not built yet"),
            (true, CoarseStage::Running | CoarseStage::Waiting | CoarseStage::Promoting) => {
                format!(
                    "{target}: its run ends first, then it serves by itself again; {target}-primary and generated \
                     objects are deleted"
                )
            }
            (true, _) => {
                format!("{target}: serves by itself again; {target}-primary and generated objects are deleted")
            }
            (false, _) => format!("{target}: its Canary stays, and works without the webhook"),
        });
    }
    if lines.is_empty() {
        return Vec::new();
    }
    lines.insert(0, format!("{} Canaries", canaries.len()));
    bounded(lines)
}

/// What becomes of one Deployment.
enum Fate {
    /// It is one half of a pair, by a policy; how.
    Enrolled(String),
    /// A Canary that somebody wrote targets it already.
    Written(String),
    /// It stays as it is; why.
    Out(String),
}

impl Fate {
    fn is_in(&self) -> bool {
        !matches!(self, Self::Out(_))
    }
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enrolled(how) => f.write_str(how),
            Self::Written(canary) => write!(f, "released by canary/{canary}, from now on with the webhook"),
            Self::Out(why) => write!(f, "not enrolled: {why}"),
        }
    }
}

/// What is known of the namespace, taken once for all its Deployments.
struct Seen<'a> {
    view: &'a View,
    around: &'a Neighbours,
    canaries: Vec<Arc<Canary>>,
    services: Vec<Value>,
    routes: Vec<Value>,
    elsewhere: Arc<Vec<generate::Elsewhere>>,
}

impl<'a> Seen<'a> {
    fn of(view: &'a View, namespace: &Value, around: &'a Neighbours) -> Self {
        let name = text(namespace, "/metadata/name");
        Self {
            view,
            around,
            canaries: view.canaries(name),
            services: view.caches.services(name),
            routes: view.caches.routes(name),
            elsewhere: view.caches.elsewhere(name),
        }
    }

    // `known` is what is around every one of them; the rest of it is of the one before.
    fn fate(&self, target: &Value, policy: &CanaryPolicy, known: &mut pairing::Surroundings) -> Fate {
        let name = text(target, "/metadata/name");
        if let Some(canary) = facts::target_canary(&self.canaries, Workload::Deployment, name) {
            return Fate::Written(canary.name_any());
        }
        let seen = generate::NamespaceView {
            services: &self.services,
            routes: &self.routes,
            workloads: &self.around.workloads,
            elsewhere: &self.elsewhere,
            requests: &self.view.about_requests(policy, text(target, "/metadata/namespace")),
        };
        let planned = generate::canary(target, policy, seen, generate::Known::default());
        let planned = planned.map_err(|why| why.to_string());
        let plan = match planned.and_then(|canary| self.view.plan(target, canary)) {
            Ok(plan) => plan,
            Err(why) => return Fate::Out(why),
        };
        known.halves = self.halves(&plan.blueprint);
        self.around.complete(target, &plan.blueprint, known);
        match pairing::check(target, &plan.selector, &plan.blueprint, known) {
            Err(why) => Fate::Out(why.to_string()),
            Ok(()) => Fate::Enrolled(how(target, &plan.blueprint, &plan.selector, &self.services)),
        }
    }

    fn halves(&self, pair: &plan::Blueprint) -> Vec<Value> {
        let names = pair
            .names
            .as_ref()
            .map(|names| [names.primary.as_str(), names.canary.as_str()]);
        let is_half = |service: &&Value| names.is_some_and(|names| names.contains(&pointing::name(service)));
        self.services.iter().filter(is_half).cloned().collect()
    }
}

// Which of the user's objects are touched, and what is made.
fn how(target: &Value, pair: &plan::Blueprint, selector: &Selector, services: &[Value]) -> String {
    let primary = pair.primary_name();
    let pods = pointing::pods(target).cloned();
    let pods = pods.unwrap_or_else(|| selector.target_labels());
    let mut moved: Vec<&str> = services
        .iter()
        .filter(|service| pointing::selects(service, &pods))
        .map(pointing::name)
        .collect();
    moved.sort_unstable();
    let Some(names) = &pair.names else {
        return if moved.is_empty() {
            format!("enrolled without traffic: no Service and no port; {primary} is made and takes its place")
        } else {
            format!(
                "enrolled: Services {} follow {primary}; none is the one users call, so nobody is split",
                moved.join(", ")
            )
        };
    };
    let served = if moved.is_empty() {
        format!("makes Service {}", names.apex)
    } else {
        format!("Services {} follow {primary}", moved.join(", "))
    };
    let hosts = pair.route.as_ref().and_then(|route| Some(kind_of(route)?.hosts(route)));
    let routed = match hosts.filter(|hosts| !hosts.is_empty()) {
        Some(hosts) => format!("; {} by {}", hosts.join(", "), pair.provider.as_str()),
        None => String::from("; no route, so without weights"),
    };
    format!("enrolled: {served}{routed}")
}

fn is_half(target: &Value, canaries: &[Arc<Canary>]) -> bool {
    let name = text(target, "/metadata/name");
    canaries.iter().any(|canary| canary.primary_name() == name)
}

// Where the one that it names is not there yet, that `of_namespace` governs as far as it does then.
fn own_policy(view: &View, target: &Value, of_namespace: &CanaryPolicy) -> Option<Arc<CanaryPolicy>> {
    let named = target.pointer("/metadata/annotations")?.get(labels::POLICY)?.as_str()?;
    let unpublished = || Arc::new(rails::unpublished(of_namespace));
    Some(view.policy(named).unwrap_or_else(unpublished))
}

fn policy_name(namespace: &Value) -> String {
    let of = |map: &str| {
        namespace
            .pointer(map)
            .and_then(|all| all.get(labels::POLICY))
            .and_then(Value::as_str)
    };
    let named = of("/metadata/annotations").or_else(|| of("/metadata/labels"));
    named.unwrap_or(crate::api::policy::DEFAULT_POLICY).to_owned()
}

fn bounded(mut lines: Vec<String>) -> Vec<String> {
    let all = lines.len();
    if all > LINES {
        lines.truncate(LINES - 1);
        lines.push(format!("and {} more", all - LINES + 1));
    }
    let short = |line: String| format!("coalmine: {line}").chars().take(CHARS).collect();
    lines.into_iter().map(short).collect()
}
