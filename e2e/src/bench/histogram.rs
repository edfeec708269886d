//! The API server's own histogram of its webhook calls.

use anyhow::{Context as _, Result};

const NAME: &str = "apiserver_admission_webhook_admission_duration_seconds_bucket";

/// Calls by how long they took: upper bounds in seconds, calls up to each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// Of all UPDATE calls of one webhook so far.
    pub async fn read(client: &kube::Client, webhook: &str) -> Result<Self> {
        let request = http::Request::get("/metrics").body(Vec::new())?;
        Ok(Self::parse(&client.request_text(request).await?, webhook))
    }

    fn parse(text: &str, webhook: &str) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        let named = format!("name=\"{webhook}\"");
        for line in text.lines().filter(|line| line.starts_with(NAME)) {
            if !line.contains(&named) || !line.contains("operation=\"UPDATE\"") {
                continue;
            }
            let Some((bound, calls)) = bucket(line) else { continue };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += calls, // refused and allowed calls are lines of their own
                None => buckets.push((bound, calls)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(buckets)
    }

    /// The calls since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| {
            before
                .0
                .iter()
                .find(|(known, _)| *known == bound)
                .map_or(0.0, |(_, calls)| *calls)
        };
        Self(
            self.0
                .iter()
                .map(|(bound, calls)| (*bound, calls - earlier(*bound)))
                .collect(),
        )
    }

    /// Both together.
    pub fn and(&self, other: &Self) -> Self {
        let negative = Self(other.0.iter().map(|(bound, calls)| (*bound, -calls)).collect());
        if self.0.is_empty() {
            other.clone()
        } else {
            self.since(&negative)
        }
    }

    /// All calls.
    pub fn calls(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, calls)| *calls)
    }

    /// The share of calls that took at most `seconds`, a bound of the histogram.
    pub fn within(&self, seconds: f64) -> Result<f64> {
        let bucket = self.0.iter().find(|(bound, _)| *bound == seconds);
        let (_, calls) = bucket.context("the API server has no bucket with this bound")?;
        Ok(calls / self.calls().max(1.0))
    }

    /// The quantile as Prometheus estimates it, in seconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = self.calls() * share;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, calls) in &self.0 {
            if *calls >= rank && *calls > below {
                return low + (bound - low) * (rank - below) / (calls - below);
            }
            (low, below) = (*bound, *calls);
        }
        f64::INFINITY
    }
}

fn bucket(line: &str) -> Option<(f64, f64)> {
    let (_, rest) = line.split_once("le=\"")?;
    let (bound, rest) = rest.split_once('"')?;
    let calls = rest.rsplit_once(' ')?.1.parse().ok()?;
    Some((bound.replace("+Inf", "inf").parse().ok()?, calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(le: &str, rejected: bool, calls: u32) -> String {
        format!(r#"{NAME}{{name="a",operation="UPDATE",rejected="{rejected}",type="admit",le="{le}"}} {calls}"#)
    }

    #[test]
    fn calls_are_summed_over_labels_and_quantiles_interpolated() {
        let text = [
            line("0.005", false, 90),
            line("0.005", true, 0),
            line("0.025", false, 99),
            line("0.025", true, 1),
            line("+Inf", false, 99),
            line("+Inf", true, 1),
        ];
        let all = Histogram::parse(&text.join("\n"), "a");
        assert_eq!(all.calls(), 100.0);
        assert_eq!(all.within(0.005).unwrap(), 0.9);
        assert!((all.quantile(0.45) - 0.0025).abs() < 1e-9);
        assert!((all.quantile(0.95) - 0.015).abs() < 1e-9);
        assert_eq!(all.since(&all).calls(), 0.0);
        assert_eq!(all.and(&all).calls(), 200.0);
        assert_eq!(Histogram::default().and(&all), all);
    }
}
