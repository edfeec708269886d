//! The loop around [`decide`]: read, decide, write, tell.

use super::decide::{Action, LeaseState, decide};
use super::fence::Belief;
use super::{NAME, Timing};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Longest time for one request; with it a renewal that fails once is still in time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Which lease, and as whom.
#[derive(Clone, Debug)]
pub struct ElectionSettings {
    /// Namespace of the lease. Flagger: `kube-system`, or `-namespace`.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Our identity, from [`super::identity`].
    pub identity: String,
    /// The host part of the identity is a pod's name, so nobody else has it.
    pub host_is_unique: bool,
    /// How long things take.
    pub timing: Timing,
}

impl ElectionSettings {
    /// Flagger's lease in `namespace`. `pod` is the pod's name, where there is one.
    pub fn new(namespace: &str, pod: Option<&str>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: NAME.to_owned(),
            identity: super::identity(pod.unwrap_or("coalmine")),
            host_is_unique: pod.is_some(),
            timing: Timing::default(),
        }
    }
}

/// A candidate for the lease.
pub struct Elector {
    api: Api<Lease>,
    settings: ElectionSettings,
    leading: watch::Sender<bool>,
    /// The lease as last read or written, and when that renewal was first seen.
    known: Option<(Lease, Timestamp)>,
    /// Until when we may believe that we lead.
    belief: Belief,
}

impl Elector {
    /// A candidate and the channel that says whether it leads. Does nothing before [`Elector::run`].
    pub fn new(client: Client, settings: ElectionSettings) -> (Self, watch::Receiver<bool>) {
        let (leading, receiver) = watch::channel(false);
        let api = Api::namespaced(client, &settings.namespace);
        (
            Self {
                api,
                settings,
                leading,
                known: None,
                belief: Belief::default(),
            },
            receiver,
        )
    }

    /// Until when this candidate may believe that it leads, as far as it is known by now.
    pub fn belief(&self) -> Belief {
        self.belief.clone()
    }

    /// Stands for election until `shutdown`, then releases the lease if it is ours.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let pause = self.attempt().await;
            if !self.pause(pause, &shutdown).await {
                break;
            }
        }
        // Whatever of ours still runs writes nothing beside a successor.
        self.belief.set(None);
        // Without a version the write would be unconditional and could throw out a successor.
        if self.leading.send_replace(false) && self.holds_current() {
            self.release().await;
        }
    }

    /// One round; returns how long to wait for the next.
    async fn attempt(&mut self) -> Duration {
        let timing = self.settings.timing;
        let begun = Instant::now();
        match tokio::time::timeout(REQUEST_TIMEOUT, self.stand()).await {
            Ok(Ok(true)) => {
                self.belief.set(Some(begun + timing.belief()));
                if !self.leading.send_replace(true) {
                    tracing::info!(identity = self.settings.identity, "Acting as elected leader");
                }
                timing.renew.saturating_sub(begun.elapsed())
            }
            Ok(Ok(false)) => {
                self.stop_leading();
                timing.retry
            }
            Ok(Err(error)) => self.failed(&error.to_string(), begun),
            Err(_) => self.failed("no answer in time", begun),
        }
    }

    /// A round that came to nothing. What we know may be stale, so the next one reads first. Who has waited for an answer in
    /// vain has paused already: with another pause after it, belief would run out before the next attempt.
    fn failed(&mut self, reason: &str, begun: Instant) -> Duration {
        tracing::warn!(
            "error retrieving resource lock {}/{}: {reason}",
            self.settings.namespace,
            self.settings.name
        );
        self.known = self.known.take().map(|(mut lease, seen)| {
            lease.metadata.resource_version = None;
            (lease, seen)
        });
        self.settings.timing.retry.saturating_sub(begun.elapsed())
    }

    /// Waits, and stops leading in the middle of it if belief runs out. `false` at shutdown.
    async fn pause(&mut self, pause: Duration, shutdown: &CancellationToken) -> bool {
        let end = Instant::now() + pause;
        if let Some(limit) = self.belief.until().filter(|limit| *limit < end) {
            if shutdown.run_until_cancelled(sleep_until(limit)).await.is_none() {
                return false;
            }
            self.stop_leading();
        }
        shutdown.run_until_cancelled(sleep_until(end)).await.is_some()
    }

    fn stop_leading(&mut self) {
        self.belief.set(None);
        if self.leading.send_replace(false) {
            tracing::warn!(identity = self.settings.identity, "Leadership lost");
        }
    }

    /// Reads, decides and writes. `true` when the lease is ours now.
    async fn stand(&mut self) -> Result<bool, kube::Error> {
        // A holder knows what it wrote last: the version it names tells whether that still stands.
        if !self.holds_current() {
            let read = self.api.get_opt(&self.settings.name).await?;
            self.learn(read);
        }
        let now = Timestamp::now();
        let host = self.settings.identity.rsplit_once('_').map(|(host, _)| host);
        let state = self.known.as_ref().map(|(lease, seen)| state(lease, *seen));
        let host = host.filter(|_| self.settings.host_is_unique);
        let action = decide(state.as_ref(), &self.settings.identity, host, now);
        let written = match action {
            Action::Wait { .. } => return Ok(false),
            Action::Create => {
                self.api
                    .create(&PostParams::default(), &self.written(now, 0, true))
                    .await
            }
            Action::Acquire { transitions } => self.replace(&self.written(now, transitions, true)).await,
            Action::Renew => {
                let transitions = state.map_or(0, |s| s.transitions);
                self.replace(&self.written(now, transitions, false)).await
            }
        };
        match written {
            Ok(lease) => {
                self.known = Some((lease, now));
                Ok(true)
            }
            // Somebody was quicker. Read again before anything else.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                self.known = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        self.api
            .replace(&self.settings.name, &PostParams::default(), lease)
            .await
    }

    fn holds_current(&self) -> bool {
        self.known.as_ref().is_some_and(|(lease, _)| {
            let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
            lease.metadata.resource_version.is_some() && holder == Some(&self.settings.identity)
        })
    }

    /// Takes note of what was read; a renewal that was seen before keeps the time it was first seen.
    fn learn(&mut self, read: Option<Lease>) {
        let renewal = |lease: &Lease| {
            let spec = lease.spec.clone().unwrap_or_default();
            (spec.holder_identity, spec.renew_time)
        };
        let before = self.known.take();
        self.known = read.map(|lease| {
            let seen = before.filter(|(old, _)| renewal(old) == renewal(&lease));
            (lease, seen.map_or_else(Timestamp::now, |(_, seen)| seen))
        });
    }

    /// The lease held by us, with the version and everything else that was read.
    fn written(&self, now: Timestamp, transitions: i32, acquired: bool) -> Lease {
        let known = self.known.as_ref().map(|(lease, _)| lease.clone());
        let metadata = ObjectMeta {
            name: Some(self.settings.name.clone()),
            ..ObjectMeta::default()
        };
        let mut lease = known.unwrap_or(Lease { metadata, spec: None });
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.settings.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.settings.timing.lease.as_secs()).ok();
        spec.renew_time = Some(MicroTime(now));
        spec.lease_transitions = Some(transitions);
        if acquired {
            spec.acquire_time = Some(MicroTime(now));
        }
        lease
    }

    /// Gives the lease back, as client-go does: no holder, and one second of duration.
    async fn release(&mut self) {
        let Some((mut lease, _)) = self.known.take() else {
            return;
        };
        let spec: &mut LeaseSpec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        match tokio::time::timeout(REQUEST_TIMEOUT, self.replace(&lease)).await {
            Ok(Ok(_)) => tracing::info!("Leadership released"),
            Ok(Err(error)) => tracing::warn!("Leadership not released: {error}"),
            Err(_) => tracing::warn!("Leadership not released: no answer in time"),
        }
    }
}

fn state(lease: &Lease, seen: Timestamp) -> LeaseState {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.unwrap_or(0).max(0).unsigned_abs();
    LeaseState {
        holder: spec.holder_identity.unwrap_or_default(),
        duration: Duration::from_secs(u64::from(seconds)),
        renewed: spec.renew_time.map(|time| time.0),
        seen,
        transitions: spec.lease_transitions.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
