//! A call of gRPC with a message of one text back, as little of it as tells who answered and how it went.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue, TE};

use super::Outcome;

/// The method of the workload that says its version.
pub const METHOD: &str = "/coalmine.App/Version";
/// What a message begins with: whether it is compressed, and its length in four bytes.
const HEAD: usize = 5;
const STATUS: &str = "grpc-status";
const OK: &str = "0";

/// A message without a field.
pub fn message() -> Bytes {
    Bytes::from_static(&[0; HEAD])
}

/// Has `headers` say that a call comes, and that its trailers are read.
pub fn say(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
}

/// What a call that the workload of `version` answered came to, in the words of HTTP; nothing where its answer is not whole.
pub fn outcome(version: &str, headers: &HeaderMap, body: &[u8], trailers: Option<&HeaderMap>) -> Option<Outcome> {
    // One that failed may have its status among the headers, and no message.
    let status = trailers
        .and_then(|trailers| trailers.get(STATUS))
        .or(headers.get(STATUS))?;
    let went_well = status == OK;
    if went_well && text(body)? != version {
        return None;
    }
    Some(Outcome::Answered {
        status: if went_well { 200 } else { 500 },
        version: Arc::from(version),
    })
}

// The text of the one message of a body.
fn text(body: &[u8]) -> Option<&str> {
    let (head, message) = body.split_at_checked(HEAD)?;
    let [0, length @ ..] = head else { return None };
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let [0x0a, short, text @ ..] = message else { return None };
    let whole = usize::try_from(length).ok()? == message.len() && usize::from(*short) == text.len();
    std::str::from_utf8(text).ok().filter(|_| whole && *short < 128)
}

#[cfg(test)]
mod tests {
    use super::super::{Load, send::Sender};
    use super::*;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::post;
    use http::Version;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use tokio::net::TcpListener;

    const WHOLE: &[u8] = b"\0\0\0\0\x04\x0a\x02v1";

    fn said(status: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(STATUS, status.parse().unwrap());
        headers
    }

    #[test]
    fn what_came_back_whole_went_well_and_a_status_of_another_kind_is_an_error() {
        let whole = WHOLE;
        let (none, ok, internal) = (HeaderMap::new(), said("0"), said("13"));
        let status = |outcome: Option<Outcome>| match outcome {
            Some(Outcome::Answered { status, version }) if &*version == "v1" => Some(status),
            _ => None,
        };
        assert_eq!(status(outcome("v1", &none, whole, Some(&ok))), Some(200));
        assert_eq!(status(outcome("v1", &none, whole, Some(&internal))), Some(500));
        assert_eq!(status(outcome("v1", &internal, b"", None)), Some(500));
        for broken in [
            &whole[..6],
            &whole[..8],
            b"",
            b"\x01\0\0\0\x04\x0a\x02v1",
            b"\0\0\0\0\x04\x0a\x02v2",
        ] {
            assert_eq!(outcome("v1", &none, broken, Some(&ok)), None, "{broken:?}");
        }
        assert_eq!(outcome("v1", &none, whole, None), None, "nobody says how it went");
    }

    /// A peer that answers well whoever calls `app.local` by HTTP/2 with a message, and has nothing but a status for others.
    async fn peer() -> SocketAddr {
        let page = async |request: Request| {
            let called = request.uri().host() == Some("app.local") && request.version() == Version::HTTP_2;
            let sent = axum::body::to_bytes(request.into_body(), 100).await.unwrap();
            let frames = if called && sent == message() {
                vec![Frame::data(Bytes::from_static(WHOLE)), Frame::trailers(said("0"))]
            } else {
                vec![Frame::trailers(said("3"))]
            };
            let frames = frames.into_iter().map(Ok::<_, Infallible>);
            let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
            ([("x-app-version", "v1")], body)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().route(METHOD, post(page));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn a_call_goes_by_http2_to_the_host_whose_name_it_says() {
        let address = peer().await;
        for (host, wanted) in [("app.local", 200), ("other.local", 500)] {
            let sender = Sender::new(&Load::on(address, host).grpc()).unwrap();
            let answered = Outcome::Answered {
                status: wanted,
                version: Arc::from("v1"),
            };
            assert_eq!(sender.ask(0).await.outcome, answered, "{host}");
        }
    }
}
