//! Client certificates, where the cluster's API servers have them: who may connect at all.

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the file is looked at; a mounted ConfigMap follows within a minute anyway.
const POLL: Duration = Duration::from_secs(10);

/// Why there is nobody who could connect.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The file with the CAs cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// The file has no CAs that can be used.
    #[error("{0} holds no usable CA certificates in PEM: {1}")]
    Bundle(PathBuf, String),
}

/// Whose certificates are accepted: those that a CA of a file signed and, where names are given, that bear one of them.
#[derive(Debug)]
pub struct Clients {
    file: PathBuf,
    names: Vec<String>,
    bundle: ArcSwap<Bundle>,
}

#[derive(Debug)]
struct Bundle {
    pem: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Clients {
    /// Reads the CAs in `file`. Without `names` every certificate of theirs will do.
    ///
    /// # Errors
    /// When it cannot be read or holds none.
    pub fn read(file: &Path, names: Vec<String>) -> Result<Arc<Self>, ClientsError> {
        Ok(Arc::new(Self {
            bundle: ArcSwap::from_pointee(Bundle::read(file)?),
            file: file.to_owned(),
            names,
        }))
    }

    /// Reads the file again; whether it has changed. What was accepted stays accepted when it cannot be read.
    ///
    /// # Errors
    /// As [`Clients::read`].
    pub fn refresh(&self) -> Result<bool, ClientsError> {
        let next = Bundle::read(&self.file)?;
        let changed = next.pem != self.bundle.load().pem;
        if changed {
            self.bundle.store(Arc::new(next));
        }
        Ok(changed)
    }

    /// Follows the file for ever.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(POLL).await;
            match self.refresh() {
                Ok(true) => tracing::info!(file = %self.file.display(), "the CAs of API servers have changed"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the CAs of API servers"),
            }
        }
    }

    fn is_named(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.names.is_empty() {
            return true;
        }
        let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
            return false;
        };
        let common = common_names(certificate.subject());
        self.names.iter().any(|name| {
            let server = ServerName::try_from(name.as_str());
            let is_host = server.is_ok_and(|server| certificate.verify_is_valid_for_subject_name(&server).is_ok());
            let is_uri = certificate.valid_uri_names().any(|uri| uri == name);
            is_host || is_uri || common.contains(&name.as_str())
        })
    }
}

/// The common names in a subject (RFC 5280, 4.1.2.4): a list of sets of pairs of an object identifier and a text, in DER.
fn common_names(subject: &[u8]) -> Vec<&str> {
    const SET: u8 = 0x31;
    const PAIR: u8 = 0x30;
    const IDENTIFIER: u8 = 0x06;
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let pairs = values(subject).filter(|(tag, _)| *tag == SET);
    let pairs = pairs.flat_map(|(_, set)| values(set)).filter(|(tag, _)| *tag == PAIR);
    let names = pairs.filter_map(|(_, pair)| {
        let mut parts = values(pair);
        let (identifier, text) = (parts.next()?, parts.next()?);
        (identifier == (IDENTIFIER, COMMON_NAME)).then(|| std::str::from_utf8(text.1).ok())?
    });
    names.collect()
}

/// Tag and content of each value in a row, up to the first that is none.
fn values(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, rest) = der.split_first()?;
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        der = rest;
        Some((*tag, content))
    })
}

/// A length and what follows it. A name of more than 65,535 bytes is none.
fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    match der {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, one, rest @ ..] => Some((usize::from(*one), rest)),
        [0x82, high, low, rest @ ..] => Some((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        _ => None,
    }
}

impl Bundle {
    fn read(file: &Path) -> Result<Self, ClientsError> {
        let pem = std::fs::read(file).map_err(|error| ClientsError::File(file.to_owned(), error))?;
        let unusable = |error: String| ClientsError::Bundle(file.to_owned(), error);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(|error| unusable(error.to_string()))?;
        Ok(Self { pem, verifier })
    }
}

impl ClientCertVerifier for Clients {
    // None: they change with the file, and clients have one certificate for us anyway.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bundle = self.bundle.load();
        let verified = bundle.verifier.verify_client_cert(certificate, intermediates, now)?;
        match self.is_named(certificate) {
            true => Ok(verified),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bundle = self.bundle.load();
        bundle.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bundle = self.bundle.load();
        bundle.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.bundle.load().verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_are_read_from_any_bytes_without_harm() {
        let pair = [0x30, 9, 0x06, 3, 0x55, 4, 3, 0x0c, 2, b'm', b'e'];
        let mut subject = vec![0x31, 11];
        subject.extend(pair);
        assert_eq!(common_names(&subject), ["me"]);
        let twice = [subject.clone(), subject.clone()].concat();
        assert_eq!(common_names(&twice), ["me", "me"]);
        let mut other = subject.clone();
        other[8] = 10;
        assert!(common_names(&other).is_empty(), "an organisation");
        for end in 0..subject.len() {
            assert!(common_names(&subject[..end]).is_empty());
        }
        for (place, byte) in (0..subject.len()).flat_map(|place| (0..=255).map(move |byte| (place, byte))) {
            let mut broken = subject.clone();
            broken[place] = byte;
            common_names(&broken);
        }
    }
}
