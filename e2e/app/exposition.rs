//! The workload's own Prometheus metrics, written by hand because three families do not need a library.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// Upper bounds in seconds, the ones Prometheus clients use by default.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Method, path as routed (never as asked, which would be unbounded), status.
type Labels = (String, &'static str, u16);

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    sum: f64,
    count: u64,
}

/// Counts and durations of the requests answered so far, and how calls of gRPC among them went, which HTTP does not tell.
#[derive(Default)]
pub struct Exposition {
    answered: Mutex<BTreeMap<Labels, Histogram>>,
    called: Mutex<BTreeMap<&'static str, u64>>,
}

impl Exposition {
    /// Records one answered request.
    pub fn record(&self, method: &str, path: &'static str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut families = self.answered.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let histogram = families.entry((method.to_owned(), path, status)).or_default();
        for (count, bound) in histogram.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
        histogram.sum += seconds;
        histogram.count += 1;
    }

    /// Records one call that ended with this code.
    pub fn called(&self, code: &'static str) {
        let mut calls = self.called.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *calls.entry(code).or_default() += 1;
    }

    /// The text Prometheus reads.
    pub fn render(&self) -> String {
        let families = self.answered.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut requests =
            String::from("# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n");
        let mut durations = String::from(
            "# HELP http_request_duration_seconds Time to answer.\n# TYPE http_request_duration_seconds histogram\n",
        );
        for ((method, path, status), histogram) in families.iter() {
            let labels = format!("method=\"{method}\",path=\"{path}\",status=\"{status}\"");
            let _ = writeln!(requests, "http_requests_total{{{labels}}} {}", histogram.count);
            histogram.write(&mut durations, &labels);
        }
        requests + &durations + &self.calls()
    }

    fn calls(&self) -> String {
        let name = "grpc_server_handled_total";
        let mut out = format!("# HELP {name} Calls answered.\n# TYPE {name} counter\n");
        for (code, count) in &*self.called.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            let _ = writeln!(out, "{name}{{grpc_method=\"Version\",grpc_code=\"{code}\"}} {count}");
        }
        out
    }
}

impl Histogram {
    fn write(&self, out: &mut String, labels: &str) {
        let name = "http_request_duration_seconds";
        for (bound, count) in BUCKETS.iter().zip(self.buckets) {
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.sum);
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_labelled_with_method_path_and_status() {
        let exposition = Exposition::default();
        exposition.record("GET", "root", 200, Duration::from_millis(7));
        exposition.record("GET", "root", 500, Duration::from_secs(20));
        exposition.called("OK");
        let text = exposition.render();
        for line in [
            r#"http_requests_total{method="GET",path="root",status="200"} 1"#,
            r#"grpc_server_handled_total{grpc_method="Version",grpc_code="OK"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",path="root",status="200",le="0.005"} 0"#,
            r#"http_request_duration_seconds_bucket{method="GET",path="root",status="200",le="0.01"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",path="root",status="500",le="10"} 0"#,
            r#"http_request_duration_seconds_bucket{method="GET",path="root",status="500",le="+Inf"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
    }
}
