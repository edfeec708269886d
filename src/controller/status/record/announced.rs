//! A revision that was announced and does not come: looked for once its time is over, and then forgotten.

use crate::analysis::instants::after;
use crate::api::Canary;
use crate::api::canary::{Announced, RunStatus};
use crate::controller::context::Context;
use crate::controller::watch::informers::cache::Kind;
use crate::plan::Workload;
use crate::plan::workload::template;
use jiff::Timestamp;
use kube::Api;
use kube::core::DynamicObject;
use std::time::Duration;

/// What is stored is in the cache by then.
pub(super) const ON_ITS_WAY_TO_US: Duration = Duration::from_secs(2);

pub(super) fn announced(run: Option<&RunStatus>) -> Option<&Announced> {
    run?.announced.as_ref()
}

// When an announcement is looked at again: one that is over is on its way to the cache, and the store is not asked without
// end meanwhile.
pub(super) fn again(expires: Timestamp, now: Timestamp) -> Timestamp {
    expires.max(after(now, ON_ITS_WAY_TO_US))
}

// Whether the announced revision can not come any more. The cache may lag behind the store, so the store is asked.
pub(super) async fn refused(
    context: &Context,
    canary: &Canary,
    seen: Option<&str>,
    now: Timestamp,
) -> Result<bool, kube::Error> {
    let run = canary.status.as_ref().and_then(|status| status.run.as_ref());
    let Some(announced) = announced(run).filter(|a| seen != Some(a.revision.as_str()) && a.expires() <= now) else {
        return Ok(false);
    };
    let workload = Workload::of(canary).unwrap_or_default();
    let resource = Kind::of(workload).resource();
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.effects.client.clone(), canary.namespace_name(), &resource);
    let target = api.get_opt(canary.target_name()).await?;
    let revision = target
        .as_ref()
        .and_then(|target| serde_json::to_value(target).ok())
        .and_then(|target| template::revision(&target));
    Ok(revision.as_deref() != Some(announced.revision.as_str()))
}
