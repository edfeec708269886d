//! Where things are: the cache, the state of the running cluster, and the fixed addresses it uses.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result};

/// The host's own address on the pod bridge: every host process that pods must reach listens here.
pub const HOST: &str = "10.244.0.1";
/// The range pods get their addresses from.
pub const POD_RANGE: &str = "10.244.0.0/16";
/// The range Services get their addresses from.
pub const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The API server, for the host and for pods alike.
pub const API_SERVER: &str = "https://10.244.0.1:6443";
/// Where the gateway answers.
pub const GATEWAY: &str = "127.0.0.1:18080";
/// The gateway's own metrics and ping.
pub const GATEWAY_ADMIN: &str = "127.0.0.1:18081";
/// Where the second gateway answers, once a scene has asked for it.
pub const MESH_GATEWAY: &str = "127.0.0.1:18180";
/// The second gateway's metrics and readiness.
pub const MESH_GATEWAY_ADMIN: &str = "127.0.0.1:18181";
/// Where the second gateway answers for routes of Istio's own kinds.
pub const EDGE_GATEWAY: &str = "127.0.0.1:18184";
/// Where Contour's Envoy answers, once a scene has asked for it.
pub const CONTOUR_GATEWAY: &str = "127.0.0.1:18190";
/// The metrics and readiness of Contour's Envoy.
pub const CONTOUR_GATEWAY_ADMIN: &str = "127.0.0.1:18191";
/// Where Skipper answers, once a scene has asked for it.
pub const SKIPPER_GATEWAY: &str = "127.0.0.1:18200";
/// Skipper's metrics.
pub const SKIPPER_GATEWAY_ADMIN: &str = "127.0.0.1:18201";
/// Where Knative's Traefik answers, once a scene has asked for it.
pub const KNATIVE_GATEWAY: &str = "127.0.0.1:18210";
/// Its ping.
pub const KNATIVE_GATEWAY_ADMIN: &str = "127.0.0.1:18211";
/// Prometheus, for the host and for pods alike.
pub const PROMETHEUS: &str = "10.244.0.1:19090";

/// The two folders everything is kept in.
#[derive(Clone, Debug)]
pub struct Places {
    /// What was expensive to build or download; it outlives clusters.
    pub cache: PathBuf,
    /// Sockets, data, logs and pid files of the running cluster.
    pub run: PathBuf,
}

impl Places {
    /// `$COALMINE_CACHE`, or `~/.cache/coalmine`.
    pub fn find() -> Result<Self> {
        let cache = match std::env::var_os("COALMINE_CACHE").filter(|v| !v.is_empty()) {
            Some(given) => std::path::absolute(PathBuf::from(given))?,
            None => {
                let home = std::env::var_os("HOME")
                    .context("neither COALMINE_CACHE nor HOME is set, so there is no place to build into")?;
                PathBuf::from(home).join(".cache/coalmine")
            }
        };
        let run = cache.join("run");
        Ok(Self { cache, run })
    }

    /// The pinned parts of the cluster in this repository.
    pub fn parts() -> PathBuf {
        Self::package().join("cluster")
    }

    /// This package in the clone that cargo was called in. Clones that share a target directory share binaries, and
    /// what was compiled into one may name a clone that is gone.
    pub fn package() -> &'static Path {
        static HERE: LazyLock<PathBuf> = LazyLock::new(|| {
            let called = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
            called.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
        });
        &HERE
    }

    /// The kubeconfig of the cluster's admin.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.join("kubeconfig")
    }

    /// One JSON line for each request the API server answered.
    pub fn audit_log(&self) -> PathBuf {
        self.run.join("audit.log")
    }

    /// What a process printed.
    pub fn log(&self, name: &str) -> PathBuf {
        self.run.join("log").join(format!("{name}.log"))
    }
}
