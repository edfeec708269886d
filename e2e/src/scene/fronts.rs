//! What an author writes to let requests in by other kinds than HTTPRoute; each route is called like the app, with `-front`.

use serde_json::{Value, json};

use super::{App, Scene};

/// What a port says that Traefik is to speak HTTP/2 to from the first word.
pub const H2C: &str = "kubernetes.io/h2c";

/// A Service of the author's own whose port says so.
pub fn h2c_service(app: &App) -> Value {
    let mut service = app.service();
    service["spec"]["ports"][0]["appProtocol"] = json!(H2C);
    service
}

/// A GRPCRoute to the app's Service.
pub fn grpc_route(scene: &Scene, app: &str) -> Value {
    let name = format!("{app}-front");
    let mut route = App::new(app, "v1").route(&scene.host(app));
    route["kind"] = json!("GRPCRoute");
    route["metadata"]["name"] = json!(name);
    route
}

/// What is asked of the other Service alone where a route is shared by two.
pub const OTHERS_PATH: &str = "/version";

/// An Ingress of class nginx, which Traefik serves here, to the app's Service.
pub fn ingress(scene: &Scene, app: &str) -> Value {
    let annotations = json!({
        "cert-manager.io/cluster-issuer": "none", "nginx.ingress.kubernetes.io/proxy-body-size": "8m",
    });
    ingress_of(scene, app, "nginx", &annotations)
}

/// An Ingress of that class with these annotations to the app's Service.
pub fn ingress_of(scene: &Scene, app: &str, class: &str, annotations: &Value) -> Value {
    let service = json!({"name": app, "port": {"number": 9898}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": format!("{app}-front"), "annotations": annotations},
        "spec": {"ingressClassName": class, "rules": [{"host": scene.host(app), "http": {"paths": [path]}}]},
    })
}

/// An IngressRoute to a TraefikService.
pub fn ingress_route(scene: &Scene, app: &str, to: &str) -> Value {
    let service = json!({"kind": "TraefikService", "name": to});
    let matched = format!("Host(`{}`)", scene.host(app));
    json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": format!("{app}-front")},
        "spec": {"entryPoints": ["web"], "routes": [{"kind": "Rule", "match": matched, "services": [service]}]},
    })
}

/// A root HTTPProxy of that ingress class, which has the host and includes the HTTPProxy of the app's name.
pub fn http_proxy(scene: &Scene, app: &str, class: &str) -> Value {
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": format!("{app}-front")},
        "spec": {
            "ingressClassName": class, "virtualhost": {"fqdn": scene.host(app)}, "includes": [{"name": app}],
        },
    })
}

/// A root HTTPProxy of that ingress class that leads to the app itself. A quarter of its users are another Service's, which
/// has a path of its own besides.
pub fn shared_http_proxy(scene: &Scene, app: &str, other: &str, class: &str) -> Value {
    let to = |name: &str, weight: u64| json!({"name": name, "port": 9898, "weight": weight});
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": format!("{app}-front")},
        "spec": {
            "ingressClassName": class, "virtualhost": {"fqdn": scene.host(app)},
            "routes": [
                {"services": [to(app, 3), to(other, 1)], "timeoutPolicy": {"response": "10s"}},
                {"conditions": [{"prefix": OTHERS_PATH}], "services": [{"name": other, "port": 9898}]},
            ],
        },
    })
}

/// A VirtualService of that Gateway that says the same.
pub fn shared_virtual_service(scene: &Scene, app: &str, other: &str, gateway: &str) -> Value {
    let to =
        |host: &str, weight: u64| json!({"destination": {"host": host, "port": {"number": 9898}}, "weight": weight});
    let others = json!({"destination": {"host": other, "port": {"number": 9898}}});
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": format!("{app}-front")},
        "spec": {
            "hosts": [scene.host(app)], "gateways": [gateway],
            "http": [
                {"name": "shared", "match": [{"uri": {"exact": "/"}}], "route": [to(app, 3), to(other, 1)], "timeout": "10s"},
                {"name": "others", "match": [{"uri": {"prefix": OTHERS_PATH}}], "route": [others]},
            ],
        },
    })
}
