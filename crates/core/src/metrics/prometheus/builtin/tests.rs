use super::*;

fn sample() -> Variables {
    Variables {
        name: "podinfo".into(),
        namespace: "my-test".into(),
        target: "podinfo".into(),
        service: "podinfo-svc".into(),
        ingress: "podinfo-ing".into(),
        route: "podinfo-route".into(),
        pods: "podinfo-5d8f9c7b6-[0-9a-z]{5}".into(),
        interval: "1m".into(),
        ..Variables::default()
    }
}

#[test]
fn every_observer_asks_in_the_words_of_its_data_plane() {
    let providers = [
        "istio",
        "kubernetes",
        "gatewayapi:v1",
        "linkerd",
        "nginx",
        "appmesh:v1beta2",
        "contour",
        "gloo",
        "kuma",
        "knative",
        "osm",
        "apisix",
        "traefik",
        "skipper",
    ];
    let mut text = String::new();
    for provider in providers {
        for metric in [Builtin::SuccessRate, Builtin::Duration] {
            let query = query(provider, metric, &sample()).unwrap();
            text.push_str(&format!("{provider} {metric:?}\n  {query}\n"));
        }
    }
    insta::assert_snapshot!("queries", text);
}

#[test]
fn a_provider_without_queries_of_its_own_is_asked_as_istio() {
    let istio = query("istio", Builtin::SuccessRate, &sample());
    for provider in [
        "smi:v1alpha2",
        "crossover",
        "kubernetes:service",
        "nginx:service",
        "anything",
    ] {
        assert_eq!(query(provider, Builtin::SuccessRate, &sample()), istio, "{provider}");
    }
}
