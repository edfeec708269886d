//! `admission.k8s.io/v1` AdmissionReview, as the API server sends it and as it wants it answered.
//!
//! The types are our own: objects stay [`Value`]s, so fields that we do not know survive, and the patch is written as
//! base64 text (kube writes a number array, four times larger and unreadable for other readers).
//!
//! Before it, [`server`](super::server) has read the body; after it, the [`webhook`](super::webhook) knows the request, and what it
//! answers is written here too.

use base64::Engine as _;
use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

mod decision;
mod observed;
mod response;

pub use coalmine_core::validation::{Cause, CauseReason};
pub use decision::Decision;
pub use observed::Observed;
pub use response::{Denial, Response};

/// The only version that is spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";

/// A whole request body.
#[derive(Debug, Deserialize)]
pub struct ReviewRequest {
    /// Must be [`API_VERSION`].
    #[serde(rename = "apiVersion", default)]
    pub api_version: String,
    /// Absent in a body that is no request.
    pub request: Option<Request>,
}

/// The group, version and kind of the object in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct GroupVersionKind {
    /// Empty for the core group.
    pub group: String,
    /// For example `v1`.
    pub version: String,
    /// For example `Deployment`.
    pub kind: String,
}

/// Who sent the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(default)]
pub struct UserInfo {
    /// For example `system:serviceaccount:NAMESPACE:NAME`.
    pub username: String,
    /// Empty for most.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Groups that the authenticator found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Anything else the authenticator says; wanted again by a SubjectAccessReview.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The verb of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A new object.
    #[default]
    Create,
    /// Any change of a stored object.
    Update,
    /// Removal; never refused here.
    Delete,
    /// `exec`, `proxy` and the like; never sent to us.
    Connect,
}

impl Operation {
    /// The name used in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// One request for admission.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// Echoed in the answer.
    pub uid: String,
    /// Of the object sent.
    pub kind: GroupVersionKind,
    /// `status`, `scale` or nothing.
    pub sub_resource: Option<String>,
    /// Empty on a CREATE with `generateName`.
    pub name: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// CREATE, UPDATE, DELETE or CONNECT.
    pub operation: Operation,
    /// Who sent the request.
    pub user_info: UserInfo,
    /// The new object, already defaulted; `null` on DELETE.
    pub object: Value,
    /// The stored object; `null` on CREATE.
    pub old_object: Value,
    /// Nothing may be written anywhere.
    pub dry_run: Option<bool>,
    /// The options of the API call.
    pub options: Option<Options>,
}

/// What the webhook reads of `CreateOptions`, `UpdateOptions` and `PatchOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The field manager the client names.
    pub field_manager: Option<String>,
}

impl Request {
    /// Lets go of the objects: nearly all of the memory of a request.
    pub fn drop_objects(&mut self) {
        (self.object, self.old_object) = (Value::Null, Value::Null);
    }

    /// Whether this request will not be stored. Absent means false.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run.unwrap_or(false)
    }

    /// The object's name: as requested, else as written in the object (empty with `generateName`).
    pub fn object_name(&self) -> &str {
        if !self.name.is_empty() {
            return &self.name;
        }
        self.object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether another pod template is sent than the one that is stored.
    pub fn brings_template(&self) -> bool {
        self.object.pointer("/spec/template") != self.old_object.pointer("/spec/template")
    }
}

/// Why a body is not a request that can be answered; an HTTP 400.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or not of this shape.
    #[error("the body is not an AdmissionReview: {0}")]
    Json(#[from] serde_json::Error),
    /// The AdmissionReview is of another version.
    #[error("AdmissionReview of version {0:?}; only admission.k8s.io/v1 is spoken")]
    Version(String),
    /// `request` is absent.
    #[error("the AdmissionReview carries no request")]
    Empty,
}

/// Reads a request body. serde_json limits the nesting to 128 levels by itself.
pub fn parse(body: &[u8]) -> Result<Request, ParseError> {
    let review: ReviewRequest = serde_json::from_slice(body)?;
    if review.api_version != API_VERSION {
        return Err(ParseError::Version(review.api_version.chars().take(64).collect()));
    }
    review.request.ok_or(ParseError::Empty)
}

/// The base64 text of a JSON patch.
fn encode(patch: &[PatchOperation]) -> Result<String, serde_json::Error> {
    Ok(base64::engine::general_purpose::STANDARD.encode(serde_json::to_vec(patch)?))
}

#[cfg(test)]
mod tests;
