//! The clients themselves: one for each choice of settings, as far as the settings are ours. Proxies are named by users,
//! and each may be another one, so only the latest of those are kept.

use super::{Egress, install_tls_provider};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use std::collections::HashMap;
use std::time::Duration;

/// Most redirections followed; Go's number.
const REDIRECTS: usize = 10;
/// Most clients kept for proxies. Each has a resolver, the root certificates and its connections.
const PROXIES: usize = 16;
/// Most idle connections kept to one host.
const IDLE: usize = 8;
/// Most bytes of an answer by HTTP/2 that wait to be read, of one request and of a connection.
const WINDOW: u32 = 64 * 1024;
const WINDOWS: u32 = 1024 * 1024;

/// What distinguishes one client from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientSettings {
    /// Accept any certificate (`insecureSkipVerify`, `disableTLS`).
    pub accept_any_certificate: bool,
    /// Where redirections may not lead.
    pub egress: Egress,
    /// URL of an HTTP proxy for every request; without one the environment's, as Go does.
    pub proxy: Option<String>,
}

/// The clients of this process, made when first needed.
#[derive(Default)]
pub struct Clients(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    clients: HashMap<ClientSettings, Known>,
    uses: u64,
}

struct Known {
    client: reqwest::Client,
    used: u64,
}

impl Clients {
    /// The client with these settings. Errors are those of setting up TLS.
    pub fn get(&self, settings: &ClientSettings) -> Result<reqwest::Client, reqwest::Error> {
        let mut kept = self.0.lock();
        kept.uses += 1;
        let used = kept.uses;
        if let Some(known) = kept.clients.get_mut(settings) {
            known.used = used;
            return Ok(known.client.clone());
        }
        let client = build(settings)?;
        kept.make_room();
        let known = Known {
            client: client.clone(),
            used,
        };
        kept.clients.insert(settings.clone(), known);
        Ok(client)
    }
}

impl Kept {
    fn make_room(&mut self) {
        let of_proxies = || self.clients.iter().filter(|(settings, _)| settings.proxy.is_some());
        if of_proxies().count() < PROXIES {
            return;
        }
        let oldest = of_proxies().min_by_key(|(_, known)| known.used);
        if let Some(oldest) = oldest.map(|(settings, _)| settings.clone()) {
            self.clients.remove(&oldest);
        }
    }
}

fn build(settings: &ClientSettings) -> Result<reqwest::Client, reqwest::Error> {
    install_tls_provider();
    let proxy = settings.proxy.as_ref().map(reqwest::Proxy::all).transpose()?;
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("coalmine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(IDLE)
            .http2_initial_stream_window_size(WINDOW)
            .http2_initial_connection_window_size(WINDOWS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_proxies_that_nobody_uses_any_more_go() {
        let clients = Clients::default();
        let of = |proxy: Option<String>| ClientSettings {
            proxy,
            ..ClientSettings::default()
        };
        let get = |proxy: Option<String>| clients.get(&of(proxy)).unwrap();
        get(None);
        for n in 0..PROXIES + 4 {
            get(Some(String::from("http://used:1")));
            get(Some(format!("http://proxy-{n}:1")));
        }
        let kept = clients.0.lock();
        assert_eq!(kept.clients.len(), PROXIES + 1);
        assert!(kept.clients.contains_key(&of(None)));
        assert!(kept.clients.contains_key(&of(Some(String::from("http://used:1")))));
    }
}
