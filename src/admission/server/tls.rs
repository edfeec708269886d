//! The server's TLS configuration, with a certificate that can be exchanged while it serves.

use super::clients::Clients;
use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The certificate in use; handshakes that begin after an exchange see the new one.
#[derive(Debug, Default)]
pub struct Served {
    current: ArcSwapOption<CertifiedKey>,
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or without what is looked for.
    #[error("certificate or key is not usable PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Key type, mismatch of key and certificate, protocol versions.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

impl Served {
    /// Whether there is a certificate at all.
    pub fn is_set(&self) -> bool {
        self.current.load().is_some()
    }

    /// Takes a chain and its key (both PEM) into use.
    ///
    /// # Errors
    /// When they are unreadable or do not belong together; the one in use stays.
    pub fn exchange(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key)?;
        let certified = CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider())?;
        self.current.store(Some(Arc::new(certified)));
        Ok(())
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load_full()
    }
}

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
