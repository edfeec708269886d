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

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Probed {
    /// The API server reaches the webhook.
    Reached,
    /// It does not; a sentence saying what happened instead.
    Missed(String),
    /// It could not be asked: it does not answer itself, or does not let us ask. That says nothing of the webhook.
    NotAsked(String),
}

/// Whether the webhook is reached through the API server.
pub(super) async fn probe(client: Client) -> Probed {
    let policies: Api<CanaryPolicy> = Api::all(client);
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match policies.create(&params, &known_bad_policy()).await {
        Ok(_) => Probed::Missed("the known-bad CanaryPolicy was not refused".to_owned()),
        Err(kube::Error::Api(status)) if names_the_entry(&status) => match status.code {
            // A denial names the entry and carries our causes; that the entry cannot be reached is a 500 that names it too.
            422 => Probed::Reached,
            _ => Probed::Missed(status.message.clone()),
        },
        Err(error) => Probed::NotAsked(error.to_string()),
    }
}

fn names_the_entry(status: &kube::core::Status) -> bool {
    status.message.contains(&webhook_name(Entry::ValidateCanaries))
}
