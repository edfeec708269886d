//! Kinds of other tools that find the pods of an app by themselves.

use serde_json::{Value, json};

/// By what an object finds pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A whole label selector.
    Selector,
    /// Labels, each with one value.
    Labels,
    /// The workload's kind and name.
    Name,
}

/// A kind of another tool that finds the pods of an app by itself.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// Group of its API.
    pub group: &'static str,
    /// Version of its API.
    pub version: &'static str,
    /// Name of the kind, as manifests have it.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// Where it says which pods it is about, as a JSON pointer.
    pub(super) at: &'static str,
    pub(super) path: &'static str,
    pub(super) by: By,
}

impl Foreign {
    /// Of an object of that kind, its name and what it says of pods; nothing else of it is looked at.
    pub fn slim(&self, object: &Value) -> Value {
        let field = self.at.strip_prefix("/spec/").unwrap_or_default();
        let says = object.pointer(self.at).map(|says| json!({field: says}));
        json!({"metadata": {"name": object.pointer("/metadata/name")}, "spec": says})
    }
}

/// Kinds that are looked for where a pair is made, if the cluster has them.
pub const FOREIGN: [Foreign; 6] = [
    foreign(
        ("autoscaling.k8s.io", "v1"),
        ("VerticalPodAutoscaler", "verticalpodautoscalers"),
        ("/spec/targetRef", "spec.targetRef"),
        By::Name,
    ),
    foreign(
        ("monitoring.coreos.com", "v1"),
        ("PodMonitor", "podmonitors"),
        ("/spec/selector", "spec.selector"),
        By::Selector,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("AuthorizationPolicy", "authorizationpolicies"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("PeerAuthentication", "peerauthentications"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("security.istio.io", "v1"),
        ("RequestAuthentication", "requestauthentications"),
        ("/spec/selector", "spec.selector"),
        By::Labels,
    ),
    foreign(
        ("cilium.io", "v2"),
        ("CiliumNetworkPolicy", "ciliumnetworkpolicies"),
        ("/spec/endpointSelector", "spec.endpointSelector"),
        By::Selector,
    ),
];

const fn foreign(
    (group, version): (&'static str, &'static str),
    (kind, plural): (&'static str, &'static str),
    (at, path): (&'static str, &'static str),
    by: By,
) -> Foreign {
    Foreign {
        group,
        version,
        kind,
        plural,
        at,
        path,
        by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_an_object_points_at_the_same_pods() {
        for kind in FOREIGN {
            assert_eq!(kind.at.matches('/').count(), 2, "{}", kind.at);
            let mut object = json!({
                "metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"rules": [1]}, "status": {"long": true},
            });
            assert_eq!(kind.slim(&object), json!({"metadata": {"name": "a"}, "spec": null}));
            let field = kind.at.rsplit('/').next().unwrap();
            object["spec"][field] = json!({"matchLabels": {"app": "web"}});
            let slim = kind.slim(&object);
            assert_eq!(slim.pointer(kind.at), object.pointer(kind.at));
            assert_eq!(
                slim,
                json!({"metadata": {"name": "a"}, "spec": {field: object["spec"][field]}})
            );
        }
    }
}
