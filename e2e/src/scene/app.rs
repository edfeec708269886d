//! The workload as its author would write it: a plain Deployment, perhaps a Service and a route.

use serde_json::{Value, json};

/// The image of `e2e/app` on the cluster.
const IMAGE: &str = "localhost/coalmine/app:dev";

/// Manifests of one app.
#[derive(Clone, Debug)]
pub struct App {
    name: String,
    image: String,
    replicas: Option<u32>,
    env: Vec<(String, String)>,
    port: Option<(String, u16)>,
    labels: Vec<(String, String)>,
    deadline: Option<u32>,
    min_ready: Option<u32>,
    history: Option<u32>,
}

/// Where the workload listens unless it is told otherwise.
const PORT: u16 = 9898;

impl App {
    /// An app of that name and version with two replicas.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: IMAGE.to_owned(),
            replicas: Some(2),
            env: vec![("VERSION".to_owned(), version.to_owned())],
            port: Some(("http".to_owned(), PORT)),
            labels: vec![("app".to_owned(), name.to_owned())],
            deadline: None,
            min_ready: None,
            history: None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version it answers.
    pub fn version(&self) -> &str {
        self.env
            .iter()
            .find(|(name, _)| name == "VERSION")
            .map_or("", |(_, version)| version)
    }

    /// The same app in another version.
    pub fn at(&self, version: &str) -> Self {
        self.with("VERSION", version)
    }

    /// The same app with one environment variable set.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut app = self.clone();
        app.env.retain(|(known, _)| known != name);
        app.env.push((name.to_owned(), value.to_owned()));
        app
    }

    /// The same app with that many replicas in its manifest, or none named.
    pub fn replicas(&self, replicas: impl Into<Option<u32>>) -> Self {
        Self {
            replicas: replicas.into(),
            ..self.clone()
        }
    }

    /// The same app from another image.
    pub fn image(&self, image: &str) -> Self {
        Self {
            image: image.to_owned(),
            ..self.clone()
        }
    }

    /// The same app with `progressDeadlineSeconds`.
    pub fn deadline(&self, seconds: u32) -> Self {
        Self {
            deadline: Some(seconds),
            ..self.clone()
        }
    }

    /// The same app with `minReadySeconds`: its pods are available that much later.
    pub fn min_ready(&self, seconds: u32) -> Self {
        Self {
            min_ready: Some(seconds),
            ..self.clone()
        }
    }

    /// The same app with `revisionHistoryLimit`.
    pub fn history(&self, limit: u32) -> Self {
        Self {
            history: Some(limit),
            ..self.clone()
        }
    }

    /// The same app without a port: a worker.
    pub fn worker(&self) -> Self {
        Self {
            port: None,
            ..self.clone()
        }
    }

    /// The same app on a port of another name and number; it listens there.
    pub fn on_port(&self, name: &str, number: u16) -> Self {
        Self {
            port: Some((name.to_owned(), number)),
            ..self.with("PORT", &number.to_string())
        }
    }

    /// The same app with other labels on its pods, all of which its selector names.
    pub fn labelled(&self, labels: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Self {
            labels: labels.iter().map(owned).collect(),
            ..self.clone()
        }
    }

    /// The Deployment.
    pub fn deployment(&self) -> Value {
        let env: Vec<Value> = self
            .env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let mut container = json!({"name": "app", "image": self.image, "env": env});
        if let Some((name, number)) = &self.port {
            container["ports"] = json!([{"name": name, "containerPort": number}]);
            container["readinessProbe"] = json!({"httpGet": {"path": "/readyz", "port": number}, "periodSeconds": 1});
        }
        let scraped = self.port.as_ref().map_or(PORT, |(_, number)| *number);
        let labels = self.labels();
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": {
                    "prometheus.io/scrape": "true", "prometheus.io/port": scraped.to_string()}},
                "spec": {"containers": [container]},
            },
        });
        if let Some(replicas) = self.replicas {
            spec["replicas"] = json!(replicas);
        }
        if let Some(seconds) = self.deadline {
            spec["progressDeadlineSeconds"] = json!(seconds);
        }
        if let Some(seconds) = self.min_ready {
            spec["minReadySeconds"] = json!(seconds);
        }
        if let Some(limit) = self.history {
            spec["revisionHistoryLimit"] = json!(limit);
        }
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.name}, "spec": spec})
    }

    /// One pod of the same, which nobody releases.
    pub fn pod(&self) -> Value {
        let mut pod = self.deployment()["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(self.name);
        pod
    }

    /// A Service of the author's own that selects the pods.
    pub fn service(&self) -> Value {
        self.service_to(&json!(PORT))
    }

    /// The same with that `targetPort`, a name or a number; callers know it by the one port that it always has.
    pub fn service_to(&self, target: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name},
            "spec": {
                "selector": self.labels(),
                "ports": [{"name": "http", "port": PORT, "targetPort": target}],
            },
        })
    }

    fn labels(&self) -> Value {
        self.labels
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect()
    }

    /// A route of the author's own to that Service, under the given host name.
    pub fn route(&self, host: &str) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": self.name},
            "spec": {
                // In full: a default filled in by the API server is a conflict between two server-side appliers.
                "parentRefs": [{
                    "group": "gateway.networking.k8s.io", "kind": "Gateway",
                    "name": "gateway", "namespace": "gateway-system",
                }],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": self.name, "port": 9898}]}],
            },
        })
    }

    /// A Canary of the author's own for the Deployment, with that analysis and progress deadline.
    pub fn canary(&self, host: &str, analysis: &Value, deadline: u32) -> Value {
        json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": self.name},
            "spec": {
                "provider": "gatewayapi:v1",
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
                "progressDeadlineSeconds": deadline,
                "service": {
                    "port": 9898,
                    "hosts": [host],
                    "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}],
                },
                "analysis": analysis,
            },
        })
    }

    /// The Deployment as a file to apply.
    pub fn manifest(&self) -> String {
        self.deployment().to_string()
    }

    /// Deployment, Service and route as one file to apply.
    pub fn with_service_and_route(&self, host: &str) -> String {
        let items = [self.service(), self.route(host), self.deployment()];
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }
}
