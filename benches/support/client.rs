//! A client of the webhook, from any loopback address, and the certificate it trusts.

use coalmine::admission::bootstrap::certificates::{Material, Served, now};
use coalmine::admission::server::tls;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What the webhook is called.
pub const NAME: &str = "coalmine-webhook.coalmine-system.svc";

/// A certificate for the webhook, and how it is served.
pub fn certificate() -> (Material, Arc<ServerConfig>) {
    let material = Material::bootstrap(now(), &[NAME.to_owned()]).expect("certificates");
    let served = Arc::new(Served::default());
    let (chain, key) = material.served();
    served
        .exchange(chain.as_bytes(), key.as_bytes())
        .expect("a certificate and its key");
    let config = tls::config(served, false, None).expect("a TLS configuration");
    (material, config)
}

/// How to speak TLS to it, and HTTP/1 next, as API servers do.
pub fn connector(material: &Material) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(material.ca_bundle().as_bytes()).expect("a CA");
    roots.add(ca).expect("a CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocols")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A TCP connection from 127.0.0.`from`.
pub async fn tcp(address: SocketAddr, from: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0)))?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The same with TLS.
pub async fn secure(address: SocketAddr, from: u8, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(NAME).expect("a name");
    connector.connect(name, tcp(address, from).await?).await
}
