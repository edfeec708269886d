//! An install whose provider is X takes the Canaries that Flagger's tutorial for X shows, which name no provider.

use super::*;
use crate::routing::registry;

const GUIDE: &str = "
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  progressDeadlineSeconds: 60
  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo}
  service: {port: 9898, targetPort: 9898}
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    stepWeight: 10
    metrics:
    - {name: request-success-rate, thresholdRange: {min: 99}, interval: 1m}
    - {name: request-duration, thresholdRange: {max: 500}, interval: 30s}
    webhooks:
    - name: acceptance-test
      type: pre-rollout
      url: http://flagger-loadtester.test/
      timeout: 30s
      metadata: {type: bash, cmd: \"curl -sd 'test' http://podinfo-canary:9898/token | grep token\"}
    - name: load-test
      url: http://flagger-loadtester.test/
      timeout: 5s
      metadata: {cmd: \"hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/\"}
";

const INGRESS: &str = "ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: podinfo}";
const MESH_RETRIES: &str =
    "retries: {attempts: 3, perTryTimeout: 5s, retryOn: \"gateway-error,client-error,stream-error\"}";

// What is particular to each tutorial, below `spec`.
fn guides() -> Vec<(&'static str, String)> {
    let of = |text: &str| text.to_owned();
    let gateway =
        "service: {hosts: [localproject.contour.io], gatewayRefs: [{name: contour, namespace: projectcontour}]}";
    let in_app_mesh = format!("timeout: 15s, match: [{{uri: {{prefix: /}}}}], rewrite: {{uri: /}}, {MESH_RETRIES}");
    vec![
        (
            "apisix",
            of("{routeRef: {apiVersion: apisix.apache.org/v2, kind: ApisixRoute, name: podinfo}, service: {port: 80}}"),
        ),
        ("appmesh", format!("service: {{meshName: global, {in_app_mesh}}}")),
        ("appmesh:v1beta2", format!("service: {{{in_app_mesh}}}")),
        (
            "contour",
            of("service: {port: 80, timeout: 15s, retries: {attempts: 3, perTryTimeout: 5s}}"),
        ),
        // Flagger asks for the Gateways as well.
        ("gatewayapi", of(gateway)),
        ("gatewayapi:v1", of(gateway)),
        ("gatewayapi:v1beta1", of(gateway)),
        (
            "gloo",
            of(
                "{upstreamRef: {apiVersion: gloo.solo.io/v1, kind: Upstream, name: config, namespace: gloo-system}, \
                service: {name: podinfo, port: 9898}}",
            ),
        ),
        (
            "istio",
            of(
                "service: {gateways: [istio-system/public-gateway], hosts: [app.example.com], \
                trafficPolicy: {tls: {mode: DISABLE}}, \
                retries: {attempts: 3, perTryTimeout: 1s, retryOn: \"gateway-error,connect-failure,refused-stream\"}}",
            ),
        ),
        // With Flagger, too, a Canary of such a target has to say its provider.
        (
            "knative",
            of(
                "{provider: knative, targetRef: {apiVersion: serving.knative.dev/v1, kind: Service, name: podinfo}, \
                autoscalerRef: null, service: null}",
            ),
        ),
        (
            "kubernetes",
            of("{service: {portDiscovery: true}, analysis: {iterations: 10, maxWeight: null, stepWeight: null}}"),
        ),
        (
            "kuma",
            of("service: {apex: {annotations: {9898.service.kuma.io/protocol: http}}}"),
        ),
        ("linkerd", of("service: {port: 9898}")),
        ("nginx", format!("{{{INGRESS}, service: {{port: 80}}}}")),
        ("osm", of("service: {port: 9898}")),
        ("skipper", format!("{{{INGRESS}, service: {{port: 80}}}}")),
        ("smi:v1alpha1", of("service: {port: 9898}")),
        ("smi:v1alpha2", of("service: {port: 9898}")),
        ("smi:v1alpha3", of("service: {port: 9898}")),
        ("traefik", of("service: {port: 80}")),
    ]
}

#[test]
fn an_install_takes_the_canaries_of_the_guide_for_its_provider() {
    for (provider, particular) in guides() {
        let spec: Value = serde_saphyr::from_str(&particular).unwrap();
        let guide = merged(serde_saphyr::from_str(GUIDE).unwrap(), &json!({ "spec": spec }));
        let named = guide.pointer("/spec/provider").is_some();
        assert_eq!(named, provider == "knative", "{provider}");
        let facts = ClusterFacts {
            default_provider: provider.to_owned(),
            ..ClusterFacts::default()
        };
        let findings = canary(&serde_json::from_value(guide).unwrap(), None, &facts);
        assert_eq!(findings.causes, [], "{provider}");
    }
}

// A provider that Flagger does not know has no guide of Flagger's.
#[test]
fn every_guide_is_for_a_provider_that_is_built() {
    let names = registry::names();
    let guides = guides();
    assert!(guides.len() >= 20, "only {} guides", guides.len());
    for (provider, _) in guides {
        assert!(names.contains(&provider), "{provider}");
    }
}
