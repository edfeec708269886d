//! Whom a change concerns: the Canaries that have to be looked at again because of it. Whom one of a policy or a MetricTemplate
//! concerns is known to [`governed`].

pub mod governed;

use super::{
    cluster::Cluster,
    informers::cache::{Change, Kind, index_keys},
    pair::{configs::reference_of, pointing},
};
use crate::object::text;
use crate::plan::{configs::Reference, services::pointing as services};
use std::collections::BTreeSet;

/// The Canaries that a change of the object of this name concerns.
pub fn canaries(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let mut concerned = match reference_of(change.kind, name) {
        Some(config) => readers(cluster, &change.namespace, &config),
        None => cluster
            .index
            .concerned(change.kind, &change.namespace, name, &change.index_keys()),
    };
    concerned.extend(followed(cluster, change, name));
    concerned
}

// The Canaries a half of whose pair has pods that read that config, or a copy of it.
fn readers(cluster: &Cluster, namespace: &str, config: &Reference) -> BTreeSet<String> {
    let kinds = [Kind::Deployment, Kind::DaemonSet].into_iter();
    let workloads: Vec<_> = kinds
        .flat_map(|kind| cluster.cache.indexed(kind, namespace, &config.key()))
        .collect();
    workloads
        .iter()
        .flat_map(|deployment| {
            cluster
                .index
                .of_deployment(namespace, text(deployment, "/metadata/name"))
        })
        .collect()
}

/// The Canaries whose pair a Service follows, or may come to follow, that `change` is about.
fn followed(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    workloads(cluster, change, name)
        .iter()
        .flat_map(|workload| cluster.index.of_deployment(&change.namespace, workload))
        .collect()
}

/// The workloads that `change` is about because of a Service on their pods: the Service itself, endpoints of its halves, a
/// route that names it, or another workload behind it.
pub fn workloads(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let namespace = change.namespace.as_str();
    // Whoever shares a Service with a workload, or no longer does.
    if matches!(change.kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        let gone = !cluster.cache.has(change.kind, namespace, name);
        let before = change.before.as_ref();
        if !gone && before.is_some_and(|before| services::pods(before) == services::pods(&change.object)) {
            return BTreeSet::new();
        }
        let both = before.into_iter().chain([&change.object]);
        return both
            .flat_map(|object| pointing::neighbours(&cluster.cache, object))
            .collect();
    }
    let words = selecting(cluster, change, name);
    let workloads = words.iter().flat_map(|word| {
        [Kind::Deployment, Kind::DaemonSet]
            .into_iter()
            .flat_map(|kind| cluster.cache.named_by(kind, namespace, word))
    });
    workloads.collect()
}

// The labels by which what changed, or the Service it is about, selects pods.
fn selecting(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let namespace = change.namespace.as_str();
    match change.kind {
        Kind::Service => {
            let own = change.index_keys().into_iter().filter(|key| key.contains('='));
            own.chain(words_of(cluster, namespace, half_of(name))).collect()
        }
        Kind::EndpointSlice => {
            let services = change.index_keys();
            services
                .iter()
                .flat_map(|service| words_of(cluster, namespace, half_of(service)))
                .collect()
        }
        Kind::Route(_) => {
            let services = change.index_keys();
            let all = services
                .iter()
                .flat_map(|service| [Some(service.as_str()), half_of(service)]);
            all.flat_map(|service| words_of(cluster, namespace, service)).collect()
        }
        Kind::PodDisruptionBudget => change
            .index_keys()
            .into_iter()
            .filter(|word| word.contains('='))
            .collect(),
        _ => BTreeSet::new(),
    }
}

// Of what Service it may be a half.
fn half_of(service: &str) -> Option<&str> {
    service
        .strip_suffix("-primary")
        .or_else(|| service.strip_suffix("-canary"))
}

fn words_of(cluster: &Cluster, namespace: &str, service: Option<&str>) -> Vec<String> {
    let found = service.and_then(|name| cluster.cache.get(Kind::Service, namespace, name));
    let users = found.filter(services::is_users);
    users.as_ref().map(index_keys::of_selectors).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::labels;
    use crate::controller::context::fake::{self, Fake};
    use serde_json::{Value, json};

    fn workload(name: &str) -> Value {
        json!({
            "kind": "Deployment", "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}}},
        })
    }

    fn service(name: &str, selector: Value) -> Value {
        json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": selector}})
    }

    fn kind_of(object: &Value) -> Kind {
        match text(object, "/kind") {
            "Deployment" => Kind::Deployment,
            _ => Kind::Service,
        }
    }

    fn change(object: &Value, kind: Kind) -> Change {
        Change {
            kind,
            namespace: "shop".into(),
            object: object.clone(),
            before: None,
        }
    }

    #[tokio::test]
    async fn whoever_it_follows_hears_of_it_of_its_halves_and_of_its_routes() {
        let (context, _told): (Fake, _) = fake::context();
        let key = fake::add(&context, "web");
        let metrics = service("metrics", json!({"app": "web"}));
        for object in [workload("web"), workload("other"), metrics.clone()] {
            let (kind, name) = (kind_of(&object), text(&object, "/metadata/name").to_owned());
            context.cluster.cache.put(kind, "shop", name, &object);
        }
        fake::add(&context, "other");
        let slice = json!({"metadata": {"name": "metrics-primary-x", "labels": {"kubernetes.io/service-name": "metrics-primary"}}});
        let mut half = service("metrics-canary", json!({"app": "web"}));
        half["metadata"]["labels"] = json!({labels::GENERATED: "true"});
        let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "edge"}, "spec": {"rules": [{"backendRefs": [{"name": "metrics"}]}]}});
        for (object, kind) in [
            (metrics, Kind::Service),
            (half, Kind::Service),
            (slice, Kind::EndpointSlice),
            (route, Kind::routes().next().unwrap()),
        ] {
            let heard = followed(
                &context.cluster,
                &change(&object, kind),
                text(&object, "/metadata/name"),
            );
            assert_eq!(heard, BTreeSet::from([key.1.clone()]), "{kind:?}");
        }
        let strange = service("strange", json!({"app": "elsewhere"}));
        assert!(followed(&context.cluster, &change(&strange, Kind::Service), "strange").is_empty());
    }
}
