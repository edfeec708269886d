//! A fault, and what came of it.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::scene::{Component, Report};

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

    /// For how long the API server may go on without waiting for the webhook's word: applies on their way to a replica that
    /// is gone are lost with it; one that does not answer costs what its probes need to notice.
    fn unheld(self, component: Component) -> Duration {
        match (component, self) {
            (Component::Controller, _) | (_, Self::Rolled) => Duration::ZERO,
            (Component::Webhook, Self::Killed) => Duration::from_millis(1500),
            (Component::Webhook, Self::Stopped(_) | Self::CutOff(_)) => Duration::from_millis(22_500),
        }
    }
}

/// What came of one.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// Whose replica.
    pub component: Component,
    /// What was done to it.
    pub fault: Fault,
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
        let most = self.fault.unheld(self.component).as_secs_f64() * f64::from(self.asked);
        ensure!(self.report.not_held as f64 <= most, "{}", self.report.line());
        ensure!(self.analysed == 1, "the revision was analysed {}", times(self.analysed));
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

    fn outcome(component: Component, fault: Fault, not_held: usize, analysed: i32) -> Aftermath {
        let report = Report {
            took: vec![Duration::from_millis(20); 1000],
            not_held,
            lasted: Duration::from_secs(10),
            ..Report::default()
        };
        Aftermath {
            component,
            fault,
            asked: 40,
            report,
            analysed,
            succeeded: Duration::from_secs(8),
        }
    }

    #[test]
    fn what_may_be_stored_without_the_webhook_depends_on_the_fault_and_the_rate() {
        let stopped = Fault::Stopped(Duration::from_secs(14));
        for (component, fault, most) in [
            (Component::Webhook, Fault::Rolled, 0),
            (Component::Webhook, Fault::Killed, 60),
            (Component::Webhook, stopped, 900),
            (Component::Controller, stopped, 0),
        ] {
            assert!(outcome(component, fault, most, 1).survived().is_ok(), "{fault:?}");
            assert!(outcome(component, fault, most + 1, 1).survived().is_err(), "{fault:?}");
        }
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
