//! The live objects of one pair, as the caches hold them.

use super::{
    authored::{Authored, Read},
    configs::{Configs, Survey},
    owners::{is_owned, is_owned_by},
    pointing::Pointing,
};
use crate::object::{label, text};
use crate::{
    api::labels,
    plan::{Blueprint, history, revision::template_of, workload::service},
    routing::{self, Names, Traffic},
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

/// What a primary was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// A workload with the target's template, as its author wrote it.
    pub object: Value,
    /// The revision, with what primary's copies of configs hold.
    pub survey: Survey,
}

/// Objects of one pair.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The target; `None` where it is missing.
    pub target: Option<Value>,
    /// Primary; `None` before it is made.
    pub primary: Option<Value>,
    /// The stored revisions of both: ReplicaSets, or ControllerRevisions.
    pub revisions: Vec<Value>,
    /// The revisions that were promoted, as the Canary's own ControllerRevisions remember them.
    pub history: Vec<Value>,
    /// What primary was made of, as it shows itself.
    pub source: Option<Source>,
    /// The apex Service.
    pub apex: Option<Value>,
    /// `{apex}-primary`.
    pub primary_service: Option<Value>,
    /// `{apex}-canary`.
    pub canary_service: Option<Value>,
    /// EndpointSlices of `-primary` and `-canary`.
    pub slices: Vec<Value>,
    /// Who owns which pod behind them, where long names do not tell.
    pub pods: BTreeMap<String, String>,
    /// Routes that name a Service of the pair.
    pub routes: Vec<Value>,
    /// Whether nothing is known of the kind in which its Canary asks for a route: the cluster has none, or we may not look.
    pub route_is_unread: bool,
    /// What else points at the pair's pods.
    pub pointing: Pointing,
    /// Names of Services that had halves and do not follow any more, an apex that its author has pointed elsewhere among
    /// them.
    pub left: Vec<Names>,
    /// The Services that we made for this Canary.
    pub made: Vec<Value>,
    /// Uids of other Canaries that live and own objects of these names.
    pub rivals: Vec<String>,
    /// ConfigMaps and Secrets that its templates name, and their copies.
    pub configs: Configs,
    /// The user's autoscaler, as the Canary names it.
    pub scaler: Option<Value>,
    /// Autoscalers that this Canary owns, and whatever has the name of primary's.
    pub primary_autoscalers: Vec<Value>,
    /// Disruption budgets that name a label of the target's or primary's pods, those that this Canary owns, and whatever has
    /// primary's name.
    pub budgets: Vec<Value>,
    /// KEDA ScaledObjects that scale the target.
    pub target_scaled_objects: Vec<Value>,
    /// An autoscaler of the user's own that scales primary itself: it decides, and no copy is made beside it.
    pub primary_scaler: Option<Value>,
    /// How many replicas a scale asked for, until that is noted on the target.
    pub asked: Option<u32>,
    /// What was read of the stored revisions in this step.
    pub read: Read,
}

impl Live {
    /// How many replicas the author of the target said last.
    pub fn desired(&self) -> Option<u32> {
        // More than a Deployment can have would be refused without end.
        let most = i32::MAX.unsigned_abs();
        let target = self.target.as_ref();
        let noted = || target.and_then(|target| label(target, labels::DESIRED_REPLICAS)?.parse::<u32>().ok());
        self.asked.or_else(noted).map(|desired| desired.min(most))
    }

    /// Keeps of `routes` those that concern a Service of these names.
    pub fn concerned(routes: impl IntoIterator<Item = Value>, names: &Names) -> Vec<Value> {
        let is_ours = |route: &Value| text(route, "/metadata/name") == names.apex;
        routes
            .into_iter()
            .filter(|route| routing::refers_to(route, names) || is_ours(route))
            .collect()
    }

    /// The routes that send to the pair: those that carry its traffic, and others that send to a half; without what we made
    /// beside them. One that is only called like the apex does not.
    pub fn refers_to<'a>(&'a self, blueprint: &'a Blueprint, names: &'a Names) -> impl Iterator<Item = &'a Value> {
        let carry = move |route: &&Value| blueprint.carries_by(route) || routing::names_a_half(route, names);
        let all = self.routes.iter().filter(|route| !routing::is_companion(route));
        all.filter(carry).filter(|route| routing::refers_to(route, names))
    }

    /// What a route, with what we made beside it, does with the pair's traffic.
    pub fn traffic(
        &self,
        route: &Value,
        names: &Names,
        blueprint: &Blueprint,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let beside: Vec<&Value> = self.routes.iter().collect();
        let kind = blueprint.provider.kind_of(route)?;
        kind.traffic(route, &beside, names, &blueprint.exposure, expected)
    }

    /// The Services of the pair whose users routes split: the apex, and each follower that a route names.
    pub fn split<'a>(&'a self, blueprint: &'a Blueprint) -> impl Iterator<Item = &'a Names> {
        let followers = self.pointing.followers.iter().filter(|follower| follower.routed);
        blueprint.names.iter().chain(followers.map(|follower| &follower.names))
    }

    /// Those of them by whose halves users are sent, or are about to be.
    pub fn carrying<'a>(&'a self, blueprint: &'a Blueprint, building: bool) -> impl Iterator<Item = &'a Names> {
        // Followers have halves only where shares are carried.
        let building = building && blueprint.provider.moves_routes();
        let halved = |names: &Names| self.routes.iter().any(|route| routing::names_a_half(route, names));
        self.split(blueprint)
            .filter(move |names| building || blueprint.names.as_ref() == Some(names) || halved(names))
    }

    /// Whether both halves of these Services are there. Of a core Service that is the target, primary itself is one of them.
    pub fn has_halves(&self, blueprint: &Blueprint, names: &Names) -> bool {
        if blueprint.names.as_ref() == Some(names) {
            let copied = blueprint.workload.is_copied();
            let primary = if copied { &self.primary } else { &self.primary_service };
            return primary.is_some() && self.canary_service.is_some();
        }
        let mut followers = self.pointing.followers.iter();
        followers.any(|one| one.names == *names && one.primary.is_some() && one.canary.is_some())
    }

    /// The autoscalers that we made for this Canary.
    pub fn own_autoscalers<'a>(&'a self, blueprint: &'a Blueprint) -> impl Iterator<Item = &'a Value> {
        let going = |copy: &Value| copy.pointer("/metadata/deletionTimestamp").is_some();
        self.primary_autoscalers
            .iter()
            .filter(move |copy| is_owned(copy, blueprint) && !going(copy))
    }

    /// Stored revisions that `owner` controls.
    pub fn revisions_of<'a>(&'a self, owner: &Value) -> impl Iterator<Item = &'a Value> + use<'a> {
        let uid = text(owner, "/metadata/uid").to_owned();
        self.revisions.iter().filter(move |set| is_owned_by(set, &uid))
    }

    /// The target, and the revisions of it that are stored: its own, those that were promoted, and what primary runs.
    fn remembered(&self) -> impl Iterator<Item = &Value> {
        let target = self.target.as_ref();
        // A core Service has no history but its copies.
        let copy = self
            .canary_service
            .iter()
            .filter(move |_| target.is_some_and(service::is_service));
        let stored = target.into_iter().flat_map(|target| self.revisions_of(target));
        let promoted = self
            .history
            .iter()
            .chain(self.source.iter().map(|source| &source.object));
        target.into_iter().chain(stored).chain(copy).chain(promoted)
    }

    /// What the template of a workload or stored revision says as its author wrote it. A stored one is read once in a step.
    pub fn authored(&self, object: &Value) -> Option<Cow<'_, Authored>> {
        self.read.of(self.revisions.iter().chain(&self.history), object)
    }

    fn all_authored(&self) -> impl Iterator<Item = Cow<'_, Authored>> {
        self.remembered().filter_map(move |object| self.authored(object))
    }

    /// The templates of the target, as their author wrote them: its own, and those that stored revisions remember.
    pub fn templates(&self) -> Vec<Cow<'_, Value>> {
        let all = self.all_authored();
        all.map(|one| match one {
            Cow::Borrowed(one) => Cow::Borrowed(&one.template),
            Cow::Owned(one) => Cow::Owned(one.template),
        })
        .collect()
    }

    /// What is known of every revision of the target.
    pub fn surveys(&self) -> Vec<Survey> {
        let now = self.all_authored().map(|one| self.configs.survey_authored(&one));
        let served = self.source.iter().map(|source| source.survey.clone());
        now.chain(served).collect()
    }

    /// The revisions of the target that can be made again, with the configs of now.
    pub fn known(&self) -> Vec<String> {
        let now = self
            .all_authored()
            .map(|one| self.configs.survey_authored(&one).revision);
        let mut known: Vec<String> = now.collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    /// The entry of the history that remembers this revision.
    pub fn remembers(&self, revision: &str) -> Option<&Value> {
        self.history
            .iter()
            .find(|entry| history::revision_of(entry) == Some(revision))
    }

    /// What is known of the revision of a workload or stored revision, with the configs of now.
    pub fn survey(&self, object: &Value) -> Option<Survey> {
        self.authored(object).map(|one| self.configs.survey_authored(&one))
    }

    /// The revision of the object's template, with the configs of now.
    pub fn revision(&self, object: &Value) -> Option<String> {
        self.survey(object).map(|survey| survey.revision)
    }

    /// The pod template of a revision of the target, as its author wrote it: the target's own, or a remembered one.
    pub fn template(&self, revision: &str) -> Option<Value> {
        let hash = template_of(revision);
        let found = self.all_authored().find(|one| one.hash == hash);
        found.map(|one| one.into_owned().template)
    }

    /// The pods behind the pair's Services, ready or not.
    pub fn endpoint_pods(&self) -> impl Iterator<Item = &str> {
        let all = self.slices.iter();
        let all = all.flat_map(|slice| slice.get("endpoints").and_then(Value::as_array).into_iter().flatten());
        all.map(|endpoint| text(endpoint, "/targetRef/name"))
            .filter(|pod| !pod.is_empty())
    }

    /// Whether `service` has a ready endpoint, whosever it is.
    pub fn is_answered(&self, service: &str) -> bool {
        self.ready_pods(service).next().is_some()
    }

    /// How many pods of `owner`, a ReplicaSet or DaemonSet, are ready endpoints of `service`.
    pub fn endpoints(&self, service: &str, owner: &str) -> u32 {
        let base = base(owner);
        let is_its = |pod: &&str| {
            self.pods
                .get(*pod)
                .map_or_else(|| pod.starts_with(&base), |known| known == owner)
        };
        let mut pods: Vec<&str> = self.ready_pods(service).filter(is_its).collect();
        pods.sort_unstable();
        pods.dedup();
        u32::try_from(pods.len()).unwrap_or(u32::MAX)
    }

    fn ready_pods<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a str> {
        let slices = self
            .slices
            .iter()
            .filter(move |s| label(s, "kubernetes.io/service-name") == Some(service));
        let all = slices.flat_map(|s| s.get("endpoints").and_then(Value::as_array).into_iter().flatten());
        all.filter(|e| e.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false))
            .map(|e| text(e, "/targetRef/name"))
    }
}

/// What the names of an owner's pods begin with.
pub fn base(owner: &str) -> String {
    format!("{owner}-").chars().take(CUT).collect()
}

/// What the API server leaves of a name before it adds characters of its own.
pub const CUT: usize = 58;
