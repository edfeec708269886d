//! The one place where a request is sent and an answer read. Whoever answers is not ours: it may never end, be of any
//! size, or say anything. `clippy.toml` refuses reqwest's own ways everywhere else.

use super::root_cause;
use crate::foreign::Foreign;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use std::time::Duration;

/// Longest answer that is read, in bytes. One value of a metrics store has some hundred.
pub const LONGEST: usize = 64 * 1024;
/// Most bytes that are read of an answer that is only quoted.
const TO_QUOTE: usize = 4 * 1024;

/// An answer whose body is still on its way. What is not read of it is never read: its connection is closed.
#[derive(Debug)]
pub struct Answer(Response);

/// Sends a request. `time` is for everything from connecting to the last byte that is read.
///
/// # Errors
/// Why there is no answer.
#[allow(clippy::disallowed_methods)] // the one place
pub async fn ask(request: RequestBuilder, time: Duration) -> Result<Answer, Foreign> {
    let sent = request.timeout(time).send().await;
    sent.map(Answer).map_err(|error| Foreign::of(&root_cause(&error)))
}

impl Answer {
    /// Status of the HTTP answer.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// A header, as far as it is a text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        let headers: &HeaderMap = self.0.headers();
        headers.get(name)?.to_str().ok()
    }

    /// What it says, for people: the beginning, or the status where there is nothing else.
    pub async fn says(mut self) -> Foreign {
        let mut body = Vec::new();
        while body.len() < TO_QUOTE
            && let Ok(Some(chunk)) = next(&mut self.0).await
        {
            body.extend_from_slice(chunk.get(..TO_QUOTE).unwrap_or(&chunk));
        }
        said(self.status(), &body)
    }

    /// The whole body, if it has at most `most` bytes.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn body(mut self, most: usize) -> Result<Vec<u8>, Foreign> {
        let mut body = Vec::new();
        loop {
            match next(&mut self.0).await {
                Ok(Some(chunk)) if chunk.len() <= most.saturating_sub(body.len()) => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(Foreign::of(&format!("longer than {most} bytes"))),
                Ok(None) => return Ok(body),
                Err(error) => return Err(Foreign::of(&root_cause(&error))),
            }
        }
    }
}

/// What an answer says, for people, of which the beginning is `body`: that, or the status where there is nothing.
pub fn said(status: StatusCode, body: &[u8]) -> Foreign {
    let says = Foreign::of_bytes(body);
    if says.is_empty() {
        Foreign::of(&status.to_string())
    } else {
        says
    }
}

#[allow(clippy::disallowed_methods)] // the one place
async fn next(response: &mut Response) -> Result<Option<bytes::Bytes>, reqwest::Error> {
    response.chunk().await
}

#[cfg(test)]
mod tests;
