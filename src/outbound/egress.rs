//! Where a URL that a user wrote must not lead: calls are made from our pod, which reaches more than its
//! users do, above all the cloud's metadata service and the API server.
//!
//! This looks at the URL and at every redirection, not at what a name resolves to; a NetworkPolicy is
//! what stops names that lie.

use reqwest::Url;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// What is denied. The default denies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Egress {
    /// 169.254.0.0/16 and fe80::/10, where clouds serve credentials.
    pub deny_link_local: bool,
    /// 127.0.0.0/8, ::1 and `localhost`: our own pod's other ports.
    pub deny_loopback: bool,
    /// Hosts by name or address, in lower case.
    pub deny_hosts: BTreeSet<String>,
}

impl Egress {
    /// The rule of a controller in a cluster: no link-local addresses, and not the API server, which
    /// `api_server` names (`KUBERNETES_SERVICE_HOST`).
    pub fn in_cluster(api_server: Option<&str>) -> Self {
        let names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let hosts = names.into_iter().chain(api_server).map(str::to_lowercase);
        Self {
            deny_link_local: true,
            deny_loopback: false,
            deny_hosts: hosts.collect(),
        }
    }

    /// Whether `url` may be called; the error says why not.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{} URLs are not called", url.scheme()));
        }
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .trim_end_matches('.');
        let host = host.to_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let name_is_local = host == "localhost" || host.ends_with(".localhost");
        let denied = self.deny_hosts.contains(&host)
            || self.deny_loopback && name_is_local
            || address.is_some_and(|address| self.denies(plain(address)));
        if denied {
            Err(format!("calls to {host} are denied"))
        } else {
            Ok(())
        }
    }

    fn denies(&self, address: IpAddr) -> bool {
        let link_local = match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        // The unspecified address reaches the loopback interface on Linux.
        let loopback = address.is_loopback() || address.is_unspecified();
        self.deny_link_local && link_local
            || self.deny_loopback && loopback
            || self.deny_hosts.contains(&address.to_string())
    }
}

/// Treats an IPv4-mapped IPv6 address as that IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => unmapped(v6),
        v4 => v4,
    }
}

fn unmapped(v6: Ipv6Addr) -> IpAddr {
    v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(egress: &Egress, url: &str) -> bool {
        egress.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn a_controller_in_a_cluster_reaches_hooks_but_no_credentials() {
        let egress = Egress::in_cluster(Some("10.96.0.1"));
        for url in [
            "http://flagger-loadtester.test/",
            "https://example.com/x",
            "http://10.0.0.7:8080",
            "http://127.0.0.1",
        ] {
            assert!(allowed(&egress, url), "{url}");
        }
        let denied = [
            "http://169.254.169.254/latest/meta-data",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://0xA9FEA9FE/",
            "https://10.96.0.1/api",
            "https://[::ffff:10.96.0.1]/api",
            "https://kubernetes.default.svc/api",
            "https://KUBERNETES.default.svc./api",
            "ftp://example.com/",
        ];
        for url in denied {
            assert!(!allowed(&egress, url), "{url}");
        }
    }

    #[test]
    fn loopback_is_denied_where_asked() {
        let egress = Egress {
            deny_loopback: true,
            ..Egress::default()
        };
        for url in [
            "http://127.0.0.1:8080",
            "http://127.1",
            "http://[::1]/",
            "http://localhost",
            "http://a.localhost",
            "http://0.0.0.0",
        ] {
            assert!(!allowed(&egress, url), "{url}");
        }
    }
}
