//! What an API server answers, to a watch above all, and what it serves at all.

mod absent;

use crate::foreign::Foreign;
pub use absent::Absent;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{core::Status, runtime::watcher::Error};
use std::{fmt::Display, time::Duration};

/// How often it is looked again where nothing tells that what could not be read can be.
pub const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// The time until the next look, after so many that found nothing: each waits twice as long, up to [`LOOK_AGAIN`].
pub fn pause(first: Duration, looks: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(looks)).min(LOOK_AGAIN)
}

/// The HTTP status by which it refused a list or a watch; `None` where it did not answer.
pub fn refusal(error: &Error) -> Option<u16> {
    answer(error).map(|status| status.code)
}

/// What it answered to a list or a watch, or why it did not, in words for people.
pub fn words(error: &Error) -> String {
    said(answer(error), error)
}

/// The same of any other request.
pub fn words_of_request(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => said(Some(status.as_ref()), error),
        _ => said(None, error),
    }
}

// Its own words, where it answered; otherwise the client's.
fn said(answer: Option<&Status>, error: &impl Display) -> String {
    let said = match answer {
        Some(status) => format!("{} {}", status.code, status.message),
        None => error.to_string(),
    };
    Foreign::of(&said).into()
}

fn answer(error: &Error) -> Option<&Status> {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status.as_ref()),
        _ => None,
    }
}

/// Whether what is watched is not there for us: the kind is not served, or may not be read.
pub fn is_nothing_to_us(error: &Error) -> bool {
    matches!(refusal(error), Some(403 | 404))
}

/// Whether objects of a kind can be read in that version.
pub fn serves(definition: &CustomResourceDefinition, version: &str) -> bool {
    let mut versions = definition.spec.versions.iter();
    versions.any(|known| known.name == version && known.served)
}
