//! What Kubernetes's own controllers would do, on demand.

use super::ApiServer;
use serde_json::{Value, json};

impl ApiServer {
    /// Somebody has deployed an app: two pods of its image `NAME:1`, with port 8080, and they run.
    pub fn start_app(&self, namespace: &str, name: &str) {
        let pods = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [
            {"name": name, "image": format!("{name}:1"), "ports": [{"containerPort": 8080}]}]}});
        self.put(
            &format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": pods},
            }),
        );
        self.run(namespace, name);
    }

    /// A Deployment runs: it has a ReplicaSet of its template with as many pods as are asked for, all of them ready, and they
    /// are endpoints of the Services that select them.
    pub fn run(&self, namespace: &str, name: &str) {
        let sets = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
        let deployment = self.get(&path).unwrap();
        let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
        let (uid, mut template) = (&deployment["metadata"]["uid"], deployment["spec"]["template"].clone());
        let hash = &crate::plan::revision::hash::template_hash(&template)[3..11];
        template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        let set = format!("{name}-{hash}");
        for other in self.under(&sets) {
            if other["metadata"]["ownerReferences"][0]["uid"] == *uid && other["metadata"]["name"] != set.as_str() {
                let name = other["metadata"]["name"].as_str().unwrap();
                self.edit(&format!("{sets}/{name}"), |set| {
                    set["spec"]["replicas"] = json!(0);
                    set["status"] = json!({"replicas": 0});
                });
            }
        }
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid, "controller": true});
        self.put(
            &format!("{sets}/{set}"),
            json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": {"name": set, "namespace": namespace, "ownerReferences": [owner]},
                "spec": {"replicas": replicas, "template": template},
                "status": {"replicas": replicas, "availableReplicas": replicas, "readyReplicas": replicas},
            }),
        );
        self.edit(&path, |deployment| {
            deployment["status"] = json!({
                "observedGeneration": deployment["metadata"]["generation"], "replicas": replicas,
                "updatedReplicas": replicas, "availableReplicas": replicas, "readyReplicas": replicas,
            });
        });
        self.endpoints(namespace);
    }

    /// Every Service has the pods that it selects.
    pub fn endpoints(&self, namespace: &str) {
        let sets = self.under(&format!("/apis/apps/v1/namespaces/{namespace}/replicasets"));
        for service in self.under(&format!("/api/v1/namespaces/{namespace}/services")) {
            let name = service["metadata"]["name"].as_str().unwrap();
            let Some(selector) = service["spec"]["selector"].as_object().filter(|all| !all.is_empty()) else {
                continue;
            };
            let labels = |set: &Value| set["spec"]["template"]["metadata"]["labels"].clone();
            let selected = sets
                .iter()
                .filter(|set| selector.iter().all(|(key, value)| labels(set).get(key) == Some(value)));
            let pods = selected.flat_map(|set| {
                let (of, count) = (
                    set["metadata"]["name"].as_str().unwrap(),
                    set["spec"]["replicas"].as_i64(),
                );
                (0..count.unwrap_or(0)).map(move |pod| format!("{of}-{pod:05}"))
            });
            let endpoint = |pod: String| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod}});
            self.put(
                &format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}"),
                json!({
                    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": {
                        "name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": name},
                    },
                    "addressType": "IPv4", "endpoints": pods.map(endpoint).collect::<Vec<_>>(),
                }),
            );
        }
    }

    /// The objects of a list.
    pub fn under(&self, list: &str) -> Vec<Value> {
        let begin = format!("{list}/");
        let objects = self.objects.lock();
        let all = objects.iter().filter(|(path, _)| path.starts_with(&begin));
        all.map(|(_, object)| object.clone()).collect()
    }
}
