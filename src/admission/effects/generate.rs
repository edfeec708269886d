//! The inert objects: made in the validating phase, the last one, so that they are there when `kubectl apply` returns.
//!
//! A Canary from a policy, the three Services, the route: nothing here runs a pod or moves a request. Whatever fails or
//! takes too long is a warning; the controller completes it. What exists already is left as it is, whoever made it.

mod around;
mod fresh;
mod lists;
mod policies;
mod preview;
mod rights;
mod surroundings;

pub use around::ScalersAndPolicies;
pub use preview::preview;
pub use rights::Rights;
pub use surroundings::Neighbours;

use self::lists::Lists;
use self::policies::Policies;
use crate::admission::facts::Plan;
use crate::admission::review::Request;
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::plan::ApexSide;
use crate::plan::{self, Workload};
use crate::routing::Traffic;
use coalmine_core::validation::Lookup;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt, discovery::ApiResource};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Longest time that looking something up, or a write that others repeat, may add to a request.
pub const BUDGET: Duration = Duration::from_millis(250);
/// Longest time that a look at what is around a Deployment may add to the request by which it would be enrolled, which happens
/// once: an app that is held for a pair that cannot be built is worse than one that waits for a busy API server. Three follow each
/// other, of which the last may take half as long again, and the webhook's own timeout is 3 s.
pub const LOOK: Duration = Duration::from_millis(700);
/// Longest time that making the objects of a new app may add to the request that brings it. What the controller makes
/// afterwards can come between the look and the create of a `kubectl apply` that has the same Service further down, and
/// fail it, so waiting is better; the webhook's own timeout is 3 s.
const MAKING: Duration = Duration::from_secs(1);
/// Longest time that noting a number of replicas may add to the scale that asks for it: one that cannot be noted is refused,
/// so it waits for a busy API server for as long as it can be waited for.
const NOTING: Duration = Duration::from_secs(2);
/// Requests that generate at once; others leave it to the controller.
const AT_ONCE: usize = 32;
/// How long Services and routes are left to the controller after a request that took longer than its budget.
const REST: Duration = Duration::from_secs(2);

/// Makes Canaries and the inert objects of their pairs while a request waits.
pub struct Generator {
    client: Client,
    lists: Lists,
    policies: Policies,
    turns: Semaphore,
    /// Until when no more than Canaries are made: the API server did not keep up.
    rests_until: Mutex<Option<Instant>>,
}

impl Generator {
    /// A generator that adds to a request at most 250 ms for a question, 700 ms for a look at what is around a Deployment, a second
    /// for making objects and two for noting a scale.
    pub fn new(client: Client) -> Self {
        Self {
            lists: Lists::new(client.clone()),
            client,
            policies: Policies::default(),
            turns: Semaphore::new(AT_ONCE),
            rests_until: Mutex::new(None),
        }
    }

    /// The workload `name` as the API server has it now, within the budget.
    pub async fn workload(&self, kind: Workload, namespace: &str, name: &str) -> Lookup<Value> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind.kind()));
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        match tokio::time::timeout(LOOK, api.get_opt(name)).await {
            Ok(Ok(Some(found))) => serde_json::to_value(found).map_or(Lookup::Unknown, Lookup::Found),
            Ok(Ok(None)) => Lookup::Absent,
            Ok(Err(_)) | Err(_) => Lookup::Unknown,
        }
    }

    /// The kinds that the cluster serves of the group and version of `kind` (`group/version/Kind`), in such words; nothing
    /// when that is not known within the budget.
    pub async fn served(&self, kind: &str) -> Option<BTreeSet<String>> {
        let (version, _) = kind.rsplit_once('/')?;
        match tokio::time::timeout(BUDGET, self.client.list_api_group_resources(version)).await {
            Ok(Ok(list)) => Some(
                list.resources
                    .iter()
                    .map(|one| format!("{version}/{}", one.kind))
                    .collect(),
            ),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Some(BTreeSet::new()),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Writes into the status of `canary` that `revision` is on its way, within the budget.
    ///
    /// # Errors
    /// Why it could not be written.
    pub async fn announce(&self, canary: &Canary, revision: String) -> Result<(), String> {
        super::announce::announce(&self.client, canary, revision, BUDGET).await
    }

    /// The same, while the request goes on.
    pub fn announce_meanwhile(&self, canary: &Canary, revision: String) {
        let (client, canary) = (self.client.clone(), canary.clone());
        tokio::spawn(async move {
            if let Err(reason) = super::announce::announce(&client, &canary, revision, BUDGET).await {
                super::announce::not_announced(&canary, &reason);
            }
        });
    }

    /// Notes on `canary` how many replicas somebody wants of its app, within two seconds.
    ///
    /// # Errors
    /// Why it could not be written.
    pub async fn note_replicas(&self, canary: &Canary, wanted: i64) -> Result<(), String> {
        let canaries: Api<Canary> = Api::namespaced(self.client.clone(), canary.namespace_name());
        let body = json!({"metadata": {"annotations": {labels::REPLICAS: wanted.to_string()}}});
        let params = PatchParams {
            field_manager: Some(labels::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let (name, patch) = (canary.name_any(), Patch::Merge(body));
        let written = canaries.patch_metadata(&name, &params, &patch);
        match tokio::time::timeout(NOTING, written).await {
            Ok(result) => result.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err(format!("took longer than {} ms", NOTING.as_millis())),
        }
    }

    /// Makes what `plan` says for the admitted Deployment of `request`; returns what the requester should know.
    pub async fn generate(&self, request: &Request, plan: Plan) -> Option<String> {
        let name = plan.blueprint.target.clone();
        let work = async {
            let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
            self.make(request, plan).await
        };
        let reason = match tokio::time::timeout(MAKING, work).await {
            Ok(Ok(())) => return None,
            Ok(Err(reason)) => reason,
            Err(_) => {
                *self.rests_until.lock() = Some(Instant::now() + REST);
                format!("took longer than {} ms", MAKING.as_millis())
            }
        };
        tracing::warn!(
            namespace = request.namespace,
            name,
            reason,
            "not everything was generated at admission"
        );
        Some(format!(
            "coalmine: {name}: the controller completes what could not be made at once ({reason})"
        ))
    }

    // What is given up half-way is done a second time by the controller, which a busy API server can do without.
    fn rests(&self) -> bool {
        self.rests_until.lock().is_some_and(|until| Instant::now() < until)
    }

    async fn make(&self, request: &Request, mut plan: Plan) -> Result<(), String> {
        if plan.canary.metadata.uid.is_none() {
            let stored = self
                .canary(&plan.canary, &request.namespace)
                .await
                .map_err(|error| error.to_string())?;
            if stored.target_name() != plan.blueprint.target || stored.metadata.deletion_timestamp.is_some() {
                return Err(format!("the Canary {} is in the way", plan.blueprint.owner.name));
            }
            plan.blueprint.owner.uid = stored.metadata.uid;
        }
        // The Canary is made all the same: one that comes a moment later is in the way of a hand-written one of its name.
        if self.rests() {
            return Err(String::from("the API server is busy"));
        }
        let objects = objects(request, &plan);
        let applied = objects.into_iter().map(|object| self.apply(&request.namespace, object));
        // All are tried: what refuses one of them keeps no other from being there when the apply is answered.
        let applied = futures::future::join_all(applied).await;
        let refused = applied.into_iter().find_map(Result::err);
        refused.map_or(Ok(()), |error| Err(error.to_string()))
    }

    /// The stored Canary of the planned one's name, made if there is none.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn canary(&self, planned: &Canary, namespace: &str) -> Result<Canary, kube::Error> {
        let canaries: Api<Canary> = Api::namespaced(self.client.clone(), namespace);
        let name = planned.metadata.name.clone().unwrap_or_default();
        match canaries.get_opt(&name).await? {
            Some(stored) => Ok(stored),
            None => canaries.patch(&name, &params(), &Patch::Apply(planned)).await,
        }
    }

    /// Applies an object that does not exist. What exists is the user's, or complete.
    async fn apply(&self, namespace: &str, object: Value) -> Result<(), kube::Error> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let (group, version) = version.split_once('/').unwrap_or(("", version.as_str()));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        if api.get_metadata_opt(&name).await?.is_some() {
            return Ok(());
        }
        match api.patch(&name, &params(), &Patch::Apply(&object)).await {
            // Somebody made it in between, with other values.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

// Without force: a field that somebody else owns is theirs.
fn params() -> PatchParams {
    PatchParams::apply(labels::FIELD_MANAGER)
}

/// The Services and the route for the Deployment as admitted: everything goes to the side that has, or is about to have,
/// ready pods.
fn objects(request: &Request, plan: &Plan) -> Vec<Value> {
    let hot = TargetState::of(&request.object) == Some(TargetState::Hot);
    let (side, traffic) = if hot {
        (ApexSide::Target, Traffic::CANARY)
    } else {
        (ApexSide::Primary, Traffic::PRIMARY)
    };
    let mut objects = plan::services(Some(&request.object), &plan.selector, &plan.blueprint, side);
    if plan.blueprint.names_by_policy() {
        // Its author may be about to bring his own of these names, in this apply or by a create; nobody could answer yet.
        let apex = plan.blueprint.names.as_ref().map(|names| names.apex.as_str());
        objects.retain(|object| object.pointer("/metadata/name").and_then(Value::as_str) != apex);
        return objects;
    }
    // What such routes lead to is made first, and that by the controller. It also says why there is none for the host of another
    // namespace, of a Canary that was stored while nobody judged it.
    let makes = !plan.blueprint.provider.has_destinations() && plan.blueprint.alien_hosts.is_empty();
    objects.extend(plan::route(&plan.blueprint, traffic).filter(|_| makes));
    objects
}

#[cfg(test)]
mod tests;
