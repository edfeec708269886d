//! A Canary that cannot be released as it is: its target serves by itself, and its conditions say why.

use super::{finish, free, sweep};
use crate::controller::{
    context::Context,
    status::{self, record},
    watch::informers::cache::Kind,
};
use crate::{analysis::Stage, api::Canary, plan::Workload};
use jiff::Timestamp;
use std::time::Duration;

/// Lets go what is held of it, and says `why`. What cannot be released has nothing to give back, unless it could be once.
/// Answers when to look again.
///
/// # Errors
/// Those of the API server.
pub async fn unreleased(
    context: &Context,
    canary: &Canary,
    why: String,
    leaving: bool,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let client = &context.effects.client;
    if status::state(canary, now).stage == Stage::Building
        && let Some(target) = context.cluster.target(canary)
    {
        let workload = Workload::of(canary).unwrap_or_default();
        free::of(client, Kind::of(workload), &target).await?;
    }
    if leaving && !sweep::is_known(canary) {
        finish::release(client, canary).await?;
        return Ok(None);
    }
    record::not_released(context, canary, why, now).await
}
