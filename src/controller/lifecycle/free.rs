//! Workloads that the webhook holds and no Canary speaks for: nobody would ever let them go.
//!
//! The webhook holds a new app before its Canary is made. Where none is made after all, because the namespace was left in
//! between or the cluster does not take Canaries any more, the app gets its replicas back.

use crate::controller::{
    difference::write::Write,
    watch::{cluster::Cluster, informers::cache::Kind, pair::owners::unmarked},
};
use crate::object::{label, text};
use crate::{
    api::{
        Canary,
        labels::{self, TargetState},
    },
    plan::workload::daemon_set,
    requests::pages::{self, PAGE},
    watched::words_of_request,
};
use kube::{Api, Client, api::ListParams};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;

/// What is held in a namespace that takes nothing in, and no Canary there speaks for.
pub fn unclaimed(cluster: &Cluster, namespace: &str) -> Vec<(Kind, Value)> {
    let held = |target: &Value| label(target, labels::MANAGED).is_some();
    let claimed = |target: &Value| {
        let all = cluster.canaries_for(namespace, text(target, "/metadata/name"));
        !all.is_empty()
    };
    let of = |kind| {
        let all = cluster.cache.list(kind, namespace);
        all.filter(|target| held(target) && !claimed(target))
            .map(move |target| (kind, target))
            .collect::<Vec<_>>()
    };
    [Kind::Deployment, Kind::DaemonSet].into_iter().flat_map(of).collect()
}

/// Lets one go, unless the store knows a Canary of it that the cache does not show yet.
///
/// # Errors
/// Those of the API server: it is held still, and nobody else will let it go.
pub async fn one(client: &Client, kind: Kind, target: &Value) -> Result<(), kube::Error> {
    let namespace = text(target, "/metadata/namespace");
    let held = label(target, labels::MANAGED).is_some();
    if !held || is_claimed(client, namespace, text(target, "/metadata/name")).await? {
        return Ok(());
    }
    of(client, kind, target).await
}

/// That one could not be let go, in words for people.
pub fn still_held(target: &Value, error: &kube::Error) -> String {
    let (namespace, name) = (text(target, "/metadata/namespace"), text(target, "/metadata/name"));
    tracing::warn!(namespace, name, %error, "what is held without a Canary could not be let go");
    let why = words_of_request(error);
    match target.pointer("/spec/replicas").and_then(Value::as_i64) {
        Some(0) => format!("It is still held at 0 replicas: {why}"),
        _ => format!("It could not be given back: {why}"),
    }
}

/// Lets one go that nobody can do anything for. Nothing is done for what is not held.
pub async fn of(client: &Client, kind: Kind, target: &Value) -> Result<(), kube::Error> {
    let Some(body) = freed(kind, target) else { return Ok(()) };
    let (namespace, name) = (text(target, "/metadata/namespace"), text(target, "/metadata/name"));
    merge(client, kind, target, body).await?;
    tracing::info!(namespace, name, "held for nothing; let go");
    Ok(())
}

/// Gives one its pods back whose pair is being built and cannot be recorded to be: it serves by itself from now on, as one
/// does that was taken in while it ran.
pub async fn held(client: &Client, kind: Kind, target: &Value) {
    let Some(mut body) = freed(kind, target) else { return };
    let hot = json!({"metadata": {"labels": {labels::STATE: TargetState::Hot.as_str()}}});
    let rests = label(target, labels::STATE) != Some(TargetState::Hot.as_str());
    if !rests && label(target, labels::HELD).is_none() {
        return;
    }
    for kept in [labels::MANAGED, labels::DESIRED_REPLICAS, labels::REVISION] {
        if let Some(all) = body.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            all.remove(kept);
        }
    }
    json_patch::merge(&mut body, &hot);
    if let Err(error) = merge(client, kind, target, body).await {
        let namespace = text(target, "/metadata/namespace");
        tracing::warn!(namespace, %error, "what is held for a pair that cannot be recorded could not be given back");
    }
}

async fn merge(client: &Client, kind: Kind, target: &Value, body: Value) -> Result<(), kube::Error> {
    let write = Write::Merge {
        kind,
        namespace: text(target, "/metadata/namespace").to_owned(),
        name: text(target, "/metadata/name").to_owned(),
        body,
    };
    write.perform(client).await.map(drop)
}

async fn is_claimed(client: &Client, namespace: &str, target: &str) -> Result<bool, kube::Error> {
    let canaries = Api::<Canary>::namespaced(client.clone(), namespace);
    let look = |canary: Canary| match canary.target_name() == target {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    match pages::each(&canaries, ListParams::default().limit(PAGE), look).await {
        Ok(nobodys) => Ok(!nobodys),
        // Nobody has Canaries where they are not known.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// The JSON merge patch that lets a workload go; nothing when it is not held.
fn freed(kind: Kind, target: &Value) -> Option<Value> {
    label(target, labels::MANAGED)?;
    let held = label(target, labels::HELD).is_some();
    let mut spec = Map::new();
    if kind == Kind::DaemonSet {
        let parts = [
            daemon_set::scaled(target, false),
            held.then(|| daemon_set::released(target)).flatten(),
        ];
        spec.extend(
            parts
                .into_iter()
                .flatten()
                .filter_map(|part| part.as_object().cloned())
                .flatten(),
        );
    } else {
        let live = target.pointer("/spec/replicas").and_then(Value::as_i64);
        let wanted = label(target, labels::DESIRED_REPLICAS).and_then(|text| text.parse::<i64>().ok());
        if let Some(wanted) = wanted.filter(|_| live == Some(0)) {
            spec.insert("replicas".to_owned(), wanted.into());
        }
        if held {
            spec.insert("paused".to_owned(), Value::Null);
        }
    }
    Some(json!({"metadata": unmarked(target), "spec": spec}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;

    fn held(labels: Value, spec: Value) -> Value {
        json!({"metadata": {"name": "shop", "namespace": "web", "labels": labels}, "spec": spec})
    }

    #[test]
    fn a_held_deployment_gets_its_replicas_back_and_nothing_of_ours_stays() {
        let labels = json!({
            labels::MANAGED: "true", labels::STATE: "cold", labels::DESIRED_REPLICAS: "3", labels::HELD: "true",
            labels::POLICY: "strict", "team": "red",
        });
        let body = freed(Kind::Deployment, &held(labels, json!({"replicas": 0, "paused": true}))).unwrap();
        assert_eq!(body["spec"], json!({"replicas": 3, "paused": null}));
        let gone = body["metadata"]["labels"].as_object().unwrap();
        assert_eq!(gone.len(), 4, "{gone:?}");
        assert!(gone.values().all(Value::is_null));
    }

    #[test]
    fn one_that_runs_keeps_what_it_has_and_one_that_is_not_held_is_nobodys_business() {
        let serving = json!({labels::MANAGED: "true", labels::DESIRED_REPLICAS: "3"});
        let body = freed(Kind::Deployment, &held(serving, json!({"replicas": 5}))).unwrap();
        assert_eq!(body["spec"], json!({}));
        assert_eq!(
            freed(Kind::Deployment, &held(json!({"team": "red"}), json!({"replicas": 0}))),
            None
        );
    }

    #[tokio::test]
    async fn whoever_has_a_canary_is_not_let_go_however_many_others_there_are() {
        let server = ApiServer::default();
        let all = "/apis/flagger.app/v1beta1/namespaces/web/canaries";
        for n in 0..20 {
            let name = format!("app-{n:02}");
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name});
            server.put(
                &format!("{all}/{name}"),
                json!({
                    "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                    "metadata": {"name": name, "namespace": "web"}, "spec": {"targetRef": target},
                }),
            );
        }
        let client = server.client();
        assert!(is_claimed(&client, "web", "app-00").await.unwrap());
        assert_eq!(
            *server.pages.lock(),
            [(all.to_owned(), Some(16))],
            "he is found at once"
        );
        assert!(is_claimed(&client, "web", "app-19").await.unwrap());
        server.pages.lock().clear();
        assert!(!is_claimed(&client, "web", "shop").await.unwrap());
        assert_eq!(*server.pages.lock(), vec![(all.to_owned(), Some(16)); 2]);
    }

    #[test]
    fn a_held_daemon_set_runs_everywhere_again() {
        let spec = json!({"template": {"spec": {}}});
        let mut target = held(json!({labels::MANAGED: "true"}), spec);
        let zero = daemon_set::scaled(&target, true).unwrap();
        json_patch::merge(&mut target["spec"], &zero);
        let body = freed(Kind::DaemonSet, &target).unwrap();
        json_patch::merge(&mut target["spec"], &body["spec"]);
        assert!(daemon_set::scaled(&target, false).is_none(), "{target}");
    }
}
