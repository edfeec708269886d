//! Making the CA and the leaf: ECDSA P-256, by rcgen.

use super::rotation::Validity;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use std::time::Duration;

/// Lifetime of the CA, in seconds.
pub const CA_LIFETIME: i64 = 365 * 86_400;
/// Lifetime of a leaf, in seconds.
pub const LEAF_LIFETIME: i64 = 7 * 86_400;
/// Clocks of API servers may be behind ours by this much.
const SKEW: i64 = 300;

const CA_NAME: &str = "coalmine-webhook-ca";

/// A certificate could not be made, or a stored key could not be read.
#[derive(Debug, thiserror::Error)]
#[error("certificates: {0}")]
pub struct AuthorityError(#[from] rcgen::Error);

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub certificate: String,
    pub key: String,
    pub validity: Validity,
}

/// A new CA, valid from `now`.
pub(super) fn authority(now: i64) -> Result<Pair, AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let validity = Validity {
        not_before: now,
        not_after: now.saturating_add(CA_LIFETIME),
    };
    let certificate = authority_params(validity)?.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        validity,
    })
}

/// A new leaf for `names`, signed by the CA whose key is `ca_key` (PEM). The leaf never outlives its CA.
pub(super) fn leaf(now: i64, names: &[String], ca: Validity, ca_key: &str) -> Result<Pair, AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let validity = Validity {
        not_before: now,
        not_after: now.saturating_add(LEAF_LIFETIME).min(ca.not_after),
    };
    let mut params = CertificateParams::new(names.to_vec())?;
    date(&mut params, validity);
    let common = names
        .iter()
        .find(|name| name.len() <= 64)
        .map_or("coalmine-webhook", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let ca_key = KeyPair::from_pem(ca_key)?;
    let issuer = Issuer::new(authority_params(ca)?, ca_key);
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        validity,
    })
}

fn authority_params(validity: Validity) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    date(&mut params, validity);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, CA_NAME);
    // Two CAs live side by side during a change: the serial number's date keeps their names apart.
    params
        .distinguished_name
        .push(DnType::OrganizationName, format!("coalmine {}", validity.not_before));
    Ok(params)
}

fn date(params: &mut CertificateParams, validity: Validity) {
    let at = |seconds: i64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    };
    params.not_before = at(validity.not_before.saturating_sub(SKEW));
    params.not_after = at(validity.not_after);
}
