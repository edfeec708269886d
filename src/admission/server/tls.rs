//! The server's TLS configuration, with a certificate that can be exchanged while it serves.

use super::clients::Clients;
use crate::admission::bootstrap::certificates::{Served, TlsError};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use std::sync::Arc;

/// TLS 1.3, and 1.2 where `allow_tls12` says so; HTTP/2 preferred. With `clients`, a client shows a certificate that is
/// among them, or there is no connection.
///
/// # Errors
/// Never with the built-in provider; rustls says so by a `Result`.
pub fn config(
    served: Arc<Served>,
    allow_tls12: bool,
    clients: Option<Arc<Clients>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    static BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    static ONE: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    let versions: &[&rustls::SupportedProtocolVersion] = if allow_tls12 { &BOTH } else { &ONE };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(served);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // No session is taken up again: API servers do not ask for it, and a certificate would not be looked at again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
