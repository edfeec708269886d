//! The API server's audit log: who asked what.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::Scene;

/// One request as the API server recorded it when it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub user: String,
    /// get, list, watch, create, update, patch, delete.
    pub verb: String,
    /// The path and query.
    pub uri: String,
    /// The HTTP status.
    pub code: i64,
    /// Of Coalmine's webhooks, those that were called: by what the API server notes of mutating ones, and by what each
    /// says of its decision.
    pub called: Vec<String>,
}

impl Request {
    /// Whether one of Coalmine's own accounts asked.
    pub fn is_ours(&self) -> bool {
        self.user.starts_with("system:serviceaccount:coalmine-system:")
    }

    /// Whether it would change something: not a read, not a dry-run, not a question about rights.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
            && !self.uri.contains("dryRun=All")
            && !self.uri.contains("subjectaccessreviews")
    }

    /// Whether it is what a program at rest may ask: renewing its lease and its watches.
    pub fn is_at_rest(&self) -> bool {
        self.verb == "watch" || self.uri.contains("/leases/")
    }

    fn read(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        // A watch is recorded when it begins and again when it ends; each request counts once.
        let stage = event["stage"].as_str()?;
        if !matches!(stage, "ResponseComplete" | "Panic") {
            return None;
        }
        let text = |pointer: &str| Some(event.pointer(pointer)?.as_str()?.to_owned());
        Some(Self {
            user: text("/user/username")?,
            verb: text("/verb")?,
            uri: text("/requestURI")?,
            code: event
                .pointer("/responseStatus/code")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            called: called(&event["annotations"]),
        })
    }
}

fn called(annotations: &Value) -> Vec<String> {
    let all = annotations.as_object().into_iter().flatten();
    let names = all.filter_map(|(key, value)| match key.split_once(".coalmine.dev/") {
        Some((webhook, _)) => Some(webhook.to_owned()),
        None => {
            let noted: Value = serde_json::from_str(value.as_str()?).ok()?;
            Some(noted["webhook"].as_str()?.strip_suffix(".coalmine.dev")?.to_owned())
        }
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The audit log from a moment on.
pub struct Audit {
    file: PathBuf,
    from: u64,
}

impl Scene {
    /// Begins to follow the audit log now.
    pub async fn audit(&self) -> Result<Audit> {
        let file = self.cluster.audit_log.clone();
        let from = tokio::fs::metadata(&file)
            .await
            .with_context(|| format!("there is no audit log at {}", file.display()))?
            .len();
        Ok(Audit { file, from })
    }
}

impl Audit {
    /// The requests answered since.
    pub async fn requests(&self) -> Result<Vec<Request>> {
        let mut log = tokio::fs::File::open(&self.file).await?;
        log.seek(std::io::SeekFrom::Start(self.from)).await?;
        let mut text = String::new();
        log.read_to_string(&mut text).await?;
        Ok(text.lines().filter_map(Request::read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_is_no_write_and_a_lease_is_rest() {
        let line = |uri: &str, verb: &str| {
            format!(
                r#"{{"stage":"ResponseComplete","verb":"{verb}","requestURI":"{uri}","responseStatus":{{"code":200}},
                "user":{{"username":"system:serviceaccount:coalmine-system:coalmine-webhook"}}}}"#
            )
        };
        let read = |uri: &str, verb: &str| Request::read(&line(uri, verb)).unwrap();
        assert!(read("/api/v1/namespaces/x/services/app", "patch").is_write());
        assert!(!read("/apis/coalmine.dev/v1alpha1/canarypolicies?dryRun=All", "create").is_write());
        assert!(read("/apis/coordination.k8s.io/v1/namespaces/x/leases/y", "patch").is_at_rest());
        assert!(read("/api/v1/services", "list").is_ours());
        assert_eq!(Request::read(r#"{"stage":"RequestReceived"}"#), None);
    }

    #[test]
    fn the_webhooks_that_were_called_are_known_by_their_notes() {
        let annotations = serde_json::json!({
            "authorization.k8s.io/decision": "allow",
            "mutate-deployments.coalmine.dev/decision": "rest",
            "mutation.webhook.admission.k8s.io/round_0_index_0":
                r#"{"configuration":"coalmine","webhook":"mutate-deployments.coalmine.dev","mutated":false}"#,
            "mutation.webhook.admission.k8s.io/round_0_index_3":
                r#"{"configuration":"other","webhook":"other.example.com","mutated":false}"#,
        });
        assert_eq!(called(&annotations), ["mutate-deployments"]);
        assert!(called(&Value::Null).is_empty());
    }
}
