//! The workload's one method of gRPC, as little of it as is honest: a message of one text, and a status in the trailers.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;

/// Where the method is called. It takes no field, and answers the version.
pub const METHOD: &str = "/coalmine.App/Version";

const KIND: (&str, &str) = ("content-type", "application/grpc");
const STATUS: &str = "grpc-status";
/// A text whose length is below this has it in one byte.
const SHORT: usize = 128;

/// How a call went, in gRPC's words: a number on the wire, a name in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(&'static str, pub &'static str);

/// It went well.
pub const OK: Code = Code("0", "OK");
/// It did not, by the workload's own fault.
pub const INTERNAL: Code = Code("13", "Internal");

/// The answer that says `text`.
pub fn answered(text: &str) -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static(OK.0));
    let frames = [Frame::data(message(text)), Frame::trailers(trailers)].map(Ok::<_, Infallible>);
    let body = StreamBody::new(futures::stream::iter(frames));
    ([KIND], Body::new(body)).into_response()
}

/// The answer without a message, whose status is among the headers.
pub fn failed() -> Response {
    ([KIND, (STATUS, INTERNAL.0)], ()).into_response()
}

// Not compressed, its length in four bytes, and then the text as field 1.
fn message(text: &str) -> Bytes {
    let text: Vec<u8> = text.bytes().take(SHORT - 1).collect();
    let short = text.len() as u8;
    let head = [0, 0, 0, 0, short + 2, 0x0a, short];
    [&head[..], &text].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_call_has_its_status_behind_its_message_and_one_that_failed_has_none() {
        let body = answered("v1").into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap().get(STATUS).unwrap(), "0");
        assert_eq!(body.to_bytes(), [&[0, 0, 0, 0, 4, 0x0a, 2][..], b"v1"].concat());
        let failed = failed();
        assert_eq!(failed.headers().get(STATUS).unwrap(), "13");
        assert!(failed.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[test]
    fn a_long_text_is_cut_where_its_length_needs_more_than_a_byte() {
        let long = message(&"v".repeat(500));
        assert_eq!(long.len(), 7 + 127);
        assert_eq!(long[4..7], [129, 0x0a, 127]);
    }
}
