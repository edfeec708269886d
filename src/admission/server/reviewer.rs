//! Who makes the verdicts: what the server asks, and how it is answered.

use crate::admission::review::{Observed, Request, Response};
use crate::api::entry::Entry;
use futures::FutureExt;
use futures::future::BoxFuture;

/// A fault of ours: answered with 500, so the entry's failurePolicy decides. The text goes to the log, not to the client.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Internal(pub String);

/// The answer to a request, or the way to it.
pub enum Reply<'a> {
    /// It is there: computation was all it took.
    Given(Response),
    /// It needs the API server first, within a budget of its own: look-ups, rights, side effects. What is known of the
    /// request goes with it, so nothing is asked or decided twice.
    Pending(BoxFuture<'a, Result<Response, Internal>>),
}

impl<'a> Reply<'a> {
    /// The answer comes with the end of `answer`.
    pub fn after(answer: impl Future<Output = Response> + Send + 'a) -> Self {
        Self::Pending(answer.map(Ok).boxed())
    }

    /// The answer, when it is there.
    ///
    /// # Errors
    /// When none can be given after all.
    pub async fn response(self) -> Result<Response, Internal> {
        match self {
            Self::Given(response) => Ok(response),
            Self::Pending(response) => response.await,
        }
    }
}

/// What the server asks.
pub trait Reviewer: Send + Sync + 'static {
    /// The verdict on a request. Must not block or wait; what has to be waited for is left to [`Reply::Pending`].
    ///
    /// # Errors
    /// When no verdict can be given.
    fn review<'a>(&'a self, entry: Entry, request: &'a Request) -> Result<Reply<'a>, Internal>;

    /// Called once for each request to an entry, when its status is known. The request comes without its objects.
    fn observe(&self, entry: Entry, request: Option<&Request>, outcome: &Observed<'_>);

    /// Called once for each request that named no path of ours.
    fn unheard(&self) {}
}
