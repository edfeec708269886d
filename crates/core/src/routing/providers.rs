//! The providers that are built, each by itself; what they share is beside this folder, and the list is the registry's.

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
