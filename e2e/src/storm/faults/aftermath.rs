//! A fault, and what came of it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::scene::{Component, Report, Span};

/// For so long after readiness is off an API server may still ask a replica that does not answer: by a connection that it kept,
/// with a time-out of three seconds for each of two entries.
const KEPT: Duration = Duration::from_secs(10);

/// What is done to a replica.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// `kubectl rollout restart`: all of them, one after the other.
    Rolled,
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT when others have long taken over.
    Stopped(Duration),
    /// All its packets are dropped.
    CutOff(Duration),
}

impl Fault {
    /// In a name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rolled => "rolled",
            Self::Killed => "killed",
            Self::Stopped(_) => "stopped",
            Self::CutOff(_) => "cut-off",
        }
    }

    /// For how long the API server may go on without waiting for the webhook's word, where readiness is off after `missed`:
    /// applies on their way to a replica that is gone are lost with it; one that does not answer is asked until it is missed.
    fn unheld(self, component: Component, missed: Duration) -> Duration {
        match (component, self) {
            (Component::Controller, _) | (_, Self::Rolled) => Duration::ZERO,
            (Component::Webhook, Self::Killed) => Duration::from_millis(1500),
            (Component::Webhook, Self::Stopped(_) | Self::CutOff(_)) => missed + KEPT,
        }
    }
}

/// When a fault began, and how it was noticed.
#[derive(Clone, Copy, Debug)]
pub struct Onset {
    /// When it was done.
    pub began: Instant,
    /// How long after it readiness was off; as long as it lasted where readiness stayed on.
    pub missed: Duration,
}

/// What came of one.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// Whose replica.
    pub component: Component,
    /// What was done to it.
    pub fault: Fault,
    /// When.
    pub onset: Onset,
    /// Applies a second that were asked for.
    pub asked: u32,
    /// What came of the applies meanwhile.
    pub report: Report,
    /// How often the revision that came in the middle of it was analysed.
    pub analysed: i32,
    /// How long after it that was promoted.
    pub succeeded: Duration,
}

impl Aftermath {
    /// What it is called.
    pub fn name(&self) -> String {
        let who = match (self.component, self.fault) {
            (Component::Webhook, _) => "webhook",
            (Component::Controller, Fault::Rolled) => "controller",
            (Component::Controller, _) => "leader",
        };
        match self.fault {
            Fault::Rolled => format!("{who}, rolling update"),
            Fault::Killed => format!("{who} killed"),
            Fault::Stopped(time) => format!("{who} stopped for {} s", time.as_secs()),
            Fault::CutOff(time) => format!("{who} cut off for {} s", time.as_secs()),
        }
    }

    /// How it is made.
    pub fn made(&self) -> String {
        let how = match self.fault {
            Fault::Rolled => "`kubectl rollout restart`",
            Fault::Killed => "SIGKILL",
            Fault::Stopped(_) => "SIGSTOP, SIGCONT",
            Fault::CutOff(_) => "all its packets dropped",
        };
        how.to_owned()
    }

    /// The figures.
    pub fn measured(&self) -> String {
        format!(
            "{}; the new revision detected {} and promoted {:.1} s after it",
            self.report.line(),
            times(self.analysed),
            self.succeeded.as_secs_f64()
        )
    }

    /// An error where an apply failed or was missed, or the release was analysed twice.
    pub fn survived(&self) -> Result<()> {
        self.report.none_failed()?;
        self.held()?;
        ensure!(self.analysed == 1, "the revision was analysed {}", times(self.analysed));
        Ok(())
    }

    /// An error where an apply was stored without the webhook's word that no replica was missing for, or more than half were:
    /// the other replica answers from the moment on that this one is missed.
    fn held(&self) -> Result<()> {
        let unheld = self.fault.unheld(self.component, self.onset.missed);
        let most = unheld.as_secs_f64() * f64::from(self.asked);
        let most = (most as usize).min(self.report.asked() / 2);
        let seen = &self.report.not_held;
        ensure!(
            seen.len() <= most,
            "at most {most} may be missed: {}",
            self.report.line()
        );
        let (began, over) = (self.onset.began, self.onset.began + unheld);
        let meanwhile = |one: &&Span| one.answered >= began && one.sent <= over;
        let others = seen.len() - seen.iter().filter(meanwhile).count();
        ensure!(
            others == 0,
            "{others} were missed before the fault or {unheld:?} after it: {}",
            self.report.line()
        );
        Ok(())
    }
}

fn times(count: i32) -> String {
    match count {
        1 => String::from("once"),
        more => format!("{more} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: Duration = Duration::from_secs(7);

    fn outcome(component: Component, fault: Fault, not_held: usize, analysed: i32) -> Aftermath {
        let began = Instant::now();
        let after = |millis| began + Duration::from_millis(millis);
        let under_way = Span {
            sent: after(0),
            answered: after(20),
        };
        let report = Report {
            took: vec![Duration::from_millis(20); 700],
            not_held: vec![under_way; not_held],
            lasted: Duration::from_secs(18),
            ..Report::default()
        };
        Aftermath {
            component,
            fault,
            onset: Onset { began, missed: MISSED },
            asked: 40,
            report,
            analysed,
            succeeded: Duration::from_secs(8),
        }
    }

    #[test]
    fn what_may_be_stored_without_the_webhook_depends_on_the_fault_and_is_half_at_most() {
        let stopped = Fault::Stopped(Duration::from_secs(14));
        for (component, fault, most) in [
            (Component::Webhook, Fault::Rolled, 0),
            (Component::Webhook, Fault::Killed, 60),
            (Component::Webhook, stopped, 350),
            (Component::Controller, stopped, 0),
        ] {
            assert!(outcome(component, fault, most, 1).survived().is_ok(), "{fault:?}");
            assert!(outcome(component, fault, most + 1, 1).survived().is_err(), "{fault:?}");
        }
    }

    #[test]
    fn an_apply_that_is_missed_while_no_replica_is_missing_is_an_error() {
        let stopped = Fault::Stopped(Duration::from_secs(14));
        let last = MISSED + KEPT;
        for (sent, survives) in [
            (Duration::ZERO, true),
            (last, true),
            (last + Duration::from_millis(1), false),
        ] {
            let mut one = outcome(Component::Webhook, stopped, 0, 1);
            let sent = one.onset.began + sent;
            one.report.not_held.push(Span { sent, answered: sent });
            assert_eq!(one.survived().is_ok(), survives, "{:?}", one.report.not_held);
        }
        let mut before = outcome(Component::Webhook, stopped, 1, 1);
        before.onset.began += Duration::from_secs(1);
        assert!(before.survived().is_err());
    }

    #[test]
    fn a_revision_is_analysed_once_and_the_row_says_how_often() {
        let twice = outcome(Component::Controller, Fault::Killed, 0, 2);
        assert!(twice.survived().is_err());
        assert!(twice.measured().contains("detected 2 times"), "{}", twice.measured());
        assert_eq!(twice.name(), "leader killed");
        let mut failed = outcome(Component::Controller, Fault::Rolled, 0, 1);
        assert!(failed.survived().is_ok());
        failed.report.failed.push(String::from("refused"));
        assert!(failed.survived().is_err());
    }
}
