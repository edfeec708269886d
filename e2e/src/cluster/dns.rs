//! Cluster DNS: a CoreDNS process on the bridge's address, which every pod is told to ask.

use std::fs;

use anyhow::Result;

use super::credentials;
use super::places::{HOST, Places};
use super::process;
use super::programs::Programs;

/// Starts CoreDNS.
pub fn start(places: &Places, programs: &Programs) -> Result<()> {
    // Names outside the cluster are asked for where the host asks, if it asks anyone.
    let resolver = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let forward = if resolver.lines().any(|line| line.starts_with("nameserver")) {
        "forward . /etc/resolv.conf"
    } else {
        ""
    };
    let corefile = format!(
        ".:53 {{
  bind {HOST}
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {{
    kubeconfig {} coalmine
    pods insecure
    ttl 5
    fallthrough in-addr.arpa ip6.arpa
  }}
  {forward}
  cache 5
}}
",
        credentials::kubeconfig_of(places, "coredns").display()
    );
    let file = places.run.join("Corefile");
    fs::write(&file, corefile)?;
    process::start(
        places,
        "coredns",
        &programs.coredns,
        &["-conf".to_owned(), file.display().to_string()],
        &[],
    )?;
    Ok(())
}
