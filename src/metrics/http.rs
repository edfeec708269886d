//! HTTP clients for calling out. They are shared, because each keeps its own pool of connections.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

/// What distinguishes one client from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Accept any certificate (`insecureSkipVerify`, `disableTLS`).
    pub accept_any_certificate: bool,
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
    let builder = || {
        reqwest::Client::builder()
            .user_agent(concat!("coalmine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(60))
            .hickory_dns(true)
            .tls_danger_accept_invalid_certs(settings.accept_any_certificate)
    };
    // An image without CA certificates must still be able to speak plain HTTP inside the cluster;
    // HTTPS then fails at the handshake, which names the reason.
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}
