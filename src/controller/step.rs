//! One step of one Canary. It goes one way: whose [`turn`] it is, what there is ([`snapshot`]), what that means
//! ([`interpret`]), what is to be ([`decide`]), which is stored ([`store`]) before it is done ([`execute`]), and what has to be
//! asked of others ([`ask`]). The next step begins anew, with what there is then.

mod counted;
mod decide;
mod execute;
mod failed;
mod interpret;
mod models;
mod oversize;
mod snapshot;
mod store;
mod turn;
mod unread;
mod wake;

use super::{
    context::Context,
    difference::unrestored,
    effects::ask::ask,
    lifecycle::{finish, unreleased::unreleased},
    queue::{Key, next::Next},
    status::dropped,
};
use crate::api::Canary;
use crate::messages::Severity;
use failed::failed;
use jiff::Timestamp;
use snapshot::Snapshot;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use turn::Turn;

/// When a step is done again after it went well for the first time in a while.
const HEALED: Duration = Duration::from_millis(200);

/// Longest time for a step: so long, at most, does a Canary whose requests are not answered keep one of the few places.
/// What a step that is cut off has written is there, and is found by the next one as after a restart.
const LONGEST: Duration = Duration::from_secs(120);

/// Steps the Canary of `key`; answers when to do it again.
pub async fn step(context: Arc<Context>, key: Key) -> Next {
    let Some(canary) = context.cluster.canary(&key) else {
        context.forget(&key);
        return Next::default();
    };
    let attempted = match context
        .caught(
            &key,
            "a step",
            in_time(Box::pin(attempt(&context, &key, canary.clone()))),
        )
        .await
    {
        Ok(attempted) => attempted,
        Err(why) => return Some(context.memory.of(&key, |canary| canary.failures.note(&why)).0).into(),
    };
    match attempted {
        Ok(Done::All(wake) | Done::Nothing(wake)) if context.memory.of(&key, |canary| canary.failures.forget()) => {
            // The conditions say what is over.
            Some(wake.unwrap_or(HEALED).min(HEALED)).into()
        }
        Ok(Done::Nothing(wake)) => Next { wake, rests: true },
        Ok(Done::All(wake) | Done::Less(wake)) => wake.into(),
        Err(error) => Some(failed(&context, &key, &canary, &error).await).into(),
    }
}

// How much of a step was done, and when to do it again if nothing happens before.
enum Done {
    /// All of it, and nothing had to be: nobody was asked, and nothing was written.
    Nothing(Option<Duration>),
    All(Option<Duration>),
    Less(Option<Duration>),
}

// Why a step goes no further.
enum Stop {
    /// Nothing more is to be done now.
    Over(Option<Duration>),
    /// The Canary cannot be released as it is.
    Unreleased(String),
    /// The API server did not do what it was asked for.
    Failed(kube::Error),
}

impl From<kube::Error> for Stop {
    fn from(error: kube::Error) -> Self {
        Self::Failed(error)
    }
}

async fn in_time(attempt: impl Future<Output = Result<Done, kube::Error>>) -> Result<Done, kube::Error> {
    let late = |_| {
        let text = format!(
            "the API server did not answer all of a step within {} s",
            LONGEST.as_secs()
        );
        Err(kube::Error::Service(text.into()))
    };
    tokio::time::timeout(LONGEST, attempt).await.unwrap_or_else(late)
}

async fn attempt(context: &Arc<Context>, key: &Key, canary: Arc<Canary>) -> Result<Done, kube::Error> {
    context.memory.of(key, |canary| canary.failures.begin());
    if let Some(done) = turn::has_not_come(context, key, &canary).await? {
        return Ok(done);
    }
    if let Some(wake) = dropped::hidden(context, &canary).await? {
        return Ok(Done::Less(Some(wake)));
    }
    if let Some(done) = oversize::of(context, key, &canary).await? {
        return Ok(done);
    }
    let turn = Turn::of(context, key, canary);
    if let Some(wake) = unread::of_one(context, &turn.canary, turn.now).await? {
        return Ok(Done::Less(Some(wake)));
    }
    match advance(context, &turn).await {
        Ok(done) => Ok(done),
        Err(Stop::Over(wake)) => Ok(Done::All(wake)),
        Err(Stop::Unreleased(why)) => {
            let (canary, leaving, now) = (&turn.canary, turn.leaving, turn.now);
            unreleased(context, canary, why, leaving, now).await.map(Done::All)
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn advance(context: &Arc<Context>, turn: &Turn) -> Result<Done, Stop> {
    let (key, canary, begun) = (&turn.key, &turn.canary, Instant::now());
    let mut pair = snapshot::snapshot(context, turn).await?;
    let mut seen = interpret::interpret(context, turn, &pair).await;
    let decided = decide::decide(context, turn, &mut pair, &mut seen);
    let announced = store::store(context, turn, &pair, &seen, &decided).await?;
    let left = execute::execute(context, turn, &pair, &decided).await?;
    if decided.is_the_end() {
        return Ok(end(context, canary, &pair).await?);
    }
    ask(
        context,
        key,
        canary,
        &decided.outcome,
        (&pair.live, &pair.blueprint, &seen),
    );
    let wake = wake::wake(context, turn, (&pair, &decided, left), announced, Timestamp::now());
    let recorded = || context.memory.of(key, |canary| canary.written.has_status_since(begun));
    Ok(match left.is_nothing() {
        true if decided.is_rest() && !recorded() => Done::Nothing(wake),
        true => Done::All(wake),
        false => Done::Less(wake),
    })
}

// The app has been given back: lets the Canary go.
async fn end(context: &Context, canary: &Arc<Canary>, pair: &Snapshot) -> Result<Done, kube::Error> {
    for text in unrestored(&pair.live, &pair.blueprint) {
        context.effects.events.record(&**canary, Severity::Warning, text);
    }
    finish::release(&context.effects.client, canary).await?;
    Ok(Done::All(None))
}

#[cfg(test)]
mod tests;
