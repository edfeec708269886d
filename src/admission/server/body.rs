//! Reading a body: its bytes are counted before they are read, and one that does not come is not waited for.
//!
//! Bodies are of two classes. Nearly all are small; room for the few large ones is room of its own, so large ones,
//! however many, do not hold up small ones.

use super::Shared;
use super::failure::Failure;
use super::shares::{Amount, Share};
use crate::object::most_values;
use http::StatusCode;
use http_body_util::BodyExt as _;
use std::net::IpAddr;
use std::time::Duration;

/// Bounds of bodies.
#[derive(Debug, Clone, Copy)]
pub struct Bodies {
    /// Longest one, in bytes.
    pub longest: usize,
    /// Longest one that counts as small, in bytes.
    pub small: usize,
    /// Memory for reviews with a small body, from before it is read until the answer is sent, in bytes.
    pub small_memory: Amount,
    /// Bytes of large bodies, from before they are read until they are parsed.
    pub large_memory: Amount,
    /// Values in one review.
    pub parts: usize,
    /// Time for a small body.
    pub patience: Duration,
    /// Bytes for which a large one has another second.
    pub pace: usize,
}

impl Default for Bodies {
    fn default() -> Self {
        const MIB: u32 = 1024 * 1024;
        Self {
            // controller-runtime's arithmetic: old and new object of 3 MiB each, and the rest.
            longest: 7 * 1024 * 1024,
            small: 128 * 1024,
            small_memory: Amount {
                all: 48 * MIB,
                each: 32 * MIB,
            },
            large_memory: Amount {
                all: 32 * MIB,
                each: 16 * MIB,
            },
            // An object of the 1.5 MiB that etcd takes has some 150,000, and a review has two objects.
            parts: 600_000,
            patience: Duration::from_secs(1),
            pace: 4 * 1024 * 1024,
        }
    }
}

/// A parsed review's memory for each byte of it: one in values of JSON, one in every dozen bytes.
const PARSED: usize = 8;
/// Memory of one value, in bytes.
const PART: usize = 96;
/// By how much is taken for a body of unknown length, in bytes.
const STEP: usize = 256 * 1024;

/// A body, and what it holds of the memory for bodies.
pub(super) struct Read {
    pub bytes: Vec<u8>,
    /// Values in it, at most.
    parts: usize,
    pub large: bool,
    pub shares: Vec<Share>,
}

/// Reads a body.
pub(super) async fn read<R, B>(shared: &Shared<R>, peer: IpAddr, body: B) -> Result<Read, Failure>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bounds = &shared.limits.bodies;
    let told = body
        .size_hint()
        .exact()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if told.is_some_and(|length| length > bounds.longest) {
        return Err(too_large());
    }
    let mut read = Read {
        bytes: Vec::new(),
        parts: 0,
        large: told.is_none_or(|length| length > bounds.small),
        shares: Vec::new(),
    };
    let first = told.unwrap_or(STEP);
    take(shared, peer, &mut read, first).await?;
    let seconds = told.unwrap_or(bounds.longest) / bounds.pace.max(1);
    let patience = bounds.patience + Duration::from_secs(seconds.try_into().unwrap_or(u64::MAX));
    let arrival = fill(shared, peer, &mut read, body, first);
    let arrived = tokio::time::timeout(patience, arrival).await;
    arrived.unwrap_or_else(|_| Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")))?;
    weigh(shared, peer, &mut read).await?;
    Ok(read)
}

async fn fill<R, B>(shared: &Shared<R>, peer: IpAddr, read: &mut Read, body: B, mut taken: usize) -> Result<(), Failure>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        let unread = |_| Failure::new(StatusCode::BAD_REQUEST, "the body could not be read");
        let Ok(data) = frame.map_err(Into::into).map_err(unread)?.into_data() else {
            continue;
        };
        let length = read.bytes.len() + bytes::Buf::remaining(&data);
        if length > shared.limits.bodies.longest {
            return Err(too_large());
        }
        while length > taken {
            take(shared, peer, read, STEP).await?;
            taken += STEP;
        }
        if read.bytes.capacity() == 0 {
            // Not before the first of it is there: nothing is set aside for who only tells a length.
            read.bytes.reserve_exact(taken);
        }
        let before = read.bytes.len();
        bytes::BufMut::put(&mut read.bytes, data);
        // As it comes: to look through megabytes at the end would hold up everybody else on this thread.
        read.parts += most_values(read.bytes.get(before..).unwrap_or_default());
        if read.parts > shared.limits.bodies.parts {
            return Err(too_many_parts());
        }
    }
    Ok(())
}

async fn take<R>(shared: &Shared<R>, peer: IpAddr, read: &mut Read, bytes: usize) -> Result<(), Failure> {
    let (shares, wanted) = match read.large {
        true => (&shared.large_memory, bytes),
        false => (&shared.small_memory, bytes.saturating_mul(PARSED)),
    };
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match shares.take_within(shared.queue(read.large), peer, wanted).await {
        Some(share) => {
            read.shares.push(share);
            Ok(())
        }
        None => Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many bodies are being read",
        )),
    }
}

/// How many values are in it decides what it is in memory: a zero in a list takes two bytes here and a hundred there.
/// Those in quoted text are counted too, which errs on the safe side.
async fn weigh<R>(shared: &Shared<R>, peer: IpAddr, read: &mut Read) -> Result<(), Failure> {
    let surplus = read
        .parts
        .saturating_mul(PART)
        .saturating_sub(read.bytes.len().saturating_mul(PARSED));
    if read.large || surplus == 0 {
        return Ok(());
    }
    take(shared, peer, read, surplus / PARSED).await
}

fn too_many_parts() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the review has too many parts")
}

fn too_large() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the review is too large")
}
