//! One HTTP request: is it of an API server, which entry, is it a review, whose turn is it, and the bytes of the answer.

use super::Shared;
use super::body;
use super::failure::Failure;
use super::judge::judge;
use super::reviewer::Reviewer;
use crate::admission::review::Observed;
use crate::api::entry::Entry;
use crate::connections::Place;
use bytes::Bytes;
use futures::FutureExt;
use http::{Method, StatusCode, header};
use http_body_util::Full;
use std::any::Any;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

type Answer = http::Response<Full<Bytes>>;

/// Answers one HTTP request. Generic over the body so that tests need no socket.
pub(in crate::admission) async fn respond<R, B>(
    shared: &Arc<Shared<R>>,
    place: &Place,
    request: http::Request<B>,
) -> Answer
where
    R: Reviewer,
    B: hyper::body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Before anything else: whoever does not know the path learns nothing and costs nothing.
    let Some(entry) = shared.known.entry(request.uri().path()) else {
        shared.reviewer.unheard();
        place.guest().refuse();
        return nothing(StatusCode::NOT_FOUND);
    };
    if place.guest().recognise() {
        place.recognised();
    }
    let _busy = shared.activity.begin();
    let start = Instant::now();
    let peer = place.guest().peer;
    let Some(_request) = shared.requests.take_now(peer) else {
        let crowded = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests are being answered");
        return closing(shared, failed(shared, entry, crowded, start));
    };
    let work = AssertUnwindSafe(answer(shared, entry, peer, request, start)).catch_unwind();
    let answer = match tokio::time::timeout(shared.limits.request, work).await {
        Ok(Ok(Ok(answer))) => answer,
        Ok(Ok(Err(failure))) => failed(shared, entry, failure, start),
        Ok(Err(panic)) => failed(shared, entry, panicked(panic), start),
        Err(_) => {
            let late = Failure::new(StatusCode::GATEWAY_TIMEOUT, "the request took too long");
            failed(shared, entry, late, start)
        }
    };
    closing(shared, answer)
}

/// The answer where there is no verdict, which is counted and logged.
fn failed<R: Reviewer>(shared: &Shared<R>, entry: Entry, failure: Failure, start: Instant) -> Answer {
    if failure.status.is_server_error() {
        tracing::error!(
            entry = entry.as_str(),
            status = failure.status.as_u16(),
            error = failure.text,
            "no verdict"
        );
    }
    let Failure { status, panicked, .. } = failure;
    let observed = Observed {
        status,
        response: None,
        panicked,
        elapsed: start.elapsed(),
    };
    shared.reviewer.observe(entry, None, &observed);
    // A client learns the fault in its own request; ours stay in the log.
    let text = if status.is_client_error() {
        failure.text
    } else {
        "no verdict; see the log".to_owned()
    };
    plain(status, &format!("{text}\n"))
}

async fn answer<R, B>(
    shared: &Arc<Shared<R>>,
    entry: Entry,
    peer: IpAddr,
    request: http::Request<B>,
    start: Instant,
) -> Result<Answer, Failure>
where
    R: Reviewer,
    B: hyper::body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    acceptable(&request)?;
    let read = body::read(shared, peer, request.into_body()).await?;
    let judged = judge(shared, entry, peer, read).await?;
    let observed = Observed {
        status: StatusCode::OK,
        response: Some(&judged.response),
        panicked: false,
        elapsed: start.elapsed(),
    };
    shared.reviewer.observe(entry, Some(&judged.request), &observed);
    let mut answer = http::Response::new(Full::new(Bytes::from(judged.bytes)));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(answer)
}

fn acceptable<B>(request: &http::Request<B>) -> Result<(), Failure> {
    if request.method() != Method::POST {
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "reviews are posted"));
    }
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "reviews are application/json",
        ));
    }
    Ok(())
}

fn panicked(panic: Box<dyn Any + Send>) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Failure {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        text: format!("panic: {text}"),
        panicked: true,
    }
}

/// While stopping, HTTP/1 clients are told to go elsewhere; HTTP/2 learns it from GOAWAY.
fn closing<R>(shared: &Shared<R>, mut answer: Answer) -> Answer {
    if shared.is_stopping() {
        answer
            .headers_mut()
            .insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    answer
}

fn nothing(status: StatusCode) -> Answer {
    let mut answer = http::Response::default();
    *answer.status_mut() = status;
    answer
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = http::Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}
