//! The self-probe: a dry-run CREATE of a known-bad CanaryPolicy, which only this program refuses.
//!
//! It goes the whole way: API server, Service, TLS, verdict. Only when it is refused *by us* may an entry be made to
//! fail closed.

use super::render::webhook_name;
use crate::admission::review::{Denial, Request};
use crate::admission::server::Entry;
use crate::api::CanaryPolicy;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::Value;

/// The name of the policy that is always refused.
pub const PROBE_NAME: &str = "coalmine-self-probe";

/// Whether `request` is a probe.
pub fn is_probe(request: &Request) -> bool {
    request.kind.kind == "CanaryPolicy"
        && request.object.pointer("/metadata/name").and_then(Value::as_str) == Some(PROBE_NAME)
}

/// The refusal of a probe.
pub fn probe_denial() -> Denial {
    Denial::forbidden(format!(
        "the name {PROBE_NAME} is reserved for the self-probe of the admission webhook"
    ))
}

/// Whether the door is reached through the API server.
///
/// # Errors
/// A sentence saying what happened instead.
pub(super) async fn probe(client: Client) -> Result<(), String> {
    let policies: Api<CanaryPolicy> = Api::all(client);
    let policy = CanaryPolicy::new(PROBE_NAME, Default::default());
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match policies.create(&params, &policy).await {
        Ok(_) => Err("the known-bad CanaryPolicy was not refused".to_owned()),
        Err(kube::Error::Api(status)) if status.message.contains(&webhook_name(Entry::ValidateCanaries)) => {
            if status.message.contains(PROBE_NAME) {
                Ok(())
            } else {
                Err(status.message.clone())
            }
        }
        Err(error) => Err(error.to_string()),
    }
}
