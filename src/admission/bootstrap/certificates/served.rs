//! The certificate that is served, which can be exchanged at any time.

use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
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
