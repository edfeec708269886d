//! HTTP clients for calling out: hooks, metrics stores, chat services. They are shared, because each
//! keeps its own pool of connections.

mod egress;
mod persistence;

pub use egress::Egress;
pub use persistence::{Failure, persist};

use parking_lot::Mutex;
use reqwest::redirect::Policy;
use std::collections::HashMap;
use std::time::Duration;

/// Most redirections followed; Go's number.
const REDIRECTS: usize = 10;

/// What distinguishes one client from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Accept any certificate (`insecureSkipVerify`, `disableTLS`).
    pub accept_any_certificate: bool,
    /// Where redirections may not lead.
    pub egress: Egress,
    /// URL of an HTTP proxy for every request; without one the environment's, as Go does.
    pub proxy: Option<String>,
}

/// The clients of this process, made when first needed.
#[derive(Default)]
pub struct Clients(Mutex<HashMap<Settings, reqwest::Client>>);

impl Clients {
    /// The client with these settings. Errors are those of setting up TLS.
    pub fn get(&self, settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
        let mut clients = self.0.lock();
        if let Some(client) = clients.get(settings) {
            return Ok(client.clone());
        }
        let client = build(settings)?;
        clients.insert(settings.clone(), client.clone());
        Ok(client)
    }
}

/// Makes aws-lc-rs the process's TLS provider; a second call does nothing. `main` calls it first.
pub fn install_tls_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn build(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    install_tls_provider();
    let proxy = settings.proxy.as_ref().map(reqwest::Proxy::all).transpose()?;
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("coalmine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(60))
            .hickory_dns(true)
            .redirect(redirects(settings.egress.clone()))
            .tls_danger_accept_invalid_certs(settings.accept_any_certificate);
        match &proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    };
    // An image without CA certificates must still be able to speak plain HTTP inside the cluster;
    // HTTPS then fails at the handshake, which names the reason.
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}

fn redirects(egress: Egress) -> Policy {
    Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS {
            return attempt.error(format!("stopped after {REDIRECTS} redirects"));
        }
        match egress.check(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(reason) => attempt.error(reason),
        }
    })
}

/// The innermost error: reqwest's own texts repeat the URL, and with it queries and passwords.
pub fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "context deadline exceeded".to_owned();
    }
    let mut cause = std::error::Error::source(error);
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}
