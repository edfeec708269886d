//! What an API server answers to a watch.

use kube::runtime::watcher::Error;

/// The HTTP status by which it refused a list or a watch; `None` where it did not answer.
pub fn refusal(error: &Error) -> Option<u16> {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// Whether what is watched is not there for us: the kind is not served, or may not be read.
pub fn is_nothing_to_us(error: &Error) -> bool {
    matches!(refusal(error), Some(403 | 404))
}
