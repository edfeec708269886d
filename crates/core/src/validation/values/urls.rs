//! URLs in fields, and where they must not lead.

use crate::validation::report::Report;
use core::net::{IpAddr, Ipv6Addr};

/// The metadata service of AWS over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// A URL, as far as rules need it.
pub(in crate::validation) struct Url {
    /// Whether it is https.
    pub secure: bool,
    host: String,
}

/// Reads an absolute http or https URL without credentials and fragment.
pub(in crate::validation) fn parse(text: &str) -> Option<Url> {
    if text.contains('#') || has_credentials(text) {
        return None;
    }
    let uri: http::Uri = text.parse().ok()?;
    let secure = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    Some(Url { secure, host })
}

/// Refuses what is no URL, without repeating credentials. `example` shows how one looks.
pub(in crate::validation) fn check(report: &mut Report, field: &str, text: &str, example: &str) -> Option<Url> {
    let url = parse(text);
    if url.is_none() {
        let why = format!("absolute http:// or https:// URL without credentials and fragment, e.g. {example}");
        report.invalid(field, redacted(text), why);
    }
    url
}

/// Refuses URLs of this machine, of link-local and metadata addresses and of the API server.
pub(in crate::validation) fn check_egress(report: &mut Report, field: &str, url: &Url) {
    let api_server = is_api_server(&url.host);
    if api_server || is_local(&url.host) {
        let what = if api_server {
            "the API server"
        } else {
            "the controller itself or the node"
        };
        report.forbidden(
            field,
            format!("{} is {what}, blocked by egress policy; use a Service", url.host),
        );
    }
}

fn is_api_server(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    matches!(host, "kubernetes.default" | "kubernetes.default.svc") || host.starts_with("kubernetes.default.svc.")
}

fn is_local(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => is_local_ip(ip),
        Err(_) => false,
    }
}

fn is_local_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local() || ip == METADATA_V6,
    }
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn has_credentials(text: &str) -> bool {
    authority(text).contains('@')
}

/// The text with credentials blotted out.
fn redacted(text: &str) -> String {
    match authority(text).rsplit_once('@') {
        Some((secret, _)) if !secret.is_empty() => text.replacen(secret, "***", 1),
        _ => text.to_owned(),
    }
}
