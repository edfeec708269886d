//! Hosts that are not a Canary's to publish: names of Services of other namespaces. In a mesh, a route for such a name takes
//! the requests of everybody who calls that Service, and the rights by which a Canary's route is written are ours, not its
//! author's. At a gateway a host is what users of that gateway call, whatever its name.

use crate::{api::canary::CanaryService, routing::Provider};
use std::collections::BTreeMap;

/// The domain of a cluster where nobody says otherwise.
pub const DOMAIN: &str = "cluster.local";

/// The domain of Services that several clusters share.
const SHARED: &str = "clusterset.local";

/// Those of the hosts of `service` that are other namespaces' Services, where `provider` routes what is called inside the
/// mesh; each with whose it is. `namespace` is the Canary's, and `domain` the cluster's; when that is empty it is [`DOMAIN`].
pub fn of(service: &CanaryService, provider: Provider, namespace: &str, domain: &str) -> BTreeMap<String, String> {
    let taken = provider.takes_calls(service);
    let hosts = service.hosts.iter().flatten().filter(|_| taken);
    hosts
        .filter_map(|host| Some((host.clone(), owner(host, namespace, domain)?)))
        .collect()
}

/// Whose Services `host` names in a cluster of that `domain`, where they are not those of `namespace`: `NAME.OTHER.svc`, the
/// same with the domain behind it, or a wildcard that such names fall under. A name of two parts may be any host of the
/// world, and so may one that has anything else behind `svc`.
pub fn owner(host: &str, namespace: &str, domain: &str) -> Option<String> {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let own = if domain.is_empty() { DOMAIN } else { domain.as_str() };
    let domains = [DOMAIN, SHARED, own];
    if host.strip_prefix("*.").is_some_and(|under| holds_all(under, &domains)) {
        return Some(String::from("all namespaces"));
    }
    let without = |domain: &&str| host.strip_suffix(*domain)?.strip_suffix('.');
    // One domain may lie under another.
    let mut locals = domains.iter().filter_map(without).chain([host.as_str()]);
    locals.find_map(|local| of_another(local, namespace))
}

fn of_another(local: &str, namespace: &str) -> Option<String> {
    let parts: Vec<&str> = local.split('.').collect();
    match parts.as_slice() {
        [_, .., other, "svc"] if *other != namespace => Some(format!("namespace {other}")),
        _ => None,
    }
}

// Whether the names of all Services end like that.
fn holds_all(under: &str, domains: &[&str]) -> bool {
    let ends = |domain: &&str| {
        let whole = format!("svc.{domain}");
        whole == under || whole.ends_with(&format!(".{under}"))
    };
    under == "svc" || domains.iter().any(ends)
}

/// Why such a host is refused, and what to do instead.
pub fn why(owner: &str) -> String {
    format!("is a Service of {owner}, whose callers would come here; use a host of your own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::Canary,
        plan::{Defaults, blueprint},
    };
    use serde_json::{Value, json};

    const OWN_DOMAIN: &str = "k8s.example.com";

    #[test]
    fn names_of_other_namespaces_services_are_known_in_every_form_that_no_other_host_has() {
        for host in [
            "payments.bank.svc",
            "payments.bank.svc.cluster.local",
            "Payments.Bank.SVC.k8s.example.com",
            "*.bank.svc.cluster.local",
            "db-0.payments.bank.svc.cluster.local",
        ] {
            assert_eq!(
                owner(host, "team-a", OWN_DOMAIN).as_deref(),
                Some("namespace bank"),
                "{host}"
            );
        }
        for (host, domain) in [
            ("payments.bank.svc.prod.cluster.local", "prod.cluster.local"),
            ("payments.bank.svc.clusterset.local", ""),
        ] {
            assert_eq!(
                owner(host, "team-a", domain).as_deref(),
                Some("namespace bank"),
                "{host}"
            );
        }
        for host in ["*.svc.cluster.local", "*.svc", "*.cluster.local", "*.local"] {
            assert_eq!(owner(host, "team-a", "").as_deref(), Some("all namespaces"), "{host}");
        }
        for host in ["*.svc.k8s.example.com", "*.k8s.example.com", "*.example.com"] {
            assert_eq!(
                owner(host, "team-a", OWN_DOMAIN).as_deref(),
                Some("all namespaces"),
                "{host}"
            );
        }
    }

    #[test]
    fn hosts_of_the_world_are_nobodys_services() {
        for host in [
            "web",
            "web.team-a.svc",
            "web.team-a.svc.cluster.local",
            "*.team-a.svc.cluster.local",
            "example.com",
            "web.example.com",
            "*.example.com",
            "shop.prod.svc.example.com",
            "*.svc.example.com",
            "payments.bank.svc.k8s.example.com",
            "payments.bank",
            "*",
            "svc.example.com",
            "svc.cluster.local",
            "cluster.local",
            "svc",
            "",
        ] {
            assert_eq!(owner(host, "team-a", ""), None, "{host}");
        }
    }

    fn alien(provider: &str, service: Value) -> Vec<String> {
        let spec = json!({
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "provider": provider, "service": service,
        });
        let mut canary = Canary::new("web", serde_json::from_value(spec).unwrap());
        canary.metadata.namespace = Some("team-a".into());
        let pair = blueprint(&canary, &Defaults::default()).unwrap();
        pair.alien_hosts.into_keys().collect()
    }

    #[test]
    fn a_host_counts_only_where_calls_inside_a_mesh_go_by_the_route() {
        let hosts = json!(["shop.example.com", "payments.bank.svc"]);
        let meshed = [
            json!({"port": 80, "hosts": hosts}),
            json!({"port": 80, "hosts": hosts, "gateways": ["infra/public", "mesh"]}),
        ];
        for service in meshed {
            assert_eq!(alien("istio", service), ["payments.bank.svc"]);
        }
        let outside = json!({"port": 80, "hosts": hosts, "gateways": ["infra/public"]});
        assert_eq!(alien("istio", outside), [""; 0]);
        for provider in [
            "gatewayapi:v1",
            "smi:v1alpha2",
            "appmesh:v1beta2",
            "linkerd",
            "kubernetes",
        ] {
            let service = json!({"port": 80, "hosts": hosts, "gatewayRefs": [{"name": "public"}]});
            assert_eq!(alien(provider, service), [""; 0], "{provider}");
        }
    }
}
