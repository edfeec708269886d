//! What else the namespace of a pair holds: looked for when a pair is planned, never kept or watched.

use super::{BUDGET, Generator};
use crate::admission::validation::ScalerFacts;
use crate::api::canary::AutoscalerRef;
use crate::plan::{Selector, autoscaler, reach};
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::Value;

/// Autoscalers, disruption budgets and network policies of one namespace; nothing of what could not be looked for in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    scalers: Option<Vec<Value>>,
    budgets: Vec<Value>,
    policies: Vec<Value>,
}

impl Generator {
    /// Looks around in a namespace, within the budget.
    pub async fn around(&self, namespace: &str) -> Around {
        let list = |group, version, kind, plural| self.list(namespace, (group, version, kind), plural);
        let (hpas, scaled_objects, budgets, policies) = tokio::join!(
            list(
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers"
            ),
            list("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
            list("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            list("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
        );
        Around {
            scalers: hpas.zip(scaled_objects).map(|(hpas, others)| [hpas, others].concat()),
            budgets: budgets.unwrap_or_default(),
            policies: policies.unwrap_or_default(),
        }
    }

    async fn list(&self, namespace: &str, kind: (&str, &str, &str), plural: &str) -> Option<Vec<Value>> {
        let (group, version, kind) = kind;
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let params = ListParams::default();
        match tokio::time::timeout(BUDGET, api.list(&params)).await {
            Ok(Ok(found)) => Some(found.iter().filter_map(|object| typed(object, kind)).collect()),
            // A kind that this cluster does not have.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Some(Vec::new()),
            Ok(Err(error)) => {
                tracing::warn!(namespace, kind, %error, "cannot be looked for");
                None
            }
            Err(_) => None,
        }
    }
}

// Items of a list carry no kind of their own.
fn typed(object: &DynamicObject, kind: &str) -> Option<Value> {
    let mut value = serde_json::to_value(object).ok()?;
    value.as_object_mut()?.insert("kind".to_owned(), Value::from(kind));
    Some(value)
}

impl Around {
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
        let missed = reach::missed(target, selector, &self.budgets, &self.policies);
        missed.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::fake::Fake;
    use serde_json::json;
    use std::time::Duration;

    fn fake() -> Fake {
        let fake = Fake::default();
        let list = |item: Value| json!({"metadata": {}, "items": [item]});
        let hpa =
            json!({"metadata": {"name": "shop"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "shop"}}});
        let budget = json!({"metadata": {"name": "keep"}, "spec": {"selector": {"matchLabels": {"app": "shop"}}}});
        let base = |group: &str, plural: &str| format!("/apis/{group}/namespaces/web/{plural}");
        fake.objects.lock().extend([
            (base("autoscaling/v2", "horizontalpodautoscalers"), list(hpa)),
            (base("policy/v1", "poddisruptionbudgets"), list(budget)),
        ]);
        fake
    }

    #[tokio::test]
    async fn a_namespace_is_looked_at_also_where_keda_is_not_installed() {
        let around = Generator::new(fake().client()).around("web").await;
        assert_eq!(around.autoscaler("shop").unwrap().name, "shop");
        assert_eq!(around.autoscaler("other"), None);
        assert_eq!(around.scalers().unwrap()[0].target_name, "shop");
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "shop"}}}});
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        assert!(around.missed(&target, &selector)[0].contains("PodDisruptionBudget \"keep\""));
    }

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_says_nothing() {
        let slow = Fake {
            delay: Duration::from_secs(60),
            ..fake()
        };
        let around = Generator::new(slow.client()).around("web").await;
        assert_eq!(around, Around::default());
        assert_eq!(around.scalers(), None);
    }
}
