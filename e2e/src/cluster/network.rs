//! The pod network as the host sees it: for each node a bridge with an address of its own, made before the first pod,
//! so that host processes can listen on it. The host routes between the bridges.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::nodes::{FIRST, Node, SECOND};
use super::places::{HOST, POD_RANGE, Places, SERVICE_RANGE};
use super::programs::run;

/// Kernel switches the pod network needs.
const SWITCHES: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ip_forward", "1"),
    // Without it the answer of a pod on the same bridge goes around kube-proxy's address translation.
    ("/proc/sys/net/bridge/bridge-nf-call-iptables", "1"),
];

/// Pods may reach the world, and nobody but this machine may reach what listens on the bridge.
const RULES: &str = r#"
table ip coalmine
delete table ip coalmine
table ip coalmine {
  chain out {
    type nat hook postrouting priority 110;
    ip saddr 10.244.0.0/16 ip daddr != { 10.244.0.0/16, 10.96.0.0/16 } masquerade
    # A pod that meets itself behind its Service: kube-proxy sees to that only for the first node's pods.
    ct status dnat ip saddr 10.244.128.0/17 ip daddr 10.244.128.0/17 masquerade
  }
  chain in {
    type filter hook input priority -10;
    iifname != { "lo", "cni0", "cni1" } ip daddr 10.244.0.0/16 drop
  }
}
"#;

/// Makes bridge, route and rules; what was changed in the kernel is noted so that `remove` can put it back.
pub fn create(places: &Places) -> Result<()> {
    let _ = Command::new("modprobe")
        .arg("br_netfilter")
        .stderr(Stdio::null())
        .status(); // it may be built in
    let notes = places.run.join("kernel");
    fs::create_dir_all(&notes)?;
    for (file, value) in SWITCHES {
        let before = fs::read_to_string(file)
            .with_context(|| format!("{file} is missing; does this kernel have br_netfilter?"))?;
        let note = notes.join(file.replace('/', "_"));
        if before.trim() != value {
            fs::write(file, value).with_context(|| format!("cannot set {file}"))?;
            if !note.exists() {
                fs::write(note, before)?;
            }
        }
    }
    create_bridge(&FIRST)?;
    // Services answer on the host even where there is no default route.
    ip(&["route", "replace", SERVICE_RANGE, "dev", FIRST.bridge, "src", HOST])?;
    nft(RULES)?;
    if forwarding_dropped() && !forwarding_allowed() {
        forward_rule("-I")?;
    }
    Ok(())
}

/// Makes a node's bridge.
pub fn create_bridge(node: &Node) -> Result<()> {
    if !bridge_exists(node) {
        ip(&["link", "add", node.bridge, "address", node.hardware, "type", "bridge"])?;
    }
    ip(&[
        "address",
        "replace",
        &node.address_in_range(),
        "brd",
        "+",
        "dev",
        node.bridge,
    ])?;
    ip(&["link", "set", node.bridge, "up"])
}

/// Takes everything away that `create` and kube-proxy made.
pub fn remove(places: &Places) -> Result<()> {
    for node in [FIRST, SECOND] {
        if bridge_exists(&node) {
            ip(&["link", "delete", node.bridge])?;
        }
    }
    for table in [
        "ip coalmine",
        "ip coalmine-black-hole",
        "ip kube-proxy",
        "ip6 kube-proxy",
    ] {
        nft(&format!("table {table}\ndelete table {table}\n"))?;
    }
    if forwarding_allowed() {
        forward_rule("-D")?;
    }
    for (file, _) in SWITCHES {
        if let Ok(before) = fs::read_to_string(places.run.join("kernel").join(file.replace('/', "_"))) {
            fs::write(file, before.trim())?;
        }
    }
    Ok(())
}

/// Refuses to take over a bridge that is not ours.
pub fn check_free() -> Result<()> {
    if bridge_exists(&FIRST) {
        bail!(
            "there is a network bridge called {} that this program did not make; is another Kubernetes running here?",
            FIRST.bridge
        );
    }
    Ok(())
}

fn bridge_exists(node: &Node) -> bool {
    Command::new("ip")
        .args(["link", "show", node.bridge])
        .output()
        .is_ok_and(|o| o.status.success())
}

fn ip(args: &[&str]) -> Result<()> {
    run(Command::new("ip").args(args)).with_context(|| format!("ip {}", args.join(" ")))
}

/// Hands rules to nft.
pub fn nft(rules: &str) -> Result<()> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run nft")?;
    child
        .stdin
        .take()
        .context("nft's input is piped")?
        .write_all(rules.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("nft failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Docker and some firewalls drop everything that is forwarded.
fn forwarding_dropped() -> bool {
    let rules = Command::new("iptables").args(["-S", "FORWARD"]).output();
    rules.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("-P FORWARD DROP"))
}

fn forwarding_allowed() -> bool {
    forward("-C").output().is_ok_and(|o| o.status.success())
}

fn forward_rule(verb: &str) -> Result<()> {
    run(&mut forward(verb))
}

fn forward(verb: &str) -> Command {
    let mut command = Command::new("iptables");
    command.args([
        verb,
        "FORWARD",
        "-s",
        POD_RANGE,
        "-d",
        POD_RANGE,
        "-m",
        "comment",
        "--comment",
        "coalmine",
        "-j",
        "ACCEPT",
    ]);
    command
}
