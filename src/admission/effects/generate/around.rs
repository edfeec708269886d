//! What else the namespace of a pair holds: looked for when a pair is planned, never kept or watched.

use super::Generator;
use super::lists::{Listed, Wanted};
use crate::api::canary::AutoscalerRef;
use crate::plan::{Selector, enrolment::reach, primary::autoscaler, services::pointing};
use crate::routing::Front;
use coalmine_core::validation::ScalerFacts;
use serde_json::{Value, json};

/// Autoscalers and network policies of one namespace; nothing of what could not be looked for in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScalersAndPolicies {
    scalers: Option<Vec<Value>>,
    policies: Vec<Value>,
}

impl Generator {
    /// Looks around in a namespace, within the budget.
    pub async fn around(&self, namespace: &str) -> ScalersAndPolicies {
        let (hpas, scaled_objects, all) = tokio::join!(
            self.list(
                namespace,
                ("autoscaling", "v2", "HorizontalPodAutoscaler"),
                "horizontalpodautoscalers"
            ),
            self.list(namespace, ("keda.sh", "v1alpha1", "ScaledObject"), "scaledobjects"),
            self.policies.all(&self.lists),
        );
        let own = |policy: &&Value| policy.pointer("/metadata/namespace").is_some_and(|of| of == namespace);
        let policies = all.iter().flat_map(|all| all.iter()).filter(own).cloned();
        ScalersAndPolicies {
            scalers: hpas.zip(scaled_objects).map(|(hpas, others)| [hpas, others].concat()),
            policies: policies.collect(),
        }
    }

    /// The Services of a namespace, or nothing of too many; nothing at all when they could not be looked at in time.
    pub async fn services(&self, namespace: &str) -> Option<Option<Vec<Value>>> {
        let wanted = Wanted {
            namespace: Some(namespace),
            kind: ("", "v1", "Service"),
            plural: "services",
            slim: |_| (),
        };
        self.lists.list(wanted).await.in_time().map(Listed::all)
    }

    /// What of a kind may lead users past the routes of an app, within the budget; nothing where that is not known.
    pub async fn fronts(&self, namespace: &str, front: Front) -> Option<Vec<Value>> {
        let of = front.resource;
        let wanted = Wanted {
            namespace: front.namespaced.then_some(namespace),
            kind: (of.group, of.version, of.kind),
            plural: of.plural,
            slim: |_| (),
        };
        self.lists.list(wanted).await.all()
    }

    /// The workloads of a namespace, as far as it is seen whose pods they have; nothing when they could not be looked at in
    /// time.
    pub async fn workloads(&self, namespace: &str) -> Option<Vec<Value>> {
        let (deployments, others) = tokio::join!(
            self.with_pods(namespace, "Deployment", "deployments"),
            self.other_workloads(namespace)
        );
        Some([deployments?, others?].concat())
    }

    /// The same without its Deployments.
    pub(super) async fn other_workloads(&self, namespace: &str) -> Option<Vec<Value>> {
        let (daemon_sets, stateful_sets) = tokio::join!(
            self.with_pods(namespace, "DaemonSet", "daemonsets"),
            self.with_pods(namespace, "StatefulSet", "statefulsets"),
        );
        Some([daemon_sets?, stateful_sets?].concat())
    }

    // Each of them is a reason by itself, so of very many those that were read count.
    async fn with_pods(&self, namespace: &str, kind: &'static str, plural: &'static str) -> Option<Vec<Value>> {
        let wanted = Wanted {
            namespace: Some(namespace),
            kind: ("apps", "v1", kind),
            plural,
            slim: to_pods,
        };
        Some(self.lists.list(wanted).await.in_time()?.objects)
    }

    pub(super) async fn list(
        &self,
        namespace: &str,
        kind: (&'static str, &'static str, &'static str),
        plural: &'static str,
    ) -> Option<Vec<Value>> {
        let wanted = Wanted {
            namespace: Some(namespace),
            kind,
            plural,
            slim: |_| (),
        };
        self.lists.list(wanted).await.all()
    }
}

/// Leaves of a workload what tells whose pods are its own.
pub(super) fn to_pods(workload: &mut Value) {
    let labels = pointing::pods(workload).cloned();
    if let Some(members) = workload.as_object_mut() {
        members.insert("spec".to_owned(), json!({"template": {"metadata": {"labels": labels}}}));
    }
}

impl ScalersAndPolicies {
    /// The autoscaler of the Deployment `target`, as its Canary names it.
    pub fn autoscaler(&self, target: &str) -> Option<AutoscalerRef> {
        autoscaler::reference(target, self.scalers.as_deref().unwrap_or_default())
    }

    /// The autoscalers, as the rules see them; `None` when nobody could look.
    pub fn scalers(&self) -> Option<Vec<ScalerFacts>> {
        let text = |object: &Value, pointer: &str, or: &str| {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or(or).to_owned()
        };
        let facts = |object: &Value| ScalerFacts {
            kind: text(object, "/kind", ""),
            name: text(object, "/metadata/name", ""),
            // KEDA takes a reference without a kind for one to a Deployment.
            target_kind: text(object, "/spec/scaleTargetRef/kind", "Deployment"),
            target_name: text(object, "/spec/scaleTargetRef/name", ""),
        };
        Some(self.scalers.as_ref()?.iter().map(facts).collect())
    }

    /// What of it would miss the pods of `target`'s primary.
    pub fn missed(&self, target: &Value, selector: &Selector) -> Vec<String> {
        let missed = reach::missed(target, selector, &self.policies, &[]);
        missed.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;
    use serde_json::json;
    use std::time::Duration;

    fn fake() -> ApiServer {
        let fake = ApiServer::default();
        let list = |item: Value| json!({"metadata": {}, "items": [item]});
        let hpa =
            json!({"metadata": {"name": "shop"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "shop"}}});
        let policy = json!({"metadata": {"name": "keep", "namespace": "web"}, "spec": {"podSelector": {"matchLabels": {"app": "shop"}}}});
        let base = |group: &str, plural: &str| format!("/apis/{group}/namespaces/web/{plural}");
        fake.objects.lock().extend([
            (base("autoscaling/v2", "horizontalpodautoscalers"), list(hpa)),
            ("/apis/networking.k8s.io/v1/networkpolicies".to_owned(), list(policy)),
        ]);
        fake
    }

    #[tokio::test]
    async fn a_namespace_is_looked_at_also_where_keda_is_not_installed() {
        let fake = fake();
        fake.fail("GET /apis/keda.sh/*", 404, ApiServer::ALWAYS);
        let around = Generator::new(fake.client()).around("web").await;
        assert_eq!(around.autoscaler("shop").unwrap().name, "shop");
        assert_eq!(around.autoscaler("other"), None);
        assert_eq!(around.scalers().unwrap()[0].target_name, "shop");
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "shop"}}}});
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        assert!(around.missed(&target, &selector)[0].contains("NetworkPolicy \"keep\""));
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_says_nothing() {
        let slow = ApiServer {
            delay: Duration::from_secs(60),
            ..fake()
        };
        let around = Generator::new(slow.client()).around("web").await;
        assert_eq!(around, ScalersAndPolicies::default());
        assert_eq!(around.scalers(), None);
    }
}
