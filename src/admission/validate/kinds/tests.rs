use super::*;
use crate::admission::facts::{Caches, Feeds};
use crate::plan::Defaults;
use kube::runtime::watcher::Event;
use serde_json::json;

fn view() -> (View, Feeds) {
    let (caches, feeds) = Caches::new();
    let view = View {
        caches,
        ours: Vec::new(),
        defaults: Defaults {
            provider: String::from("gatewayapi:v1"),
            selector_labels: Selector::default_keys(),
            ..Defaults::default()
        },
    };
    (view, feeds)
}

fn request(metrics: &Value) -> Request {
    let mut request = Request {
        name: String::from("shop"),
        namespace: String::from("web"),
        object: json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "service": {"port": 80, "meshName": "mesh", "hosts": ["shop.test"], "gatewayRefs": [{"name": "gateway"}]},
                "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50], "metrics": metrics},
            },
        }),
        ..Request::default()
    };
    request.kind.kind = String::from("Canary");
    request
}

fn metric(template: &str) -> Value {
    json!({"name": template, "interval": "10s", "templateRef": {"name": template}, "thresholdRange": {"max": 1}})
}

fn is_of(field: &'static str) -> impl Fn(&String) -> bool {
    move |warning| warning.starts_with(field)
}

#[test]
fn of_what_is_too_large_nothing_else_is_said() {
    let (view, _feeds) = view();
    let answer = validate(&request(&json!([metric("latency")])), &view, Found::default()).unwrap();
    assert!(
        answer.warnings.iter().any(is_of("spec.service.meshName: ")),
        "{answer:?}"
    );
    let request = request(&json!(vec![metric("latency"); 65]));
    let answer = validate(&request, &view, Found::default()).unwrap();
    let causes = answer.denial.unwrap().causes;
    assert_eq!(
        causes.iter().map(|cause| cause.field.as_str()).collect::<Vec<_>>(),
        ["spec.analysis.metrics"]
    );
    assert_eq!(answer.warnings, Vec::<String>::new());
}

#[test]
fn what_was_stored_too_large_before_is_warned_of_and_of_nothing_else() {
    let (view, _feeds) = view();
    let mut request = request(&json!(vec![metric("latency"); 65]));
    request.operation = Operation::Update;
    request.old_object = request.object.clone();
    let answer = validate(&request, &view, Found::default()).unwrap();
    assert!(answer.allowed());
    assert_eq!(
        answer.warnings,
        ["spec.analysis.metrics: Too many: must have at most 64 items"]
    );
}

#[test]
fn a_template_is_found_by_its_name() {
    let (view, mut feeds) = view();
    let template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "latency", "namespace": "web"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus:9090"}, "query": "x"},
    });
    feeds
        .templates
        .apply_watcher_event(&Event::Apply(serde_json::from_value(template).unwrap()));
    let asked = request(&json!([metric("latency"), metric("errors")]));
    let answer = validate(&asked, &view, Found::default()).unwrap();
    let missing: Vec<_> = answer
        .warnings
        .iter()
        .filter(|warning| warning.contains("not found yet"))
        .collect();
    assert_eq!(missing.len(), 1, "{answer:?}");
    assert!(
        missing[0].starts_with("spec.analysis.metrics[1].templateRef: "),
        "{missing:?}"
    );
}
