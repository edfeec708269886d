//! The gateway: a real Traefik on the host's loopback, configured through the Gateway API. It sends requests
//! straight to the pods' own addresses.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::credentials;
use super::places::{API_SERVER, GATEWAY, GATEWAY_ADMIN, Places};
use super::process;
use super::programs::Programs;

/// Starts Traefik. Retries and keep-alive stay at their defaults: a lost request must show.
pub fn start(places: &Places, programs: &Programs) -> Result<()> {
    let token = std::fs::read_to_string(credentials::token_of(places, "traefik"))?;
    let file = certificates(places);
    std::fs::write(&file, certificate(places))?;
    let args = [
        "--global.checknewversion=false".to_owned(),
        "--global.sendanonymoususage=false".to_owned(),
        format!("--entrypoints.web.address={GATEWAY}"),
        format!("--entrypoints.traefik.address={GATEWAY_ADMIN}"),
        "--ping=true".to_owned(),
        "--providers.kubernetesgateway=true".to_owned(),
        "--providers.kubernetesgateway.experimentalchannel=true".to_owned(),
        format!("--providers.kubernetesgateway.endpoint={API_SERVER}"),
        format!("--providers.kubernetesgateway.token={token}"),
        format!(
            "--providers.kubernetesgateway.certauthfilepath={}",
            credentials::ca(places).display()
        ),
        // The annotations of ingress-nginx, whose project has ended.
        "--providers.kubernetesingressnginx=true".to_owned(),
        format!("--providers.kubernetesingressnginx.endpoint={API_SERVER}"),
        format!("--providers.kubernetesingressnginx.token={token}"),
        format!(
            "--providers.kubernetesingressnginx.certauthfilepath={}",
            credentials::ca(places).display()
        ),
        // Its own kinds. A list of weights of which one Service has no endpoints is given up, as everywhere by default.
        "--providers.kubernetescrd=true".to_owned(),
        format!("--providers.kubernetescrd.endpoint={API_SERVER}"),
        format!("--providers.kubernetescrd.token={token}"),
        format!(
            "--providers.kubernetescrd.certauthfilepath={}",
            credentials::ca(places).display()
        ),
        format!("--providers.file.filename={}", file.display()),
        "--providers.kubernetesgateway.statusaddress.ip=127.0.0.1".to_owned(),
        // The default of 2 s is how long Traefik would go on using endpoints that are gone.
        "--providers.providersthrottleduration=100ms".to_owned(),
        "--metrics.prometheus=true".to_owned(),
        "--metrics.prometheus.entrypoint=traefik".to_owned(),
        "--metrics.prometheus.addserviceslabels=true".to_owned(),
        "--metrics.prometheus.addrouterslabels=true".to_owned(),
        "--metrics.prometheus.buckets=0.005,0.01,0.025,0.05,0.1,0.15,0.2,0.3,0.4,0.5,0.75,1,2.5,5,10".to_owned(),
        "--log.level=INFO".to_owned(),
    ];
    process::start(places, "traefik", &programs.traefik, &args, &[])?;
    Ok(())
}

/// The file that says which certificate a Traefik is to have.
pub fn certificates(places: &Places) -> PathBuf {
    places.run.join("certificates/gateway.yaml")
}

/// Without a certificate of its own Traefik makes an RSA key whenever a route or an endpoint changes: a tenth of both cores
/// under the suite, and a delay of every change. Nobody speaks TLS to it, so the API server's does.
fn certificate(places: &Places) -> String {
    let certificate = credentials::ca(places);
    format!(
        "tls:
  stores:
    default:
      defaultCertificate: {{certFile: {:?}, keyFile: {:?}}}
",
        certificate.display().to_string(),
        certificate.with_extension("key").display().to_string(),
    )
}

/// The class and the Gateway every route of the cluster refers to.
pub fn objects() -> Result<String> {
    let (_, port) = GATEWAY.rsplit_once(':').context("the gateway's address has a port")?;
    Ok(format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: traefik}}
spec: {{controllerName: traefik.io/gateway-controller}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{name: nginx}}
spec: {{controller: k8s.io/ingress-nginx}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: gateway-system}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gateway, namespace: gateway-system}}
spec:
  gatewayClassName: traefik
  listeners:
  - name: web
    protocol: HTTP
    port: {port}
    allowedRoutes: {{namespaces: {{from: All}}}}
"
    ))
}
