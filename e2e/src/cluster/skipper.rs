//! A fourth gateway, on demand of a scene: a real Skipper on the host, which serves the Ingresses of its class. No `up` starts or
//! builds it; it stays until `down`.

use anyhow::{Result, bail};

use super::golang::Module;
use super::places::{API_SERVER, Places, SKIPPER_GATEWAY, SKIPPER_GATEWAY_ADMIN};
use super::ready::{http_ok, wait};
use super::{Cluster, credentials, process};

/// The program.
pub(super) const PROGRAM: Module = Module {
    name: SKIPPER,
    packages: &["github.com/zalando/skipper/cmd/skipper"],
    tags: "",
    ldflags: "-s -w",
    minutes: 5,
};

/// The process' name, and the folder of its module.
pub const SKIPPER: &str = "skipper";

/// The class of the Ingresses that it serves, besides those without any. It is none that other scenes store for nobody.
pub const CLASS: &str = "skipper-e2e";

/// How often it asks for its routes. By default it would go on using endpoints that are gone for 3 s.
const POLL_MILLISECONDS: u16 = 500;

/// Builds it, so that no scene waits for a compiler.
pub fn prepare() -> Result<()> {
    PROGRAM.ensure(&Places::find()?).map(drop)
}

impl Cluster {
    /// Answers when Skipper serves.
    pub fn skipper_gateway(&self) -> Result<()> {
        let places = self.places_of_gateways()?;
        let _lock = super::Lock::take(&places)?;
        if process::recorded(&places, SKIPPER).is_none() {
            start(&places)?;
        }
        // It listens when it has read its first routes, of which this is one.
        wait(&places, "Skipper", &[SKIPPER], 90, || {
            http_ok(SKIPPER_GATEWAY, "/kube-system/healthz")
        })
    }
}

fn start(places: &Places) -> Result<()> {
    let token = credentials::token_of(places, SKIPPER);
    if !token.is_file() {
        bail!("the cluster that runs was started before it could have Skipper; `e2e reset` starts a new one");
    }
    let args = [
        format!("-address={SKIPPER_GATEWAY}"),
        format!("-support-listener={SKIPPER_GATEWAY_ADMIN}"),
        "-kubernetes".to_owned(),
        format!("-kubernetes-url={API_SERVER}"),
        format!("-kubernetes-token-file={}", token.display()),
        format!("-kubernetes-ingress-class=^{CLASS}$"),
        "-kubernetes-https-redirect=false".to_owned(), // nobody speaks TLS to it
        "-enable-kubernetes-endpointslices".to_owned(),
        format!("-source-poll-timeout={POLL_MILLISECONDS}"),
        "-wait-first-route-load".to_owned(),
        "-wait-for-healthcheck-interval=0s".to_owned(), // there is no load balancer before it that has to notice its end
        "-proxy-preserve-host".to_owned(),
        "-access-log-disabled".to_owned(),
        // The series of the built-in metrics: by route, in Prometheus' form.
        "-metrics-flavour=prometheus".to_owned(),
        "-route-response-metrics".to_owned(),
        "-serve-route-metrics".to_owned(),
    ];
    let program = PROGRAM.ensure(places)?.join("skipper");
    // It has no flag for the authority that it is to trust outside of a pod.
    let trusted = credentials::ca(places);
    process::start(
        places,
        SKIPPER,
        &program,
        &args,
        &[("SSL_CERT_FILE", trusted.as_os_str())],
    )
    .map(drop)
}
