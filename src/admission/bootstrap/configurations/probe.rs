//! The self-probe: a dry-run CREATE of a known-bad CanaryPolicy, which only this program refuses.
//!
//! It goes the whole way: API server, Service, TLS, verdict. Only when it is refused *by us* may an entry be made to
//! fail closed.

use super::render::webhook_name;
use crate::api::CanaryPolicy;
use crate::api::entry::Entry;
use coalmine_core::validation::known_bad_policy;
use kube::api::PostParams;
use kube::{Api, Client};

/// Whether the webhook is reached through the API server.
///
/// # Errors
/// A sentence saying what happened instead.
pub(super) async fn probe(client: Client) -> Result<(), String> {
    let policies: Api<CanaryPolicy> = Api::all(client);
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match policies.create(&params, &known_bad_policy()).await {
        Ok(_) => Err("the known-bad CanaryPolicy was not refused".to_owned()),
        // A denial names the entry and carries our causes; that the entry cannot be reached is a 500 that names it too.
        Err(kube::Error::Api(status)) if is_ours(&status) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn is_ours(status: &kube::core::Status) -> bool {
    status.code == 422 && status.message.contains(&webhook_name(Entry::ValidateCanaries))
}
