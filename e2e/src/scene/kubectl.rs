//! The real kubectl, as a user types it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Scene;

/// What is deleted is waited for without a bound, and whatever waits for ever keeps all other scenes waiting.
const LONGEST: Duration = Duration::from_secs(300);

/// What kubectl said and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// The words on its command line, for messages.
    pub asked: String,
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error: warnings and refusals.
    pub err: String,
    /// How long it took.
    pub took: Duration,
    /// When it returned.
    pub at: Instant,
}

impl Said {
    /// Fails with kubectl's own words unless it succeeded.
    pub fn succeeded(self) -> Result<Self> {
        ensure!(
            self.code == Some(0),
            "kubectl {} ended with {:?}: {}{}",
            self.asked,
            self.code,
            self.out,
            self.err
        );
        Ok(self)
    }

    /// Fails unless kubectl was refused.
    pub fn refused(self) -> Result<Self> {
        ensure!(
            self.code != Some(0),
            "kubectl {} was not refused: {}",
            self.asked,
            self.out
        );
        Ok(self)
    }
}

impl Scene {
    /// Runs kubectl in the scene's namespace.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Said> {
        self.kubectl_with(args, "").await
    }

    /// Applies a manifest, client-side, as `kubectl apply -f FILE` does.
    pub async fn apply(&self, manifest: &str) -> Result<Said> {
        self.kubectl_with(&["apply", "-f", "-"], manifest).await
    }

    /// Runs kubectl in the scene's namespace with `input` on its standard input.
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> Result<Said> {
        let began = Instant::now();
        let mut child = Command::new(&self.cluster.kubectl)
            .arg("--kubeconfig")
            .arg(&self.cluster.kubeconfig)
            .args(["--namespace", &self.namespace])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.cluster.kubectl.display()))?;
        let mut stdin = child.stdin.take().context("kubectl has an input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let ended = tokio::time::timeout(LONGEST, child.wait_with_output()).await;
        let output = ended.with_context(|| format!("kubectl {} did not end within {LONGEST:?}", args.join(" ")))??;
        Ok(Said {
            asked: args.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: began.elapsed(),
            at: Instant::now(),
        })
    }
}
