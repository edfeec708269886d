//! `NAME-primary` at the webhook: what it runs is changed by a promotion, and by nobody else.
//!
//! Whoever edits it means the app. Everything but the template passes: labels, annotations, finalizers, and its number of
//! pods, which is noted for the app; only while a release sends it traffic none of them goes.

use crate::admission::mutate::scale::{self, Half, PairFacts};
use crate::admission::review::{Denial, Operation, Request};
use crate::api::Canary;
use crate::plan::revision::hash::template_hash;
use kube::ResourceExt;
use serde_json::Value;
use std::sync::Arc;

/// The refusal of another template or selector for the primary of one of `canaries`; `None` for any other request, and
/// while its Canary is being deleted.
pub fn refused(request: &Request, canaries: &[Arc<Canary>]) -> Option<Denial> {
    let target = request.object_name().strip_suffix("-primary")?;
    if request.operation != Operation::Update || !changes_what_runs(&request.old_object, &request.object) {
        return None;
    }
    let kind = request.kind.kind.as_str();
    let canary = canaries.iter().find(|canary| controls(canary, &request.old_object))?;
    let is_its_primary = canary.target_name() == target && canary.spec.target_ref.kind == kind;
    if !is_its_primary || canary.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (name, namespace) = (request.object_name(), request.namespace.as_str());
    let resource = kind.to_lowercase();
    Some(Denial::forbidden(format!(
        "{kind} {name} is what was promoted of {kind} {target} and serves production, so only a release changes its \
         template; nothing was changed. To restart its pods: kubectl -n {namespace} rollout restart {resource}/{target}. \
         To change the app: change and apply {kind} {target}. An app of its own needs another name than {name}"
    )))
}

/// Whether an UPDATE changes the number of pods, as far as it can be primary's.
pub fn rescales(request: &Request) -> bool {
    let (old, new) = (scale::replicas(&request.old_object), scale::replicas(&request.object));
    request.operation == Operation::Update && old != new && request.object_name().ends_with("-primary")
}

/// The refusal of fewer pods for a primary that carries traffic beside a canary. Of a scale the number could be noted
/// and the pods kept; of a whole object it could not be told apart from what is stored.
pub fn starved(request: &Request, known: &PairFacts) -> Option<Denial> {
    let outcome = scale::decide(request, known);
    if known.half != Half::Primary || outcome.response.patch.is_empty() {
        return None;
    }
    let (name, namespace, target) = (request.object_name(), &request.namespace, &known.target);
    let wanted = scale::replicas(&request.object);
    Some(Denial::forbidden(format!(
        "deployment {name} carries traffic in a release of {target}, so it gets no fewer pods before its end. To have \
         {wanted} of the app then, run: kubectl scale deployment {target} -n {namespace} --replicas={wanted}"
    )))
}

fn changes_what_runs(old: &Value, new: &Value) -> bool {
    let template = |object: &Value| object.pointer("/spec/template").map(template_hash);
    template(old) != template(new) || old.pointer("/spec/selector") != new.pointer("/spec/selector")
}

// As it is stored: what is sent may have left the owner out.
fn controls(canary: &Canary, object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let text = |owner: &Value, field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    owners.into_iter().flatten().any(|owner| {
        owner.get("controller").and_then(Value::as_bool) == Some(true)
            && text(owner, "kind") == "Canary"
            && text(owner, "apiVersion").starts_with("flagger.app/")
            && text(owner, "name") == canary.name_any()
            && canary
                .metadata
                .uid
                .as_ref()
                .is_none_or(|uid| *uid == text(owner, "uid"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(leaving: bool) -> Arc<Canary> {
        let mut canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "mine", "namespace": "web", "uid": "u-1"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        });
        if leaving {
            canary["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
        }
        Arc::new(serde_json::from_value(canary).unwrap())
    }

    fn stored() -> Value {
        json!({
            "metadata": {"name": "shop-primary", "ownerReferences": [{
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "mine", "uid": "u-1", "controller": true}]},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "shop-primary"}},
                "template": {"metadata": {"labels": {"app": "shop-primary"}}, "spec": {"containers": [{"image": "shop:1"}]}}},
        })
    }

    fn ask(old: Value, new: Value, canary: Arc<Canary>) -> Option<Denial> {
        let request = Request {
            kind: crate::admission::review::GroupVersionKind {
                group: "apps".into(),
                version: "v1".into(),
                kind: "Deployment".into(),
            },
            name: old["metadata"]["name"].as_str().unwrap().into(),
            namespace: "web".into(),
            operation: Operation::Update,
            object: new,
            old_object: old,
            ..Request::default()
        };
        refused(&request, &[canary])
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut object = stored();
        *object.pointer_mut(pointer).unwrap() = value;
        object
    }

    #[test]
    fn another_template_is_refused_with_the_command_that_was_meant() {
        let image = with("/spec/template/spec/containers/0/image", json!("hack"));
        let mut replaced = image.clone();
        replaced["metadata"]["ownerReferences"] = Value::Null;
        let restarted = with(
            "/spec/template/metadata",
            json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "x"}}),
        );
        let selector = with("/spec/selector/matchLabels", json!({"app": "redis"}));
        for new in [image, replaced, restarted, selector] {
            let denial = ask(stored(), new, canary(false)).unwrap();
            assert_eq!((denial.code, denial.reason), (403, "Forbidden"));
            assert!(
                denial
                    .message
                    .contains("kubectl -n web rollout restart deployment/shop."),
                "{}",
                denial.message
            );
        }
    }

    #[test]
    fn a_primary_that_carries_traffic_gets_no_fewer_pods() {
        let known = |stage| PairFacts {
            half: Half::Primary,
            target: "shop".into(),
            state: Some(crate::api::labels::TargetState::Serving),
            stage: Some(stage),
            ..PairFacts::default()
        };
        let fewer = Request {
            name: "shop-primary".into(),
            namespace: "web".into(),
            operation: Operation::Update,
            object: with("/spec/replicas", json!(0)),
            old_object: stored(),
            ..Request::default()
        };
        assert!(rescales(&fewer));
        use crate::admission::mutate::deployments::CoarseStage;
        let denial = starved(&fewer, &known(CoarseStage::Running)).unwrap();
        assert!(
            denial
                .message
                .ends_with("kubectl scale deployment shop -n web --replicas=0"),
            "{}",
            denial.message
        );
        assert_eq!(starved(&fewer, &known(CoarseStage::Rest)), None, "it is the app's");
        let more = Request {
            object: with("/spec/replicas", json!(5)),
            ..fewer
        };
        assert_eq!(starved(&more, &known(CoarseStage::Running)), None);
    }

    #[test]
    fn everything_else_passes_and_so_does_what_is_nobodys_primary() {
        let image = || with("/spec/template/spec/containers/0/image", json!("hack"));
        let mut marked = stored();
        marked["metadata"]["labels"] = json!({"team": "a"});
        marked["metadata"]["finalizers"] = json!(["x/y"]);
        marked["metadata"]["ownerReferences"] = json!([]);
        marked["spec"]["template"]["spec"]["volumes"] = json!([]);
        for same in [stored(), with("/spec/replicas", json!(5)), marked] {
            assert_eq!(ask(stored(), same, canary(false)), None);
        }
        assert_eq!(ask(stored(), image(), canary(true)), None, "its Canary goes");
        let named = |object: Value, name: &str| {
            let mut object = object;
            object["metadata"]["name"] = json!(name);
            object
        };
        let other = (named(stored(), "shop-v2-primary"), named(image(), "shop-v2-primary"));
        assert_eq!(ask(other.0, other.1, canary(false)), None);
        let mut free = stored();
        free["metadata"]["ownerReferences"] = json!([]);
        assert_eq!(ask(free, image(), canary(false)), None);
        assert_eq!(
            ask(
                json!({"metadata": {"name": "shop-primary"}}),
                Value::Null,
                canary(false)
            ),
            None
        );
    }
}
