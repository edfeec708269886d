//! What becomes of a generated route and Service under what people and tools do to it.

use super::*;
use crate::admission::mutate::deployments::CoarseStage;
use crate::admission::mutate::{routes, services};
use crate::admission::review::Options;
use crate::patches::applied;
use crate::plan::{
    Blueprint, Metadata, Port, Selector, ServiceRole, marks, route, service, services::ports::PortSources,
};
use crate::routing::{Exposure, Names, Provider, Traffic, kind_of};
use serde_json::json;

fn published() -> Option<serde_json::Value> {
    let spec = serde_json::from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 9898, "hosts": ["shop.web.example.com"], "gatewayRefs": [{"name": "gateway", "namespace": "infra"}]},
    }));
    Provider::STANDARD.published("shop", &Names::new("shop"), &spec.unwrap())
}

fn blueprint(helm: bool) -> Blueprint {
    let chart = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {
        "meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "web"}}});
    Blueprint {
        names: Some(Names::new("shop")),
        port: Some(Port {
            port: 9898,
            name: "http".into(),
            target_port: json!(9898),
            app_protocol: None,
        }),
        route: published(),
        apex: Metadata::default(),
        helm: if helm { marks::of_helm(&chart) } else { Map::new() },
        ..Blueprint::sample()
    }
}

fn generated_route(helm: bool) -> Value {
    route(&blueprint(helm), Traffic::share(30)).unwrap()
}

fn generated_service(role: ServiceRole, helm: bool) -> Value {
    let target = json!({"spec": {"selector": {"matchLabels": {"app": "shop"}}}});
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let blueprint = blueprint(helm);
    service(
        role,
        &selector,
        &PortSources::first(&blueprint, None),
        crate::plan::ApexSide::Primary,
    )
    .unwrap()
}

fn request(operation: Operation, old: &Value, new: &Value, manager: &str) -> Request {
    Request {
        operation,
        old_object: old.clone(),
        object: new.clone(),
        options: Some(Options {
            field_manager: Some(manager.to_owned()),
        }),
        ..Request::default()
    }
}

fn routed(old: &Value, new: &Value, manager: &str) -> Value {
    let pairs = [routes::Pair {
        names: Names::new("shop"),
        exposure: Exposure::default(),
        intent: None,
    }];
    let once = |new: &Value| {
        let request = request(Operation::Update, old, new, manager);
        applied(new, &routes::mutate(&request, &pairs, false)).unwrap()
    };
    let stored = once(new);
    assert_eq!(once(&stored), stored, "its own output changes nothing");
    stored
}

// The author's own: another host, the Service by its name, and no gateway said where `parents` is none.
fn authors(parents: Option<Value>) -> Value {
    let mut spec =
        json!({"hostnames": ["www.shop.example.org"], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]});
    if let Some(parents) = parents {
        spec["parentRefs"] = parents;
    }
    spec
}

fn is_the_authors(stored: &Value) {
    assert!(!is_generated(stored), "{stored}");
    assert_eq!(stored["metadata"]["labels"].get(labels::MANAGED_BY), None, "{stored}");
    assert_eq!(stored["metadata"]["ownerReferences"], json!([]));
}

fn shares(stored: &Value) -> Option<u8> {
    let kind = kind_of(stored)?;
    let traffic = kind.traffic(stored, &[], &Names::new("shop"), &Exposure::default(), None);
    traffic.map(|traffic| traffic.canary())
}

#[test]
fn kubectl_apply_of_a_route_of_that_name_makes_it_the_authors_and_keeps_the_live_weights() {
    let old = generated_route(false);
    let mut new = old.clone();
    // A JSON merge patch: what the manifest does not name stays for the moment.
    json_patch::merge(&mut new["spec"], &authors(None));
    let manifest = json!({"metadata": {"name": "shop"}, "spec": authors(None)});
    new["metadata"]["annotations"] = json!({labels::LAST_APPLIED: manifest.to_string()});
    let stored = routed(&old, &new, "kubectl-client-side-apply");
    is_the_authors(&stored);
    assert_eq!(stored["spec"]["hostnames"], json!(["www.shop.example.org"]));
    assert_eq!(stored["spec"].get("parentRefs"), None, "our gateway was never his");
    assert_eq!(shares(&stored), Some(30));
}

#[test]
fn so_does_a_server_side_apply_and_helm_keeps_its_own_marks() {
    for (helm, manager) in [(false, "kubectl"), (false, "helm"), (true, "kubectl"), (true, "helm")] {
        let old = generated_route(helm);
        let mut new = old.clone();
        let spec = authors(Some(json!([{"name": "edge"}])));
        json_patch::merge(&mut new["spec"], &spec);
        new["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:hostnames": {}, "f:parentRefs": {}, "f:rules": {}}}}]);
        let stored = routed(&old, &new, manager);
        assert!(!is_generated(&stored));
        assert_eq!(stored["spec"]["parentRefs"], json!([{"name": "edge"}]));
        let annotations = &stored["metadata"]["annotations"];
        let kept = helm && manager == "helm";
        assert_eq!(
            annotations.get("meta.helm.sh/release-name").is_some(),
            kept,
            "{manager}: {annotations}"
        );
        assert_eq!(
            stored["metadata"]["labels"].get(labels::MANAGED_BY).is_some(),
            kept,
            "{manager}"
        );
        if !kept {
            is_the_authors(&stored);
        }
    }
}

#[test]
fn an_edit_keeps_what_its_writer_saw_and_an_annotation_takes_nothing_over() {
    let old = generated_route(false);
    let mut new = old.clone();
    new["spec"]["hostnames"] = json!(["shop.web.example.com", "more.example.org"]);
    let stored = routed(&old, &new, "kubectl-edit");
    is_the_authors(&stored);
    assert_eq!(stored["spec"]["parentRefs"], old["spec"]["parentRefs"]);
    let mut noted = old.clone();
    noted["metadata"]["annotations"] = json!({"external-dns.alpha.kubernetes.io/ttl": "60"});
    assert_eq!(routed(&old, &noted, "external-dns"), noted, "still ours");
}

#[test]
fn the_note_of_what_its_canary_gave_it_goes_with_our_marks() {
    let mut old = generated_route(false);
    let note = r#"{"annotations":["team"],"labels":[]}"#;
    old["metadata"]["annotations"] = json!({labels::METADATA: note, "team": "a"});
    let mut new = old.clone();
    new["spec"]["hostnames"] = json!(["www.shop.example.org"]);
    let stored = routed(&old, &new, "kubectl-edit");
    is_the_authors(&stored);
    assert_eq!(stored["metadata"]["annotations"], json!({"team": "a"}));
}

fn made_by(object: &Value, ours: bool) -> Value {
    let mut sent = object.clone();
    sent["metadata"]["managedFields"] =
        json!([{"manager": "coalmine", "operation": "Apply", "fieldsV1": {"f:spec": {"f:rules": {}}}}]);
    let request = request(Operation::Create, &Value::Null, &sent, "coalmine");
    applied(&sent, &made(&request, ours)).unwrap()
}

// All that is owned of it: without any owner, the API server makes one up for everything.
fn mark() -> Value {
    json!({"f:metadata": {"f:labels": {"f:coalmine.dev/generated": {}}}})
}

#[test]
fn nobody_owns_what_we_make_for_users_and_only_we_own_the_halves() {
    let owned = |object: &Value, ours| made_by(object, ours)["metadata"]["managedFields"][0]["fieldsV1"].clone();
    let (mark, rules) = (mark(), json!({"f:spec": {"f:rules": {}}}));
    assert_eq!(owned(&generated_route(false), true), mark);
    assert_eq!(owned(&generated_service(ServiceRole::Apex, false), true), mark);
    for role in [ServiceRole::Primary, ServiceRole::Canary] {
        assert_eq!(owned(&generated_service(role, false), true), rules, "{role:?}");
    }
    assert_eq!(
        owned(&generated_route(false), false),
        rules,
        "somebody else's create is his own"
    );
    assert_eq!(
        owned(&json!({"metadata": {}, "spec": {}}), true),
        rules,
        "nor is it generated"
    );
}

#[test]
fn what_we_write_to_it_later_is_owned_by_nobody_either() {
    let stored = generated_service(ServiceRole::Apex, false);
    let mut sent = stored.clone();
    sent["metadata"]["managedFields"] = json!([
        {"manager": "gateway", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "coalmine", "operation": "Apply", "fieldsV1": mark()},
        {"manager": "coalmine", "operation": "Update", "fieldsV1": {"f:spec": {"f:ports": {}, "f:selector": {}}}},
    ]);
    let apex = services::Apex {
        ours: true,
        stage: CoarseStage::Rest,
        declared: None,
        pods: None,
    };
    let mutation = services::mutate(&request(Operation::Update, &stored, &sent, "coalmine"), apex);
    assert_eq!(applied(&sent, &mutation.patch).unwrap(), {
        let mut expected = stored;
        expected["metadata"]["managedFields"] =
            json!([{"manager": "coalmine", "operation": "Apply", "fieldsV1": mark()}]);
        expected
    });
}

#[test]
fn a_chart_finds_its_release_on_what_we_made_for_what_it_brought() {
    for object in [generated_route(true), generated_service(ServiceRole::Apex, true)] {
        assert_eq!(object["metadata"]["labels"][labels::MANAGED_BY], "Helm");
        assert_eq!(object["metadata"]["annotations"]["meta.helm.sh/release-name"], "shop");
        assert_eq!(
            object["metadata"]["annotations"]["meta.helm.sh/release-namespace"],
            "web"
        );
        assert!(gives_way(&object));
    }
    let without = generated_route(false);
    assert_eq!(without["metadata"]["labels"][labels::MANAGED_BY], "flagger");
    assert!(without["metadata"]["annotations"].as_object().unwrap().is_empty());
}
