//! Why a step failed, in one word of few, as it is counted.

use crate::controller::{effects::apply::write::WriteFailure, status::dropped::Dropped};
use crate::telemetry::Metrics;
use std::{error::Error, io};

/// Counts a step that ended in `error`.
pub(super) fn count(metrics: &Metrics, error: &kube::Error) {
    metrics.step_failed(word(error));
}

fn word(error: &kube::Error) -> &'static str {
    match (WriteFailure::of(error), error) {
        (WriteFailure::Stale, _) => "conflict",
        (WriteFailure::Refused, _) => "refused",
        (WriteFailure::Passing, kube::Error::Api(status)) if matches!(status.code, 408 | 504) => "timeout",
        (_, error) if Dropped::is(error) => "definition",
        (WriteFailure::Passing, error) if is_late(error) => "timeout",
        (WriteFailure::Passing, _) => "passing",
    }
}

// Whether an answer was not waited for any longer.
fn is_late(error: &kube::Error) -> bool {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source()).any(|error| {
        let io = error.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) || error.is::<tokio::time::error::Elapsed>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::StatusEncoding;
    use kube::core::Status;
    use serde_json::json;

    fn answer(code: u16, message: &str) -> kube::Error {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "message": message, "reason": "Invalid", "code": code,
        }))
        .unwrap();
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn a_failure_is_counted_by_what_it_asks_for() {
        let late = io::Error::from(io::ErrorKind::TimedOut);
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        for (error, expected) in [
            (answer(409, "the object has been modified"), "conflict"),
            (answer(403, "exceeded quota: room"), "refused"),
            (answer(503, "etcd"), "passing"),
            (answer(504, "request did not complete within its time"), "timeout"),
            (kube::Error::Service(Box::new(late)), "timeout"),
            (kube::Error::Service(Box::new(broken)), "passing"),
        ] {
            let metrics = Metrics::new("0", "", StatusEncoding::default());
            count(&metrics, &error);
            let line = format!("coalmine_step_failures_total{{cause=\"{expected}\"}} 1\n");
            assert!(metrics.render().contains(&line), "{error}");
        }
    }
}
