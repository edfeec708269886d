//! How many files may be open: every watch has a connection of its own, and every connection is an open file.

use super::definitions::own_pod;
use crate::{messages::Severity, telemetry::Telemetry};
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::time::Duration;

/// Between two looks at how many are open.
const PAUSE: Duration = Duration::from_secs(30);
/// When people hear of it, in percent of what may be open: while what is needed to say so can still be opened.
const SCARCE: u64 = 80;

/// Raises the limit as far as we may. Container runtimes give 1024, for programs that cannot do with more, which is enough
/// for the watches of some seventy namespaces.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        tracing::info!(
            limit = shown(current),
            "open files: the limit is the highest that is allowed"
        );
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let (before, now) = (shown(current), shown(maximum));
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::info!(before, now, "open files: the limit was raised"),
        Err(error) => tracing::warn!(before, wanted = now, %error, "open files: the limit cannot be raised"),
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| String::from("none"), |limit| limit.to_string())
}

/// Says once, in the log and in an event of our own pod, that few more can be opened; again when that was over meanwhile.
pub async fn followed(telemetry: Telemetry, namespace: String) {
    let pod = own_pod(&namespace);
    let mut said = false;
    loop {
        let limit = getrlimit(Resource::Nofile).current;
        let complaint = complaint(open(limit), limit);
        if let Some(text) = complaint.as_deref().filter(|_| !said) {
            tracing::warn!("{text}");
            if let Some(pod) = &pod {
                telemetry.events.record(pod, Severity::Warning, text);
            }
        }
        said = complaint.is_some();
        tokio::time::sleep(PAUSE).await;
    }
}

// How many are open; where not even that can be opened, as many as may be.
fn open(limit: Option<u64>) -> u64 {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(all) => u64::try_from(all.count()).unwrap_or(u64::MAX),
        Err(error) if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => limit.unwrap_or(0),
        Err(_) => 0,
    }
}

fn complaint(open: u64, limit: Option<u64>) -> Option<String> {
    let limit = limit?;
    let scarce = open.saturating_mul(100) >= limit.saturating_mul(SCARCE);
    scarce.then(|| {
        format!(
            "{open} of {limit} files are open that may be. Every kind that is watched in a namespace takes one; without \
             more, Coalmine works in no further namespace. Raise the limit of open files of the container runtime \
             (LimitNOFILE), or opt fewer namespaces in"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_raised_is_and_what_is_open_is_counted() {
        raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        let before = open(current);
        let file = std::fs::File::open("/proc/self/status").unwrap();
        // Other tests open and close some.
        assert!(before > 2 && open(current) > 2);
        drop(file);
    }

    #[test]
    fn people_hear_of_it_before_nothing_can_be_opened_any_more() {
        assert_eq!(complaint(500, Some(1024)), None);
        let text = complaint(900, Some(1024)).unwrap();
        assert!(
            text.starts_with("900 of 1024 files") && text.contains("LimitNOFILE"),
            "{text}"
        );
        assert!(complaint(1024, Some(1024)).is_some());
        assert_eq!(complaint(u64::MAX, None), None);
    }
}
