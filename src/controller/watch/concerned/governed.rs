//! Whom a policy may govern and who may ask a MetricTemplate, so that a change of one is not everybody's. Whoever is named here
//! without need is looked at once too often; nobody may be left out.

use crate::controller::{
    queue::{Key, key, passes::Scope},
    watch::{
        cluster::Cluster,
        informers::cache::{Kind, index_keys},
    },
};
use crate::object::annotation;
use crate::{
    api::{
        Canary,
        canary::{Analysis, Metric},
        labels,
    },
    plan::Workload,
};
use kube::ResourceExt;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// Kinds of targets whose policies the caches know them by.
const INDEXED: [Kind; 2] = [Kind::Deployment, Kind::DaemonSet];

/// Whom of a namespace a policy may govern.
#[derive(Debug, PartialEq, Eq)]
pub struct Governed {
    /// Deployments that it may govern.
    pub deployments: Scope,
    /// Canaries that it may govern.
    pub canaries: Vec<Key>,
}

/// Whom of that namespace the policy of that name may govern.
pub fn by(cluster: &Cluster, policy: &str, namespace: &str) -> Governed {
    let all = cluster.canaries_of(namespace);
    if cluster.policy_name(namespace, None) == policy {
        return Governed {
            deployments: Scope::All,
            canaries: all.iter().map(|canary| key(canary)).collect(),
        };
    }
    let word = index_keys::of_policy(policy);
    let naming = INDEXED.map(|kind| cluster.cache.named_by(kind, namespace, &word));
    let mut deployments: BTreeSet<String> = naming.into_iter().flatten().collect();
    let named = |canary: &&Arc<Canary>| deployments.contains(canary.target_name()) || names(cluster, canary, policy);
    let governed: Vec<&Arc<Canary>> = all.iter().filter(named).collect();
    let targets: Vec<String> = governed.iter().map(|canary| canary.target_name().to_owned()).collect();
    let canaries = governed.iter().map(|canary| key(canary)).collect();
    deployments.extend(targets);
    Governed {
        deployments: Scope::Some(deployments),
        canaries,
    }
}

// Whether the Canary itself names the policy, or a target of it that the caches do not know by what it names.
fn names(cluster: &Cluster, canary: &Canary, policy: &str) -> bool {
    let own = canary.annotations().get(labels::POLICY);
    let indexed = |workload: Workload| INDEXED.contains(&Kind::of(workload));
    let other = Workload::of(canary).is_some_and(|workload| !indexed(workload));
    own.is_some_and(|own| own == policy)
        || other
            && cluster
                .target(canary)
                .is_some_and(|target| annotation(&target, labels::POLICY) == Some(policy))
}

/// Whether a metric of an analysis in that namespace asks one of these templates.
pub fn asks(analysis: &Analysis, namespace: &str, templates: &HashSet<Key>) -> bool {
    let asks = |metric: &Metric| {
        let reference = metric.template_ref.as_ref();
        let named = reference.map(|named| (named.namespace_or(namespace).to_owned(), named.name.clone()));
        named.is_some_and(|named| templates.contains(&named))
    };
    analysis.metrics.iter().flatten().any(asks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake::{self, Fake};
    use serde_json::{Value, json};

    fn canary(context: &Fake, name: &str, policy: Option<&str>) -> Key {
        let annotations = policy.map(|policy| json!({labels::POLICY: policy}));
        fake::learn(
            context,
            json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
                "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
            }),
        )
    }

    fn deployment(context: &Fake, name: &str, policy: Option<&str>) {
        let annotations: Value = policy.map_or(json!({}), |policy| json!({labels::POLICY: policy}));
        let object =
            json!({"kind": "Deployment", "metadata": {"name": name, "namespace": "shop", "annotations": annotations}});
        let cache = &context.cluster.cache;
        cache.put(Kind::Deployment, "shop", name.to_owned(), &object);
    }

    #[tokio::test]
    async fn a_policy_governs_whom_the_namespace_the_canary_or_its_target_gives_to_it() {
        let (context, _told) = fake::context();
        fake::enable(&context, "shop");
        let plain = canary(&context, "plain", None);
        let own = canary(&context, "own", Some("gold"));
        let targets = canary(&context, "targets", None);
        deployment(&context, "plain", None);
        deployment(&context, "targets", Some("gold"));
        deployment(&context, "new", Some("gold"));
        let of = |policy: &str| {
            let mut governed = by(&context.cluster, policy, "shop");
            governed.canaries.sort();
            (governed.deployments, governed.canaries)
        };
        let some = |names: &[&str]| Scope::Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            of("gold"),
            (some(&["new", "own", "targets"]), vec![own.clone(), targets.clone()])
        );
        assert_eq!(of("default"), (Scope::All, vec![own, plain, targets]));
        assert!(of("silver").0.is_nothing() && of("silver").1.is_empty());
        fake::namespace(&context, "shop", &json!({labels::POLICY: "silver"}));
        assert_eq!(of("silver").0, Scope::All);
        assert!(of("default").0.is_nothing() && of("default").1.is_empty());
    }

    #[test]
    fn a_template_is_asked_by_the_metrics_that_name_it_in_its_namespace() {
        let analysis: Analysis = serde_json::from_value(json!({"metrics": [
            {"name": "request-success-rate"},
            {"name": "own", "templateRef": {"name": "errors"}},
            {"name": "shared", "templateRef": {"name": "depth", "namespace": "infra"}},
        ]}))
        .unwrap();
        let asks = |namespace: &str, of: (&str, &str)| {
            asks(
                &analysis,
                namespace,
                &HashSet::from([(of.0.to_owned(), of.1.to_owned())]),
            )
        };
        assert!(asks("shop", ("shop", "errors")) && asks("web", ("web", "errors")));
        assert!(asks("shop", ("infra", "depth")) && asks("web", ("infra", "depth")));
        assert!(!asks("shop", ("web", "errors")) && !asks("shop", ("shop", "depth")));
    }
}
