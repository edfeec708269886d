//! Requests to the API server: none waits for an answer without end, none is answered with more than there is room for, and
//! few are sent twice.
//!
//! A connection whose other end went away without a word, behind a load balancer say, answers nothing, and says so to
//! nobody for a long time. Whoever waits for an answer on it must not take along what waits for him.

mod deadline;
mod dynamic;
mod fitted;
pub mod pages;
mod size;

use deadline::Deadline;
pub use dynamic::{dynamic, resource};
use fitted::Fitted;
use futures::Stream;
use http::{Method, Request, Response, StatusCode, header::RETRY_AFTER, request::Parts};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::{Client, client::Body};
pub use size::ReadsInPart;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use tower::BoxError;

/// Longest time for an answer to a question, and for the beginning of a watch.
const READ: Duration = Duration::from_secs(30);
/// Longest time for a write. The API server ends one itself after a minute, half of which any webhook may take: what it
/// says then names who is at fault, and a webhook that may fail open is no obstacle for longer.
const WRITE: Duration = Duration::from_secs(65);

/// Before a question that the API server was too busy for is put again; after the last one, whoever asked decides.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Whoever is to wait for longer is told so at once, and has pauses of his own.
const LONG: Duration = Duration::from_secs(2);

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// What all pages share.
struct Shared {
    /// To read large ones.
    turns: Semaphore,
    fitted: Fitted,
}

/// A client whose requests end as those of `client` do, and in time: the head of an answer and all of its body, of a watch
/// the head alone. A page of a list that would be too large comes with fewer objects than were asked for, and its token leads
/// on from there; the next one of that path begins with as many. Any other answer that is too large is an error. A question that
/// the API server is too busy for is put again twice; a write is left to whoever wants it, who has to look first whether he
/// still does.
pub fn bounded(client: &Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let shared = Arc::new(Shared {
        turns: Semaphore::new(size::TURNS),
        fitted: Fitted::default(),
    });
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, shared) = (client.clone(), Arc::clone(&shared));
        async move { answered(&client, request, &shared).await }
    });
    Client::new(service, namespace)
}

async fn answered(client: &Client, request: Request<Body>, shared: &Shared) -> Result<Answer, kube::Error> {
    let limit = if *request.method() == Method::GET { READ } else { WRITE };
    let (mut deadline, watches) = (Deadline::new(&request, limit), is_watch(&request));
    if let Some(objects) = size::asked(&request).filter(|_| !watches) {
        let (parts, _) = request.into_parts();
        return listed(client, &parts, objects, shared, &mut deadline).await;
    }
    let large = size::too_large(request.method(), request.uri().path());
    let (parts, body) = deadline.keeps(sent(client, request)).await??.into_parts();
    let body = if watches {
        body.map_err(plain).boxed_unsync()
    } else {
        StreamBody::new(read_until(deadline.until, body, (deadline.late(), large))).boxed_unsync()
    };
    Ok(Response::from_parts(parts, body))
}

// A page, with as many of the objects that are asked for as there is room for.
async fn listed(
    client: &Client,
    asked: &Parts,
    most: u32,
    shared: &Shared,
    deadline: &mut Deadline,
) -> Result<Answer, kube::Error> {
    let path = asked.uri.path();
    let mut objects = shared.fitted.begin(path, most);
    loop {
        let mut parts = asked.clone();
        parts.uri = size::with_objects(&asked.uri, objects);
        let request = Request::from_parts(parts, Body::empty());
        let (head, body) = deadline.keeps(sent(client, request)).await??.into_parts();
        // A refusal is short, and says nothing of how much there is.
        let is_page = head.status.is_success();
        if let Some(page) = size::page(body, objects, &shared.turns, deadline).await? {
            if is_page {
                shared.fitted.note(path, most, objects);
            }
            let body = Full::new(Bytes::from(page)).map_err(|never| -> BoxError { match never {} });
            return Ok(Response::from_parts(head, body.boxed_unsync()));
        }
        if objects <= 1 {
            return Err(kube::Error::Service(size::too_large(&asked.method, path).into()));
        }
        tracing::debug!(path, objects, "too large a page, asking for half as many objects");
        objects /= 2;
        shared.fitted.try_next(path, most, objects);
    }
}

fn is_watch(request: &Request<Body>) -> bool {
    let mut query = request.uri().query().unwrap_or_default().split('&');
    query.any(|one| one == "watch=true")
}

// Sent, and again where it asks for something that the API server is too busy to say.
async fn sent(client: &Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
    let (parts, body) = request.into_parts();
    // A review of somebody's rights is sent as a write, and stores nothing.
    let asks = parts.method == Method::GET || parts.uri.path().ends_with("reviews");
    for pause in PAUSES {
        let Some(copy) = body.try_clone().filter(|_| asks) else {
            break;
        };
        let answer = client.send(Request::from_parts(parts.clone(), copy)).await?;
        let Some(pause) = again(&answer, pause) else {
            return Ok(answer);
        };
        drop(answer);
        sleep(pause).await;
    }
    client.send(Request::from_parts(parts, body)).await
}

// In what time it is worth to be asked again, if it is.
fn again(answer: &Response<Body>, pause: Duration) -> Option<Duration> {
    let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked
        .and_then(|seconds| seconds.parse::<u64>().ok())
        .map(Duration::from_secs);
    let pause = asked.unwrap_or(pause).max(pause);
    (busy.contains(&answer.status()) && pause <= LONG).then_some(pause)
}

// The frames of a body. One that has not come by then never does, and neither does what is more than is read.
fn read_until(
    until: Instant,
    body: Body,
    (late, large): (String, String),
) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send {
    futures::stream::unfold(Some((body, late, large, size::LONGEST)), move |rest| async move {
        let (mut body, late, large, left) = rest?;
        let Ok(frame) = timeout_at(until, body.frame()).await else {
            return Some((Err(BoxError::from(late)), None));
        };
        let frame = frame?.map_err(plain);
        let bytes = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(left) => Some((frame, Some((body, late, large, left)))),
            None => Some((Err(BoxError::from(large)), None)),
        }
    })
}

// What went wrong, without the client's own words around it, which come around it once more.
fn plain(error: kube::Error) -> BoxError {
    match error {
        kube::Error::Service(error) => error,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
