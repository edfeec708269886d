//! The built-in metrics `request-success-rate` and `request-duration`, and whose series they are read from. How a store is
//! asked for them is the store's own.

/// A metric that needs no query from the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Percent of requests that did not fail.
    SuccessRate,
    /// Latency in milliseconds, whole ones are used; the 99th percentile where there is a histogram.
    Duration,
}

impl Builtin {
    /// By the name a Canary gives, if it is one of ours.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "request-success-rate" => Some(Self::SuccessRate),
            "request-duration" => Some(Self::Duration),
            _ => None,
        }
    }
}

/// The metrics provider of a Canary, which messages name and which selects the queries.
///
/// `mesh` is the controller's `-mesh-provider`, `provider` the Canary's own, empty when unset.
/// `core_service` says that the target is a Service.
pub fn metrics_provider(mesh: &str, provider: &str, core_service: bool) -> String {
    let chosen = match provider {
        "" if mesh.contains("crossover") => "crossover",
        "" => mesh,
        // Linkerd sees all traffic, whatever routes it.
        _ if mesh.contains("linkerd") => "linkerd",
        own => own,
    };
    if core_service {
        format!("{chosen}:service")
    } else {
        chosen.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_provider_is_the_canarys_own_unless_linkerd_sees_all() {
        let cases = [
            ("istio", "", false, "istio"),
            ("istio", "nginx", false, "nginx"),
            ("smi:linkerd", "nginx", false, "linkerd"),
            ("smi:crossover", "", false, "crossover"),
            ("kubernetes", "", true, "kubernetes:service"),
            ("gatewayapi:v1", "traefik", true, "traefik:service"),
        ];
        for (mesh, provider, core_service, expected) in cases {
            assert_eq!(metrics_provider(mesh, provider, core_service), expected);
        }
    }

    #[test]
    fn only_two_names_are_built_in() {
        assert_eq!(Builtin::named("request-success-rate"), Some(Builtin::SuccessRate));
        assert_eq!(Builtin::named("request-duration"), Some(Builtin::Duration));
        assert_eq!(Builtin::named("error-rate"), None);
    }
}
