//! How the API server shows itself to the API servers behind it (metrics-server): with a certificate of an authority
//! that is good for nothing else, made anew for each cluster.

use std::fs;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::places::Places;

/// The only name servers behind the API server believe.
const NAME: &str = "front-proxy-client";

/// Makes authority, certificate and key.
pub fn create(places: &Places) -> Result<()> {
    let authority_key = KeyPair::generate()?;
    let mut authority = named("front-proxy-ca")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    let mut client = named(NAME)?;
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

    fs::create_dir_all(places.run.join("certificates"))?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let certificate = client.signed_by(&key, &Issuer::new(authority, authority_key))?;
    fs::write(file(places, "front-proxy-ca.crt"), authority_certificate.pem())?;
    fs::write(file(places, "front-proxy.crt"), certificate.pem())?;
    fs::write(file(places, "front-proxy.key"), key.serialize_pem())?;
    Ok(())
}

/// The API server's flags.
pub fn flags(places: &Places) -> [String; 7] {
    let path = |name| file(places, name).display().to_string();
    [
        format!("--requestheader-client-ca-file={}", path("front-proxy-ca.crt")),
        format!("--requestheader-allowed-names={NAME}"),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", path("front-proxy.crt")),
        format!("--proxy-client-key-file={}", path("front-proxy.key")),
    ]
}

fn named(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn file(places: &Places, name: &str) -> std::path::PathBuf {
    places.run.join("certificates").join(name)
}
