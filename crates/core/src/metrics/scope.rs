//! What a verdict may be drawn from: the pods of the revision under test, and the time since its traffic began.
//!
//! Whatever else a store has under the same names belongs to another revision or another run. A window that reaches back
//! behind the run's first request counts the errors of the revision before, or the good answers of the last promotion.

use crate::api::GoDuration;
use std::time::Duration;

/// Matches no pod: names of objects neither begin nor end with `-`.
const NOBODY: &str = "-";

/// Pods and time of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// A regular expression for the names of the pods of the revision under test; `None` while none is known.
    pub pods: Option<String>,
    /// For how long the run's traffic has been flowing; `None` where no traffic is waited for.
    pub flows_for: Option<Duration>,
}

/// The part of the past a query looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// `{{ interval }}`: what the metric asks for, or the time since the traffic began where that is less.
    pub text: String,
    /// The traffic is younger than what the metric asks for; how long it has been flowing.
    pub young: Option<Duration>,
}

impl Scope {
    /// `{{ pods }}`.
    pub fn pods(&self) -> String {
        self.pods.clone().unwrap_or_else(|| NOBODY.to_owned())
    }

    /// The window of a metric whose interval is `asked`. Whole seconds, rounded down, at least one: a sample from before
    /// the run must not be in it, and a window that is too short for the store's scrapes has no value and waits. An
    /// interval that is no duration stays what it is, for the store to refuse.
    pub fn window(&self, asked: &str) -> Window {
        let whole = GoDuration::parse(asked).ok().map(GoDuration::to_std);
        let flowing = self.flows_for.filter(|flows| whole.is_some_and(|whole| *flows < whole));
        Window {
            text: flowing.map_or_else(|| asked.to_owned(), |flows| format!("{}s", flows.as_secs().max(1))),
            young: flowing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(flows_for: Option<u64>) -> Scope {
        Scope {
            pods: None,
            flows_for: flows_for.map(Duration::from_millis),
        }
    }

    #[test]
    fn a_window_never_begins_before_the_runs_traffic() {
        for (asked, flows_for, text, young) in [
            ("1m", None, "1m", false),
            ("1m", Some(10_900), "10s", true),
            ("1m", Some(59_999), "59s", true),
            ("1m", Some(60_000), "1m", false),
            ("1m30s", Some(600_000), "1m30s", false),
            ("30s", Some(400), "1s", true),
            ("soon", Some(400), "soon", false),
        ] {
            let window = scope(flows_for).window(asked);
            assert_eq!(
                (window.text.as_str(), window.young.is_some()),
                (text, young),
                "{asked} {flows_for:?}"
            );
        }
    }

    #[test]
    fn pods_that_nobody_knows_match_none() {
        assert_eq!(scope(None).pods(), "-");
    }
}
