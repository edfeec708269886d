//! The webhook itself: which entry asks what, of which caches, with which effects.
//!
//! What is known of a request is gathered in its [`RequestFacts`], which go through the stages with it; each stage is entered once.

mod enrol;
mod follow;
mod judging;
mod later;
mod namespaces;
mod routes;
mod scaling;
mod services;
mod workloads;

use super::bootstrap::certificates::now;
use super::effects::generate::{Generator, Rights};
use super::facts::{RequestFacts, View};
use super::metrics::Metrics;
use super::mutate::canaries;
use super::review::{Decision, Observed, Operation, Request, Response};
use super::server::{Internal, Reply, Reviewer};
use super::validate::kinds;
use crate::api::entry::Entry;
use crate::api::labels;
use crate::object::label;
use std::sync::Arc;

/// Everything the entries need.
pub struct AdmissionWebhook {
    /// What is known.
    pub view: View,
    /// Side effects; without one (in tests) there are none.
    pub effects: Option<Effects>,
    /// Counters of reviews and of side effects.
    pub metrics: Metrics,
}

/// What may be asked of the API server for a verdict, or after it.
pub struct Effects {
    /// Makes the inert objects.
    pub generator: Generator,
    /// Asks whether the requester may.
    pub rights: Rights,
}

impl Reviewer for Arc<AdmissionWebhook> {
    fn review<'a>(&'a self, entry: Entry, request: &'a Request) -> Result<Reply<'a>, Internal> {
        if let Some(response) = self.undisputed(entry, request) {
            return Ok(Reply::Given(response));
        }
        match entry {
            Entry::MutateDeployments => self.hold_workload(request),
            Entry::ScaleDeployments => self.scale(request),
            Entry::FollowDeployments => self.follow(request),
            Entry::OptIn => Ok(self.tell(request)),
            Entry::ValidateCanaries => {
                self.filled()?;
                Ok(Reply::Pending(Box::pin(self.validate_kind(request))))
            }
            // ValidateDeployments is an entry of the version before, which may be registered to fail closed;
            // ScaleDeployments does its work now.
            Entry::FollowDeletions | Entry::ValidateDeployments => Ok(Reply::Given(Response::allow())),
            Entry::MutateCanaries => Ok(Reply::Given(Response {
                patch: canaries::mutate(request, self.view.is_ours(request)),
                ..Response::default()
            })),
            Entry::HoldServices => Ok(self.hold_service(request)),
            Entry::HoldRoutes => self.hold_route(request).map(Reply::Given),
        }
    }

    fn unheard(&self) {
        self.metrics.unheard();
    }

    fn observe(&self, entry: Entry, request: Option<&Request>, outcome: &Observed<'_>) {
        self.metrics.observe(entry, request, outcome);
        let Some(request) = request else { return };
        // Never objects, patches or headers: they may hold secrets.
        tracing::debug!(
            entry = entry.as_str(),
            op = request.operation.as_str(),
            kind = request.kind.kind,
            namespace = request.namespace,
            name = request.name,
            user = request.user_info.username,
            uid = request.uid,
            dry_run = request.is_dry_run(),
            allowed = outcome.response.is_some_and(Response::allowed),
            decision = outcome.response.map(Response::decided).unwrap_or_default(),
            micros = outcome.elapsed.as_micros(),
            "reviewed"
        );
    }
}

/// A request about a whole object, not about a part of it such as its scale.
fn is_whole(request: &Request) -> bool {
    request.sub_resource.as_deref().is_none_or(str::is_empty)
}

fn is_managed(object: &serde_json::Value) -> bool {
    label(object, labels::MANAGED).is_some()
}

/// A request that goes through whatever is known: nobody may be locked in by the webhook.
fn is_free(entry: Entry, request: &Request) -> bool {
    let update = request.operation == Operation::Update;
    let deleted = request.object.pointer("/metadata/deletionTimestamp").is_some();
    (update && deleted) || (entry == Entry::ValidateCanaries && kinds::is_metadata_only(request))
}

impl AdmissionWebhook {
    /// Why requests cannot be answered well yet; nothing when they can.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        self.filled().map_err(|error| error.to_string())
    }

    /// Whether the caches can be asked at all. A verdict without them would be a guess: better none.
    fn filled(&self) -> Result<(), Internal> {
        match self.view.caches.waiting() {
            None => Ok(()),
            Some(left) => Err(Internal(format!("waiting for: {left}"))),
        }
    }

    /// What is known of `request` from here on.
    fn facts<'a>(&'a self, request: &'a Request) -> RequestFacts<'a> {
        RequestFacts::new(&self.view, request, now())
    }

    /// The answer to a request that is allowed whatever it says; nothing for any other.
    fn undisputed(&self, entry: Entry, request: &Request) -> Option<Response> {
        // Never refused; who uses what goes is told.
        if request.operation == Operation::Delete {
            let told = if entry == Entry::FollowDeletions {
                kinds::deleted(request, &self.view)
            } else {
                Vec::new()
            };
            return Some(Response::allow().with_warnings(told).with_decision(Decision::Deletion));
        }
        // Nor are they asked about what is on its way out, or about metadata of our kinds.
        is_free(entry, request).then(|| Response::allow().with_decision(Decision::MetadataOnly))
    }
}
