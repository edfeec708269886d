//! Hosts that are not a Canary's to publish: names of Services of other namespaces. In a mesh, a route for such a name takes
//! the requests of everybody who calls that Service, and the rights by which a Canary's route is written are ours, not its
//! author's.

/// Whose Services `host` names in the cluster, where they are not those of `namespace`: `NAME.OTHER.svc` with whatever domain of
/// the cluster behind it, or a wildcard that such names fall under. A name of two parts may be any host of the world.
pub fn owner(host: &str, namespace: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        ["*", "svc", ..] | ["*", "cluster", "local"] | ["*", "local"] => Some(String::from("all namespaces")),
        [_, other, "svc", ..] if *other != namespace => Some(format!("namespace {other}")),
        _ => None,
    }
}

/// Why such a host is refused, and what to do instead.
pub fn why(owner: &str) -> String {
    format!("is a Service of {owner}, whose callers would come here; use a host of your own")
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn names_of_other_namespaces_services_are_known_in_every_form_that_no_other_host_has() {
        for host in [
            "payments.bank.svc",
            "payments.bank.svc.cluster.local",
            "Payments.Bank.SVC.k8s.example.com",
            "*.bank.svc.cluster.local",
        ] {
            assert_eq!(owner(host, "team-a").as_deref(), Some("namespace bank"), "{host}");
        }
        for host in ["*.svc.cluster.local", "*.svc", "*.cluster.local", "*.local"] {
            assert_eq!(owner(host, "team-a").as_deref(), Some("all namespaces"), "{host}");
        }
        for host in [
            "web",
            "web.team-a.svc",
            "web.team-a.svc.cluster.local",
            "*.team-a.svc.cluster.local",
            "example.com",
            "web.example.com",
            "*.example.com",
            "payments.bank",
            "*",
            "svc.example.com",
            "",
        ] {
            assert_eq!(owner(host, "team-a"), None, "{host}");
        }
    }
}
