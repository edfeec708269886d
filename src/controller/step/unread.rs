//! Kinds that a step needs to know and that nobody could list yet. What is not known is not absent: nothing is done by it.

use crate::{
    api::Canary,
    controller::{
        context::Context,
        queue::Key,
        status::{dropped, record::NotRead},
        watch::informers::cache::Unlisted,
    },
};
use jiff::Timestamp;
use std::time::Duration;

/// After people were told; the list that ends at last is a reason for a step.
const LATER: Duration = Duration::from_secs(30);

/// Says why no step is done of any Canary of the namespace of `canary`, once that lasts. Answers when to look again; `None` where
/// the lists are under way.
///
/// # Errors
/// Those of the API server.
pub async fn of_all(context: &Context, key: &Key, canary: &Canary) -> Result<Option<Duration>, kube::Error> {
    let mut all = context.cluster.cache.unlisted(&key.0).into_iter();
    match all.find(|unread| !unread.kind.is_for_some()) {
        Some(unread) => told(context, canary, &unread, Timestamp::now()).await.map(Some),
        None => Ok(None),
    }
}

/// Says why no step is done of `canary`, as its policy completes it, once that lasts. Answers when to look again; `None` where
/// all that it needs is known.
///
/// # Errors
/// Those of the API server.
pub async fn of_one(context: &Context, canary: &Canary, now: Timestamp) -> Result<Option<Duration>, kube::Error> {
    let default_provider = &context.options.defaults.provider;
    match context.cluster.unread_by(canary, default_provider) {
        Some(unread) => told(context, canary, &unread, now).await.map(Some),
        None => Ok(None),
    }
}

async fn told(context: &Context, canary: &Canary, unread: &Unlisted, now: Timestamp) -> Result<Duration, kube::Error> {
    let left = unread.until_told();
    if !left.is_zero() {
        return Ok(left);
    }
    let Some(news) = NotRead::of(canary, unread, now) else {
        return Ok(LATER);
    };
    // It is written also before the step itself looks whether it may be.
    if let Some(wake) = dropped::hidden(context, canary).await? {
        return Ok(wake);
    }
    news.tell(context, canary, now).await?;
    Ok(LATER)
}
