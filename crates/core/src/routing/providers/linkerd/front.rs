//! What has Linkerd pass over the routes at a Service: a ServiceProfile of it. The proxies of callers go by that alone for as long
//! as there is one. Linkerd's extension for SMI makes one of each TrafficSplit.

use crate::object::text;
use crate::routing::{Front, Names, Resource};
use serde_json::Value;

/// ServiceProfiles, which are their authors' or the extension's.
pub(super) const SERVICE_PROFILE: Front = Front {
    resource: Resource {
        group: "linkerd.io",
        version: "v1alpha2",
        kind: "ServiceProfile",
        plural: "serviceprofiles",
        built_in: false,
    },
    namespaced: true,
    decides: true,
    past,
};

// One is called like what callers say in full: NAME.NAMESPACE.svc and the domain of the cluster.
fn past(profile: &Value, names: &Names, _routes: &[&Value]) -> Option<String> {
    let (name, namespace) = (text(profile, "/metadata/name"), text(profile, "/metadata/namespace"));
    let rest = name.strip_prefix(names.apex.as_str())?.strip_prefix('.')?;
    let rest = rest.strip_prefix(namespace)?;
    rest.starts_with(".svc.").then(|| {
        format!(
            "ServiceProfile {name} has Linkerd pass over the routes of Service {}, so nobody meets its canary: delete it, and say \
             its routes, retries and timeouts by HTTPRoutes; where the extension for SMI made it, delete the TrafficSplit first",
            names.apex
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_of_the_apps_service_is_told() {
        let told = |name: &str| {
            let profile = json!({"metadata": {"name": name, "namespace": "shop"}});
            past(&profile, &Names::new("web"), &[])
        };
        let why = told("web.shop.svc.cluster.local").unwrap();
        assert!(
            why.starts_with(
                "ServiceProfile web.shop.svc.cluster.local has Linkerd pass over the routes of Service web,"
            ),
            "{why}"
        );
        assert!(told("web.shop.svc.example.com").is_some());
        for others in [
            "web-2.shop.svc.cluster.local",
            "web.other.svc.cluster.local",
            "web",
            "shop.web.svc.cluster.local",
        ] {
            assert_eq!(told(others), None, "{others}");
        }
    }
}
