use super::*;

fn autoscaler(kind: ScalerKind) -> Autoscaler {
    Autoscaler {
        kind,
        name: "web".into(),
        queries: BTreeMap::new(),
        min: None,
        max: None,
    }
}

fn hpa() -> Value {
    json!({
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "labels": {
            "team": "a", "kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"note": "x"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2, "maxReplicas": 8,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}}, "futureField": true,
        },
    })
}

fn scaled_object() -> Value {
    json!({
        "kind": "ScaledObject",
        "metadata": {"name": "web", "namespace": "shop",
            "labels": {"scaledobject.keda.sh/name": "web", "team": "a"},
            "annotations": {PAUSED_REPLICAS: "0", "autoscaling.keda.sh/paused": "false", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "spec": {
            "scaleTargetRef": {"name": "web", "envSourceContainerName": "app"},
            "pollingInterval": 5, "cooldownPeriod": 60, "idleReplicaCount": 0, "maxReplicaCount": 9,
            "advanced": {"horizontalPodAutoscalerConfig": {"name": "web-hpa", "behavior": {"scaleDown": {}}}},
            "fallback": {"failureThreshold": 3, "replicas": 2},
            "triggers": [
                {"type": "prometheus", "name": "requests", "metadata": {"query": "rate(x{app=\"web\"}[1m])", "threshold": "5"}},
                {"type": "prometheus", "name": "errors", "metadata": {"query": "rate(y{app=\"web-canary\"}[1m])"}},
                {"type": "cpu", "metadata": {"value": "50"}},
            ],
        },
    })
}

#[test]
fn an_hpa_is_copied_whole_but_for_whom_it_scales() {
    let copy = autoscaler(ScalerKind::Hpa).for_primary(&hpa(), &Blueprint::sample(), 0);
    let mut spec = hpa()["spec"].clone();
    spec["scaleTargetRef"]["name"] = json!("web-primary");
    assert_eq!(copy["spec"], spec);
    assert_eq!(
        copy["metadata"],
        json!({
            "name": "web-primary", "namespace": "shop", "annotations": {},
            "labels": {"team": "a", "app.kubernetes.io/managed-by": "flagger"},
            "ownerReferences": Blueprint::sample().owner_references(),
        })
    );
}

#[test]
fn the_canarys_own_bounds_win_and_a_run_raises_the_least_up_to_the_most() {
    let own = Autoscaler {
        min: Some(3),
        max: Some(5),
        ..autoscaler(ScalerKind::Hpa)
    };
    let bounds = |scaler: &Autoscaler, min_replicas| {
        let spec = scaler.for_primary(&hpa(), &Blueprint::sample(), min_replicas)["spec"].clone();
        (
            spec["minReplicas"].as_u64().unwrap(),
            spec["maxReplicas"].as_u64().unwrap(),
        )
    };
    assert_eq!(bounds(&own, 0), (3, 5));
    assert_eq!(bounds(&own, 4), (4, 5));
    assert_eq!(bounds(&own, 7), (5, 5));
    assert_eq!(bounds(&autoscaler(ScalerKind::Hpa), 7), (7, 8));
}

#[test]
fn a_scaled_object_is_copied_without_its_pause_and_asks_about_primary() {
    let copy = autoscaler(ScalerKind::ScaledObject).for_primary(&scaled_object(), &Blueprint::sample(), 0);
    let mut spec = scaled_object()["spec"].clone();
    spec["scaleTargetRef"]["name"] = json!("web-primary");
    spec["advanced"]["horizontalPodAutoscalerConfig"]["name"] = json!("web-hpa-primary");
    spec["triggers"][0]["metadata"]["query"] = json!("rate(x{app=\"web-primary\"}[1m])");
    spec["triggers"][1]["metadata"]["query"] = json!("rate(y{app=\"web-primary\"}[1m])");
    assert_eq!(copy["spec"], spec);
    assert_eq!(
        copy["metadata"]["annotations"],
        json!({"autoscaling.keda.sh/paused": "false"})
    );
    assert_eq!(
        copy["metadata"]["labels"],
        json!({"team": "a", "app.kubernetes.io/managed-by": "flagger"})
    );
}

#[test]
fn a_trigger_may_be_given_a_query_of_its_own() {
    let scaler = Autoscaler {
        queries: BTreeMap::from([("requests".into(), "own".into())]),
        ..autoscaler(ScalerKind::ScaledObject)
    };
    let copy = scaler.for_primary(&scaled_object(), &Blueprint::sample(), 0);
    assert_eq!(copy["spec"]["triggers"][0]["metadata"]["query"], "own");
    assert_eq!(
        copy["spec"]["triggers"][1]["metadata"]["query"],
        "rate(y{app=\"web-primary\"}[1m])"
    );
}

#[test]
fn kedas_defaults_bound_what_a_scaled_object_leaves_open() {
    let scaler = autoscaler(ScalerKind::ScaledObject);
    let open = json!({"spec": {}});
    assert_eq!(scaler.bounds(&open), Bounds { min: 0, max: 100 });
    let copy = scaler.for_primary(&open, &Blueprint::sample(), 0);
    assert_eq!(copy["spec"], json!({"scaleTargetRef": {"name": "web-primary"}}));
    let copy = scaler.for_primary(&scaled_object(), &Blueprint::sample(), 4);
    assert_eq!(
        copy["spec"].get("idleReplicaCount"),
        None,
        "primary keeps its pods in a run"
    );
    let copy = scaler.for_primary(&open, &Blueprint::sample(), 4);
    assert_eq!(copy["spec"]["minReplicaCount"], 4);
}

#[test]
fn the_autoscaler_of_a_deployment_is_found_by_whom_it_scales() {
    let keda_made = json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "keda-hpa-web"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
    let all = [keda_made, hpa(), scaled_object()];
    let found = reference("web", &all).unwrap();
    assert_eq!((found.kind.as_str(), found.name.as_str()), ("ScaledObject", "web"));
    let found = reference("web", &all[1..2]).unwrap();
    assert_eq!(
        (found.api_version.as_str(), found.name.as_str()),
        ("autoscaling/v2", "web")
    );
    assert_eq!(reference("other", &all), None);
}
