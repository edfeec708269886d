//! The providers that are built, each by itself; what they share is beside this folder. A new one is its folder and its two
//! lines here: all that is asked of every provider is asked of this list, by the registry.

use super::Router;

pub mod apisix;
pub mod appmesh;
pub mod contour;
pub mod gateway_api;
pub mod gloo;
pub mod istio;
pub mod knative;
pub mod kubernetes;
pub mod kuma;
pub mod linkerd;
pub mod nginx;
pub mod skipper;
pub mod smi;
pub mod traefik;

/// Every provider that is built.
pub const ROUTERS: &[&dyn Router] = &[
    &gateway_api::GatewayApi,
    &apisix::Apisix,
    &appmesh::V1BETA1,
    &appmesh::V1BETA2,
    &contour::Contour,
    &gloo::Gloo,
    &istio::Istio,
    &knative::Knative,
    &kubernetes::Kubernetes,
    &kuma::Kuma,
    &linkerd::Linkerd,
    &nginx::Nginx,
    &skipper::Skipper,
    &smi::OSM,
    &smi::V1ALPHA1,
    &smi::V1ALPHA2,
    &smi::V1ALPHA3,
    &traefik::Traefik,
];
