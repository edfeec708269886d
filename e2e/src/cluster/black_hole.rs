//! A pod whose packets are dropped, both ways and without a word: what a broken node or a wrong firewall rule looks like.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::network::nft;

const TABLE: &str = "coalmine-black-hole";

/// As long as it lives, nothing reaches the address and nothing comes from it.
#[derive(Debug)]
pub struct BlackHole(());

impl BlackHole {
    /// Swallows all packets of that address. There is one at a time; a second takes the first one's place.
    pub fn around(address: Ipv4Addr) -> Result<Self> {
        // After kube-proxy's translation on the way out, and before everything on the way in.
        nft(&format!(
            "table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  chain from {{
    type filter hook prerouting priority -300;
    ip saddr {address} drop
  }}
  chain to {{
    type filter hook postrouting priority 300;
    ip daddr {address} drop
  }}
}}
"
        ))?;
        Ok(Self(()))
    }
}

impl Drop for BlackHole {
    fn drop(&mut self) {
        if let Err(error) = nft(&format!("table ip {TABLE}\ndelete table ip {TABLE}\n")) {
            eprintln!("the black hole stays: {error:#}");
        }
    }
}
