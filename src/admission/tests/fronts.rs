//! What leads users past the routes of a provider is told to whoever applies a Canary.

use super::*;

const FRONTS: &str = "/apis/traefik.io/v1alpha1/namespaces/web/ingressroutes";

async fn told(provider: &str, services: Value) -> Vec<String> {
    let fake = ApiServer::default();
    let front = json!({
        "metadata": {"name": "front", "namespace": "web"},
        "spec": {"routes": [{"kind": "Rule", "match": "Host(`a`)", "services": services}]},
    });
    let all = json!({"metadata": {}, "items": [front]});
    fake.objects.lock().extend([(FRONTS.to_owned(), all)]);
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {
            "provider": provider,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "service": {"port": 80, "gatewayRefs": [{"name": "gateway"}]},
            "analysis": {"interval": "1m", "threshold": 1, "stepWeights": [50]},
        },
    });
    let mut create = request("Canary", "CREATE", Value::Null, canary);
    create["kind"] = json!({"group": "flagger.app", "version": "v1beta1", "kind": "Canary"});
    let (status, response) = House::with(&fake).ask(Entry::ValidateCanaries, create).await;
    assert_eq!((status, &response["allowed"]), (200, &json!(true)), "{response}");
    let lines = response["warnings"].as_array().cloned().unwrap_or_default();
    let lines = lines.iter().filter_map(Value::as_str).map(str::to_owned);
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
