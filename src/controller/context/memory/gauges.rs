//! Which gauges this process shows: of every Canary there is, also of those that rest since before it began, and of none
//! that is gone.

use crate::controller::queue::Key;
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};

/// Most metrics of a Canary that have a gauge; more have values in its status only.
const MOST: usize = 64;
/// Longest name of a metric that has a gauge, in bytes.
const LONGEST: usize = 256;

/// What is shown of which Canary.
#[derive(Debug, Default)]
pub struct Gauges(Mutex<HashMap<Key, Shown>>);

#[derive(Debug, Default)]
struct Shown {
    target: String,
    metrics: BTreeSet<String>,
}

impl Gauges {
    /// Notes that gauges of the Canary's `target` are shown; `true` when there were none of it yet.
    pub fn begin(&self, metrics: &Metrics, key: &Key, target: &str) -> bool {
        let mut all = self.0.lock();
        if all.get(key).is_some_and(|shown| shown.target == target) {
            return false;
        }
        let shown = Shown {
            target: target.to_owned(),
            ..Shown::default()
        };
        // A Canary that has another target now leaves nothing of the one before.
        if let Some(before) = all.insert(key.clone(), shown) {
            before.forget(metrics, &key.0, &all);
        }
        true
    }

    /// Notes that the Canary's `metric` has a gauge; `false` when it is to have none, because the Canary is gone, has too
    /// many or the name is too long.
    pub fn measured(&self, key: &Key, metric: &str) -> bool {
        let mut all = self.0.lock();
        let Some(shown) = all.get_mut(key).filter(|_| metric.len() <= LONGEST) else {
            return false;
        };
        if shown.metrics.len() >= MOST && !shown.metrics.contains(metric) {
            return false;
        }
        shown.metrics.insert(metric.to_owned());
        true
    }

    /// Takes the gauges of a Canary away that is gone; `left` are the Canaries of its namespace.
    pub fn forget(&self, metrics: &Metrics, key: &Key, left: usize) {
        let mut all = self.0.lock();
        if let Some(shown) = all.remove(key) {
            shown.forget(metrics, &key.0, &all);
        }
        metrics.canaries(&key.0, left);
    }

    /// Whether nothing is shown.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Shown {
    // Gauges are named after the target: those of the Canary that has taken over are the same.
    fn forget(self, metrics: &Metrics, namespace: &str, others: &HashMap<Key, Self>) {
        let heir = others
            .iter()
            .find(|(key, other)| key.0 == namespace && other.target == self.target);
        let kept = heir.map(|(_, other)| &other.metrics);
        let gone = self
            .metrics
            .iter()
            .filter(|name| kept.is_none_or(|kept| !kept.contains(*name)));
        let gone: Vec<&str> = gone.map(String::as_str).collect();
        if heir.is_none() {
            metrics.forget(&self.target, namespace, &gone);
        } else {
            metrics.forget_metrics(&self.target, namespace, &gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::exposition::{RunState, StatusEncoding};

    fn key(name: &str) -> Key {
        ("shop".to_owned(), name.to_owned())
    }

    fn show(gauges: &Gauges, metrics: &Metrics, name: &str, target: &str, metric: &str) {
        assert!(gauges.begin(metrics, &key(name), target));
        metrics.status(target, "shop", RunState::Failed);
        metrics.weights(target, "shop", 80, 20);
        metrics.canaries("shop", 2);
        assert!(gauges.measured(&key(name), metric));
        metrics.measured(target, "shop", metric, 1.0);
    }

    fn shown(metrics: &Metrics) -> usize {
        let text = metrics.render();
        text.lines().filter(|line| line.contains("namespace=\"shop\"")).count()
    }

    #[test]
    fn nothing_is_left_of_the_last_canary_of_a_namespace() {
        let (gauges, metrics) = (Gauges::default(), Metrics::new("1", "", StatusEncoding::Flagger));
        show(&gauges, &metrics, "web", "web", "errors");
        assert_eq!(shown(&metrics), 5);
        assert!(!gauges.begin(&metrics, &key("web"), "web"), "shown already");
        gauges.forget(&metrics, &key("web"), 0);
        assert_eq!(shown(&metrics), 0);
        // A check that ends now is of nobody.
        assert!(!gauges.measured(&key("web"), "errors"));
        gauges.forget(&metrics, &key("web"), 0);
    }

    #[test]
    fn one_canary_shows_no_more_than_so_many_metrics_and_no_name_without_end() {
        let (gauges, metrics) = (Gauges::default(), Metrics::new("1", "", StatusEncoding::Flagger));
        gauges.begin(&metrics, &key("web"), "web");
        let shown = (0..1000)
            .filter(|n| gauges.measured(&key("web"), &n.to_string()))
            .count();
        assert_eq!(shown, MOST);
        assert!(gauges.measured(&key("web"), "7"), "known");
        gauges.begin(&metrics, &key("api"), "api");
        assert!(!gauges.measured(&key("api"), &"x".repeat(LONGEST + 1)));
    }

    #[test]
    fn an_heir_keeps_what_it_shows_itself() {
        let (gauges, metrics) = (Gauges::default(), Metrics::new("1", "", StatusEncoding::Flagger));
        show(&gauges, &metrics, "generated", "web", "errors");
        show(&gauges, &metrics, "by-hand", "web", "latency");
        gauges.forget(&metrics, &key("generated"), 1);
        let text = metrics.render();
        assert!(
            text.contains("latency") && !text.contains("metric=\"errors\""),
            "{text}"
        );
        assert_eq!(shown(&metrics), 5);
    }

    #[test]
    fn another_target_leaves_nothing_of_the_one_before() {
        let (gauges, metrics) = (Gauges::default(), Metrics::new("1", "", StatusEncoding::Flagger));
        show(&gauges, &metrics, "web", "old", "errors");
        show(&gauges, &metrics, "web", "new", "errors");
        assert!(!metrics.render().contains("\"old\""));
    }
}
