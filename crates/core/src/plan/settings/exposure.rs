//! What routes show besides shares: whom a test is for, whom cookies keep.

use crate::{
    api::Canary,
    plan::workload::{Workload, revisions},
    routing::{Affinity, Cookies, Exposure, Member, ProviderDefaults},
};
use std::collections::BTreeMap;

/// The cookies that keep users on their side, where a Canary asks for them.
pub fn affinity(canary: &Canary) -> Option<Affinity> {
    let analysis = canary.analysis();
    Affinity::new(analysis.session_affinity.as_ref()?, analysis.interval())
}

/// What routes need to know besides shares, with the cookies the status records.
pub fn exposure(canary: &Canary) -> Exposure {
    Exposure {
        matches: canary.analysis().matches.clone().unwrap_or_default(),
        affinity: affinity(canary),
        cookies: canary.status.as_ref().map(Cookies::recorded).unwrap_or_default(),
        policy: canary
            .spec
            .service
            .as_ref()
            .and_then(|service| service.traffic_policy.clone()),
        revision: tested(canary),
        model: model(canary),
        // Whoever can look for them adds them.
        models: BTreeMap::new(),
        member: member(canary),
        // Those are for the command line to say.
        defaults: ProviderDefaults::default(),
    }
}

// Which pods are whose is known where both halves are, and what of a Canary is about logs where its provider is.
fn member(canary: &Canary) -> Member {
    let service = canary.spec.service.as_ref();
    Member {
        backends: service.and_then(|service| service.backends.clone()).unwrap_or_default(),
        logs: false,
        pods: None,
    }
}

// Of the run that is recorded, or of the last one.
fn tested(canary: &Canary) -> Option<String> {
    let run = canary.status.as_ref()?.run.as_ref()?;
    revisions::named(Workload::of(canary)?, run.applied_revision.as_deref())
}

fn model(canary: &Canary) -> Option<(String, String)> {
    let named = canary.spec.upstream_ref.as_ref()?;
    let namespace = named.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or_else(|| canary.namespace_name());
    Some((namespace.to_owned(), named.name.clone()))
}
