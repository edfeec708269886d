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

/// An Ingress of class nginx, which Traefik serves here, to the app's Service.
pub fn ingress(scene: &Scene, app: &str) -> Value {
    let service = json!({"name": app, "port": {"number": 9898}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {
            "name": format!("{app}-front"),
            "annotations": {"cert-manager.io/cluster-issuer": "none", "nginx.ingress.kubernetes.io/proxy-body-size": "8m"},
        },
        "spec": {"ingressClassName": "nginx", "rules": [{"host": scene.host(app), "http": {"paths": [path]}}]},
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
