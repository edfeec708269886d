//! The verdict on one review: whose turn it is, and on which thread.
//!
//! A small review is read and judged between two waits of the threads that serve everybody, which takes less than a
//! millisecond. A large one waits for one of few turns and then has a thread of its own, which stands behind the others, so it
//! delays nobody: it is read, judged, answered and let go of there, since to free a hundred thousand values takes as long as
//! to read them.

use super::Shared;
use super::background;
use super::body::Read;
use super::failure::{Failure, internal};
use super::reviewer::Reviewer;
use crate::admission::review::{self, Request, Response};
use crate::api::entry::Entry;
use http::StatusCode;
use std::net::IpAddr;
use std::sync::Arc;

/// What is left of a review when it is judged.
pub(super) struct Judged {
    /// Without its objects.
    pub request: Request,
    pub response: Response,
    /// The answer as it is sent.
    pub bytes: Vec<u8>,
}

/// Reads the review and judges it.
pub(super) async fn judge<R: Reviewer>(
    shared: &Arc<Shared<R>>,
    entry: Entry,
    peer: IpAddr,
    read: Read,
) -> Result<Judged, Failure> {
    let turns = if read.large { &shared.large_turns } else { &shared.turns };
    let turn = turns.take_within(shared.queue(read.large), peer, 1).await;
    let Some(turn) = turn else {
        return Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests wait for a verdict",
        ));
    };
    if !read.large {
        return judged(shared, entry, read.bytes, turn).await;
    }
    let shared = Arc::clone(shared);
    let judged = background::run(async move {
        let _turn = turn;
        judged(&shared, entry, read.bytes, read.shares).await
    });
    match judged.await.map_err(internal)? {
        Ok(judged) => judged,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The verdict. `held` is let go when the verdict is computed: what is waited for afterwards holds up no other.
async fn judged<R: Reviewer>(
    shared: &Shared<R>,
    entry: Entry,
    body: Vec<u8>,
    held: impl Send,
) -> Result<Judged, Failure> {
    let mut request = review::parse(&body).map_err(|e| Failure::new(StatusCode::BAD_REQUEST, e.to_string()))?;
    drop(body);
    let reply = shared.reviewer.review(entry, &request).map_err(internal)?;
    drop(held);
    let response = reply.response().await.map_err(internal)?;
    let bytes = response.to_bytes(&request).map_err(internal)?;
    request.drop_objects();
    Ok(Judged {
        request,
        response,
        bytes,
    })
}
