//! Which Deployments of a namespace are to be looked at again after a change.

use crate::api::labels;
use crate::controller::{
    context::Context,
    queue::passes::Scope,
    watch::{
        concerned,
        informers::cache::{Change, Kind, index_keys::USERS},
    },
};
use crate::object::{label, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const POD_LABELS: &str = "/spec/template/metadata/labels";
/// What of a Deployment decides about its Canary, besides [`MARKS`]: whether it can have one, what that says, and who stands
/// beside it. Its status does not, and neither do its replicas or how many revisions it keeps.
const DEPLOYMENT: [&str; 7] = [
    // One that was deleted and made again while nobody watched may say the same.
    "/metadata/uid",
    "/spec/selector",
    "/spec/strategy",
    "/spec/template",
    "/metadata/labels",
    "/metadata/ownerReferences",
    "/metadata/deletionTimestamp",
];
/// What the annotations begin with that do. Those of others come and go without end: the Deployment controller counts in one,
/// and `kubectl apply` keeps all it applied in another.
const MARKS: [&str; 2] = [labels::PREFIX, labels::FLAGGER_PREFIX];

/// What of the Canaries a change may concern; most changes are of a status, and concern none.
pub fn scope(context: &Context, change: &Change) -> Option<Scope> {
    if change.object.is_null() {
        return Some(Scope::All);
    }
    let changed = Changed {
        context,
        change,
        name: text(&change.object, "/metadata/name"),
    };
    match change.kind {
        Kind::Deployment => changed.deployment(),
        Kind::Service | Kind::Route(_) => changed.service_or_route(),
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => changed.autoscaler(),
        // Whoever shares a Service with it, or no longer does.
        Kind::StatefulSet | Kind::DaemonSet => {
            let concerns = changed.is_gone() || changed.differs(&[POD_LABELS]);
            concerns.then(|| Scope::Some(changed.behind_its_services()))
        }
        Kind::ReplicaSet
        | Kind::ControllerRevision
        | Kind::EndpointSlice
        | Kind::PodDisruptionBudget
        | Kind::ConfigMap
        | Kind::Secret => None,
    }
}

// An object that changed, came or went.
#[derive(Clone, Copy)]
struct Changed<'a> {
    context: &'a Context,
    change: &'a Change,
    name: &'a str,
}

impl Changed<'_> {
    fn deployment(self) -> Option<Scope> {
        // Those that could not be enrolled because of it.
        if self.is_gone() && self.context.memory.deployments.lacks_any(&self.change.namespace) {
            return Some(Scope::All);
        }
        if !self.is_gone() && !self.differs(&DEPLOYMENT) && !self.is_marked_otherwise() {
            return None;
        }
        // Somebody's own that has the name of a primary keeps another from being paired, and so does one that came to stand
        // behind the same Service.
        let names = [Some(self.name), self.name.strip_suffix("-primary")];
        let names = names.into_iter().flatten().map(str::to_owned);
        Some(Scope::Some(names.chain(self.behind_its_services()).collect()))
    }

    fn service_or_route(self) -> Option<Scope> {
        let generated = |object: &Value| label(object, labels::GENERATED).is_some();
        // What we made ourselves says nothing about what the user has.
        if generated(&self.change.object) && self.change.before.as_ref().is_none_or(generated) {
            return None;
        }
        let says = self.is_gone() || self.differs(&["/spec", "/metadata/labels", "/metadata/annotations"]);
        says.then(|| Scope::Some(self.spoken_of()))
    }

    // It becomes the Canary's, or ceases to be; what owns another Canary's copy is that Canary.
    fn autoscaler(self) -> Option<Scope> {
        let scaled = |object: &Value| text(object, "/spec/scaleTargetRef/name").to_owned();
        let both = self.change.before.iter().chain([&self.change.object]);
        let concerns = self.is_gone() || self.differs(&["/spec/scaleTargetRef"]);
        concerns.then(|| Scope::Some(both.map(scaled).collect()))
    }

    fn is_gone(self) -> bool {
        let Change { kind, namespace, .. } = self.change;
        !self.context.cluster.cache.has(*kind, namespace, self.name)
    }

    fn differs(self, pointers: &[&str]) -> bool {
        let (before, object) = (self.change.before.as_ref(), &self.change.object);
        before.is_none_or(|before| pointers.iter().any(|at| before.pointer(at) != object.pointer(at)))
    }

    fn is_marked_otherwise(self) -> bool {
        let before = self.change.before.as_ref();
        before.is_none_or(|before| marks(before) != marks(&self.change.object))
    }

    fn behind_its_services(self) -> BTreeSet<String> {
        concerned::workloads(&self.context.cluster, self.change, self.name)
    }

    // The Deployments that a Service or route says something of: those behind it, and those that need its name.
    fn spoken_of(self) -> BTreeSet<String> {
        let half = [self.name.strip_suffix("-primary"), self.name.strip_suffix("-canary")];
        let led = self.change.index_keys().into_iter();
        let led = led.filter(|word| !word.contains('=') && *word != USERS);
        let named = half.into_iter().flatten().chain([self.name]).map(str::to_owned);
        named.chain(led).chain(self.behind_its_services()).collect()
    }
}

fn marks(object: &Value) -> BTreeMap<&str, &Value> {
    let all = object.pointer("/metadata/annotations").and_then(Value::as_object);
    let all = all.into_iter().flatten().map(|(key, value)| (key.as_str(), value));
    all.filter(|(key, _)| MARKS.iter().any(|mark| key.starts_with(mark)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake;
    use serde_json::json;

    fn app() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "shop", "namespace": "web", "generation": 1, "labels": {"app": "shop"},
                "annotations": {"deployment.kubernetes.io/revision": "1", labels::POLICY: "gold"},
            },
            "spec": {
                "replicas": 2, "revisionHistoryLimit": 10, "strategy": {"type": "RollingUpdate"},
                "selector": {"matchLabels": {"app": "shop"}},
                "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"image": "x:1"}]}},
            },
        })
    }

    #[tokio::test]
    async fn a_deployment_is_looked_at_again_for_what_its_canary_is_made_of_and_for_nothing_else() {
        let (context, _told) = fake::context();
        let cache = &context.cluster.cache;
        let after = |pointer: &str, value: Value| {
            let mut object = app();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[member.replace("~1", "/")] = value;
            object["metadata"]["generation"] = json!(2);
            cache.put(Kind::Deployment, "web", "shop".to_owned(), &object);
            let change = Change {
                kind: Kind::Deployment,
                namespace: "web".to_owned(),
                object,
                before: Some(app()),
            };
            scope(&context, &change)
        };
        for (at, value) in [
            ("/spec/replicas", json!(5)),
            ("/spec/revisionHistoryLimit", json!(3)),
            ("/spec/paused", json!(true)),
            ("/status", json!({"readyReplicas": 2})),
            ("/metadata/annotations/deployment.kubernetes.io~1revision", json!("2")),
            ("/metadata/annotations/example.com~1owner", json!("red")),
        ] {
            assert_eq!(after(at, value), None, "{at}");
        }
        for (at, value) in [
            ("/metadata/uid", json!("made-again")),
            ("/spec/strategy", json!({"type": "Recreate"})),
            ("/spec/template/spec/hostNetwork", json!(true)),
            ("/metadata/labels/coalmine.dev~1managed", json!("true")),
            ("/metadata/annotations/coalmine.dev~1enabled", json!("false")),
            ("/metadata/annotations/coalmine.dev~1policy", json!("silver")),
            ("/metadata/annotations/flagger.app~1primary-revision", json!("1")),
            ("/metadata/ownerReferences", json!([{"controller": true}])),
        ] {
            assert_eq!(after(at, value), Some(Scope::one("shop")), "{at}");
        }
    }
}
