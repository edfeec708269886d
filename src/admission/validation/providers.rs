//! What each routing provider can do and needs.

/// Routes by Gateway API.
pub(super) fn is_gateway_api(provider: &str) -> bool {
    provider.starts_with("gatewayapi")
}

/// The API kind whose objects carry the weights; `None` for plain Services.
pub fn route_kind(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "istio" => "networking.istio.io/v1beta1/VirtualService",
        "gatewayapi:v1" => "gateway.networking.k8s.io/v1/HTTPRoute",
        "gatewayapi:v1beta1" => "gateway.networking.k8s.io/v1beta1/HTTPRoute",
        "contour" => "projectcontour.io/v1/HTTPProxy",
        "traefik" => "traefik.io/v1alpha1/TraefikService",
        "gloo" => "gateway.solo.io/v1/RouteTable",
        "apisix" => "apisix.apache.org/v2/ApisixRoute",
        "kuma" => "kuma.io/v1alpha1/TrafficRoute",
        "linkerd" | "smi:v1alpha1" => "split.smi-spec.io/v1alpha1/TrafficSplit",
        "osm" | "smi:v1alpha2" => "split.smi-spec.io/v1alpha2/TrafficSplit",
        "smi:v1alpha3" => "split.smi-spec.io/v1alpha3/TrafficSplit",
        "appmesh" => "appmesh.k8s.aws/v1beta1/VirtualService",
        "appmesh:v1beta2" => "appmesh.k8s.aws/v1beta2/VirtualService",
        "knative" => "serving.knative.dev/v1/Service",
        "nginx" | "skipper" => "networking.k8s.io/v1/Ingress",
        _ => return None,
    })
}

/// Projects that were given up by their makers.
pub(super) fn is_retired(provider: &str) -> bool {
    provider.starts_with("appmesh") || provider.starts_with("smi:") || provider == "osm"
}

/// Can send the canary a copy of the traffic.
pub(super) fn can_mirror(provider: &str) -> bool {
    provider == "istio" || is_gateway_api(provider)
}

/// Can keep a user on one side by cookie.
pub(super) fn can_stick(provider: &str) -> bool {
    can_mirror(provider)
}

/// Splits by the weights of its own routes, not by the endpoints of a Service.
pub(super) fn has_weights(provider: &str) -> bool {
    provider != "kubernetes"
}
