//! The answer to one request.

use super::{API_VERSION, Cause, Decision, Request, encode};
use json_patch::PatchOperation;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Causes beyond this many are cut off; kubectl prints every one.
const MAX_CAUSES: usize = 20;
/// Warnings beyond this many are cut off.
const MAX_WARNINGS: usize = 10;
/// The API server truncates longer warnings on its own when many are sent.
const MAX_WARNING_CHARS: usize = 256;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// HTTP code of the status: 422 for faults in fields, 403 for what may not be done.
    pub code: u16,
    /// `Invalid`, `Forbidden`...
    pub reason: &'static str,
    /// The whole sentence.
    pub message: String,
    /// Per-field faults; at most 20 are sent.
    pub causes: Vec<Cause>,
}

impl Denial {
    /// 422 `Invalid` with every cause, worded as the API server words its own.
    pub fn invalid(request: &Request, causes: Vec<Cause>) -> Self {
        let kind = match request.kind.group.as_str() {
            "" => request.kind.kind.clone(),
            group => format!("{}.{group}", request.kind.kind),
        };
        let lines: Vec<String> = causes
            .iter()
            .take(MAX_CAUSES)
            .map(|c| format!("{}: {}", c.field, c.message))
            .collect();
        let text = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{kind} \"{}\" is invalid: {text}", request.object_name());
        Self {
            code: 422,
            reason: "Invalid",
            message,
            causes,
        }
    }

    /// 403 `Forbidden` with a sentence.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            code: 403,
            reason: "Forbidden",
            message: message.into(),
            causes: Vec::new(),
        }
    }
}

/// What is answered to a request; allowed unless it carries a denial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// The refusal, if any.
    pub denial: Option<Denial>,
    /// JSON patch; only of mutating entries.
    pub patch: Vec<PatchOperation>,
    /// Shown by kubectl as `Warning: ...`.
    pub warnings: Vec<String>,
    /// What the review came to; nothing where there was nothing to decide.
    pub decision: Option<Decision>,
    /// Written to the API server's audit log under the entry's name, beside the decision.
    pub audit: BTreeMap<String, String>,
}

impl Response {
    /// Allowed, unchanged, silent.
    pub fn allow() -> Self {
        Self::default()
    }

    /// The answer that refuses the request.
    pub fn deny(denial: Denial) -> Self {
        Self {
            denial: Some(denial),
            ..Self::default()
        }
    }

    /// Adds warnings after those that are there.
    #[must_use]
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Says what the review came to.
    #[must_use]
    pub fn with_decision(mut self, decision: Decision) -> Self {
        self.decision = Some(decision);
        self
    }

    /// Adds an annotation of the audit event; the key must be a plain word.
    #[must_use]
    pub fn with_audit(mut self, key: &str, value: impl Into<String>) -> Self {
        self.audit.insert(key.to_owned(), value.into());
        self
    }

    /// Whether the object may be stored.
    pub fn allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The word for the decision; empty where there was nothing to decide.
    pub fn decided(&self) -> &'static str {
        self.decision.map(Decision::as_str).unwrap_or_default()
    }

    fn annotations(&self) -> BTreeMap<&str, &str> {
        let decision = self.decision.map(|decision| ("decision", decision.as_str()));
        let others = self.audit.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        others.chain(decision).collect()
    }

    /// The bytes of the AdmissionReview that answers `request`.
    pub fn to_bytes(&self, request: &Request) -> Result<Vec<u8>, serde_json::Error> {
        let mut response = Map::new();
        response.insert("uid".into(), Value::from(request.uid.as_str()));
        response.insert("allowed".into(), Value::from(self.allowed()));
        if let Some(denial) = &self.denial {
            response.insert("status".into(), status(request, denial));
        } else if !self.patch.is_empty() {
            response.insert("patchType".into(), Value::from("JSONPatch"));
            response.insert("patch".into(), Value::from(encode(&self.patch)?));
        }
        if !self.warnings.is_empty() {
            let warnings: Vec<String> = self.warnings.iter().take(MAX_WARNINGS).map(|w| clean(w)).collect();
            response.insert("warnings".into(), Value::from(warnings));
        }
        let annotations = self.annotations();
        if !annotations.is_empty() {
            response.insert("auditAnnotations".into(), serde_json::to_value(annotations)?);
        }
        serde_json::to_vec(&json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}))
    }
}

/// `metav1.Status`, of which the API server keeps code, reason, message and details.
fn status(request: &Request, denial: &Denial) -> Value {
    let mut status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": denial.code, "reason": denial.reason, "message": denial.message,
    });
    if denial.causes.is_empty() {
        return status;
    }
    let cause =
        |cause: &Cause| json!({"reason": cause.reason.as_str(), "field": cause.field, "message": cause.message});
    let causes: Vec<Value> = denial.causes.iter().take(MAX_CAUSES).map(cause).collect();
    let details = json!({
        "group": request.kind.group, "kind": request.kind.kind, "name": request.object_name(),
        "causes": causes,
    });
    if let Some(members) = status.as_object_mut() {
        members.insert("details".into(), details);
    }
    status
}

/// One line without control characters, of bounded length: a warning is an HTTP header.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_WARNING_CHARS)
        .collect()
}
