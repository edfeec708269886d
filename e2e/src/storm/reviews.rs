//! What the API server has counted of its calls of the webhook.

use anyhow::Result;
use kube::Client;

/// Calls that ended, however they did.
const ASKED: &str = "apiserver_admission_webhook_admission_duration_seconds_count";
/// Calls that failed: those whose request went on all the same, and those whose request was refused for it.
const IGNORED: &str = "apiserver_admission_webhook_fail_open_count";
const REFUSED: &str = "apiserver_admission_webhook_rejection_count";
/// Of refusals, those that are no answer of the webhook.
const NO_ANSWER: &str = "error_type=\"calling_webhook_error\"";
/// Entries of ours.
const OURS: &str = ".coalmine.dev\"";

/// Reviews of our entries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reviews {
    /// Those that were asked for.
    pub asked: f64,
    /// Those of them that nobody answered well.
    pub failed: f64,
}

impl Reviews {
    /// All so far, since the API server began.
    pub async fn read(client: &Client) -> Result<Self> {
        let request = http::Request::get("/metrics").body(Vec::new())?;
        Ok(Self::parse(&client.request_text(request).await?))
    }

    fn parse(text: &str) -> Self {
        let ours = |line: &&str| line.contains(OURS);
        let sum = |metric: &str, with: &str| -> f64 {
            let named = |line: &&str| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with('{'));
            let lines = text
                .lines()
                .filter(named)
                .filter(ours)
                .filter(|line| line.contains(with));
            lines
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
                .sum()
        };
        Self {
            asked: sum(ASKED, ""),
            failed: sum(IGNORED, "") + sum(REFUSED, NO_ANSWER),
        }
    }

    /// Those since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            asked: self.asked - before.asked,
            failed: self.failed - before.failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_reviews_are_summed_over_entries_and_verbs_and_those_that_failed_are_told_apart() {
        let text = format!(
            r#"# HELP {ASKED} ...
{ASKED}{{name="mutate-deployments.coalmine.dev",operation="UPDATE",rejected="false",type="admit"}} 100
{ASKED}{{name="follow-deployments.coalmine.dev",operation="CREATE",rejected="true",type="validating"}} 3
{ASKED}{{name="somebody.else.dev",operation="UPDATE",rejected="false",type="admit"}} 50
{IGNORED}{{name="mutate-deployments.coalmine.dev",type="admit"}} 2
{IGNORED}_more{{name="mutate-deployments.coalmine.dev",type="admit"}} 9
{REFUSED}{{error_type="calling_webhook_error",name="validate-canaries.coalmine.dev"}} 1
{REFUSED}{{error_type="no_error",name="validate-canaries.coalmine.dev"}} 7
"#
        );
        let all = Reviews::parse(&text);
        assert_eq!(
            all,
            Reviews {
                asked: 103.0,
                failed: 3.0
            }
        );
        let before = Reviews {
            asked: 3.0,
            failed: 3.0,
        };
        assert_eq!(
            all.since(before),
            Reviews {
                asked: 100.0,
                failed: 0.0
            }
        );
    }
}
