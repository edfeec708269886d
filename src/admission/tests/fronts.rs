//! What leads users past the routes of a provider is told to whoever applies a Canary.

use super::*;

const FRONTS: &str = "/apis/traefik.io/v1alpha1/namespaces/web/ingressroutes";

// What is said at the apply of a Canary of that provider and service where there is that object.
async fn warned(provider: &str, service: Value, path: &str, object: Value) -> Vec<String> {
    let fake = ApiServer::default();
    let all = json!({"metadata": {}, "items": [object]});
    fake.objects.lock().extend([(path.to_owned(), all)]);
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {
            "provider": provider,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "service": service,
            "analysis": {"interval": "1m", "threshold": 1, "stepWeights": [50]},
        },
    });
    let mut create = request("Canary", "CREATE", Value::Null, canary);
    create["kind"] = json!({"group": "flagger.app", "version": "v1beta1", "kind": "Canary"});
    let (status, response) = House::with(&fake).ask(Entry::ValidateCanaries, create).await;
    assert_eq!((status, &response["allowed"]), (200, &json!(true)), "{response}");
    let lines = response["warnings"].as_array().cloned().unwrap_or_default();
    lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn told(provider: &str, services: Value) -> Vec<String> {
    let front = json!({
        "metadata": {"name": "front", "namespace": "web"},
        "spec": {"routes": [{"kind": "Rule", "match": "Host(`a`)", "services": services}]},
    });
    let service = json!({"port": 80, "gatewayRefs": [{"name": "gateway"}]});
    let lines = warned(provider, service, FRONTS, front).await.into_iter();
    lines.filter(|line| line.contains("front")).collect()
}

#[tokio::test]
async fn an_ingress_route_that_names_the_service_itself_is_told_where_the_provider_is_traefik() {
    let direct = json!([{"name": "shop", "port": 80}]);
    let lines = told("traefik", direct.clone()).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(
        line.contains("spec.service: IngressRoute front leads to Service shop itself"),
        "{line}"
    );
    assert_eq!(
        told("traefik", json!([{"kind": "TraefikService", "name": "shop"}])).await,
        [""; 0]
    );
    assert_eq!(told("gatewayapi:v1", direct).await, [""; 0]);
}

// The same of what a mesh has.
async fn told_of(provider: &str, path: &str, object: Value) -> Vec<String> {
    let service = json!({"port": 80, "appProtocol": "http"});
    let lines = warned(provider, service, path, object).await.into_iter();
    lines.filter(|line| line.starts_with("spec.service: ")).collect()
}

#[tokio::test]
async fn a_mesh_of_the_cluster_without_mesh_services_is_told_where_the_provider_is_kuma() {
    const MESHES: &str = "/apis/kuma.io/v1alpha1/meshes";
    let mesh = |spec: Value| json!({"metadata": {"name": "default"}, "spec": spec});
    let lines = told_of("kuma", MESHES, mesh(json!({}))).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(
        line.contains("Mesh default does not say spec.meshServices.mode"),
        "{line}"
    );
    let disabled = mesh(json!({"meshServices": {"mode": "Disabled"}}));
    let lines = told_of("kuma", MESHES, disabled).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.contains("Mesh default has no MeshServices"), "{line}");
    let exclusive = mesh(json!({"meshServices": {"mode": "Exclusive"}}));
    assert_eq!(told_of("kuma", MESHES, exclusive).await, [""; 0]);
}

#[tokio::test]
async fn a_service_profile_is_told_where_the_provider_is_linkerd() {
    const PROFILES: &str = "/apis/linkerd.io/v1alpha2/namespaces/web/serviceprofiles";
    let profile = |name: &str| json!({"metadata": {"name": name, "namespace": "web"}});
    let lines = told_of("linkerd", PROFILES, profile("shop.web.svc.cluster.local")).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.contains("ServiceProfile shop.web.svc.cluster.local"), "{line}");
    assert_eq!(
        told_of("linkerd", PROFILES, profile("other.web.svc.cluster.local")).await,
        [""; 0]
    );
}
