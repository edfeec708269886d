use crate::{
    api::{Canary, canary::CanaryService, labels, policy::CanaryPolicy},
    plan::{
        enrolment::{
            NotEnrolled,
            generate::{Elsewhere, Known, NamespaceView, canary},
        },
        services::pointing::ORIGINAL_SELECTOR,
    },
};
use serde_json::{Value, json};

fn workload(name: &str, pods: Value) -> Value {
    json!({
        "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": pods}, "spec": {"containers": [{"name": "web", "ports": [{"containerPort": 9898}]}]}}},
    })
}

fn target() -> Value {
    workload("web", json!({"app": "web", "tier": "front"}))
}

fn policy() -> CanaryPolicy {
    serde_json::from_value(json!({
        "metadata": {"name": "default"},
        "spec": {"hostnameTemplate": "{{ name }}.test", "gatewayRefs": [{"name": "gateway"}]},
    }))
    .unwrap()
}

fn service(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

fn headless(name: &str) -> Value {
    let mut service = service(name);
    service["spec"]["clusterIP"] = json!("None");
    service
}

fn route(to: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": to, "namespace": "shop"},
        "spec": {"hostnames": ["own.test"], "parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": to, "port": 80}]}]},
    })
}

/// The name of the Service users call, its hosts and the provider.
fn said(made: &Canary) -> (Option<String>, Vec<String>, &str) {
    let service = made.spec.service.as_ref();
    let hosts = service.and_then(|service| service.hosts.clone());
    let name = service.map(|_| made.service_name().to_owned());
    (name, hosts.unwrap_or_default(), made.spec.provider.as_deref().unwrap())
}

#[test]
fn the_apex_is_the_routed_one_else_the_only_one_else_the_namesake() {
    let none: &[Value] = &[];
    for (what, services, routes, apex) in [
        ("the only one", vec![service("front")], none, Some("front")),
        (
            "headless beside it",
            vec![headless("web"), service("front")],
            none,
            Some("front"),
        ),
        ("only headless", vec![headless("peers")], none, Some("peers")),
        (
            "the namesake",
            vec![service("front"), service("web")],
            none,
            Some("web"),
        ),
        (
            "the routed one",
            vec![service("front"), service("web")],
            &[route("front")],
            Some("front"),
        ),
        (
            "a routed headless one",
            vec![headless("peers"), service("web")],
            &[route("peers")],
            Some("peers"),
        ),
        (
            "both routed",
            vec![service("front"), service("web")],
            &[route("front"), route("web")],
            Some("web"),
        ),
        (
            "both routed, no namesake",
            vec![service("b"), service("a")],
            &[route("b"), route("a")],
            Some("a"),
        ),
        ("nothing tells", vec![service("a"), service("b")], none, None),
    ] {
        let around = NamespaceView {
            services: &services,
            routes,
            ..NamespaceView::default()
        };
        let made = canary(&target(), &policy(), around, Known::default()).unwrap();
        assert_eq!(said(&made).0.as_deref(), apex, "{what}");
    }
}

#[test]
fn where_nothing_tells_nobody_is_split_and_nothing_is_published() {
    let services = [service("a"), service("b")];
    let around = NamespaceView {
        services: &services,
        ..NamespaceView::default()
    };
    let made = canary(&target(), &policy(), around, Known::default()).unwrap();
    assert_eq!(said(&made), (None, vec![], "kubernetes"));
}

#[test]
fn the_apex_of_a_pair_stays_and_what_comes_later_follows() {
    let known = |name: Option<&str>| CanaryService {
        name: name.map(str::to_owned),
        port: crate::api::number::Number(9898.0),
        ..CanaryService::default()
    };
    let routes = [route("front")];
    for (what, service_of, services, built, apex) in [
        (
            "one that we made",
            known(None),
            vec![service("front")],
            true,
            Some("web"),
        ),
        (
            "one that we made, not built yet",
            known(None),
            vec![service("front")],
            false,
            Some("front"),
        ),
        (
            "the user's",
            known(Some("old")),
            vec![service("front"), service("old")],
            true,
            Some("old"),
        ),
        (
            "the user's, pointed elsewhere",
            known(Some("old")),
            vec![service("front"), {
                let mut elsewhere = service("old");
                elsewhere["spec"]["selector"] = json!({"app": "green"});
                elsewhere
            }],
            true,
            Some("old"),
        ),
        (
            "the user's, deleted",
            known(Some("old")),
            vec![service("front")],
            true,
            Some("front"),
        ),
    ] {
        let around = NamespaceView {
            services: &services,
            routes: &routes,
            ..NamespaceView::default()
        };
        let known = Known {
            service: Some(&service_of),
            built,
        };
        let made = canary(&target(), &policy(), around, known).unwrap();
        assert_eq!(said(&made).0.as_deref(), apex, "{what}");
        // Somebody leads to it by one of its Services, so no other address is made up.
        assert_eq!(said(&made).2, "gatewayapi:v1", "{what}");
        assert!(said(&made).1.iter().all(|host| host == "own.test"), "{what}");
    }
}

#[test]
fn a_service_of_two_workloads_enrols_neither() {
    let other = workload("worker", json!({"app": "web", "tier": "back"}));
    let mut set = other.clone();
    set["kind"] = json!("StatefulSet");
    let services = [service("front")];
    for workloads in [[target(), other], [target(), set]] {
        for one in &workloads {
            let around = NamespaceView {
                services: &services,
                workloads: &workloads,
                ..NamespaceView::default()
            };
            let why = canary(one, &policy(), around, Known::default()).unwrap_err();
            assert!(matches!(why, NotEnrolled::SharedService(_)), "{why}");
        }
    }
}

#[test]
fn one_that_comes_later_takes_nothing_from_a_pair_and_a_shared_one_is_no_apex() {
    let other = workload("worker", json!({"app": "web", "tier": "back"}));
    let workloads = [target(), other];
    let mut held = service("front");
    held["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: r#"{"app":"web"}"#});
    held["spec"]["selector"] = json!({"app": "web-primary", "tier": "front"});
    let known = CanaryService {
        name: Some("front".into()),
        ..CanaryService::default()
    };
    let services = [held, service("late")];
    let around = NamespaceView {
        services: &services,
        workloads: &workloads,
        ..NamespaceView::default()
    };
    let built = Known {
        service: Some(&known),
        built: true,
    };
    let made = canary(&target(), &policy(), around, built).unwrap();
    assert_eq!(made.service_name(), "front");
    let late = canary(&workloads[1], &policy(), around, Known::default())
        .unwrap_err()
        .to_string();
    assert!(
        late.starts_with("Service front selects the pods of Deployment web as well"),
        "{late}"
    );
}

#[test]
fn an_app_whose_route_lives_elsewhere_gets_no_second_host() {
    let services = [service("web"), service("front")];
    let elsewhere = |service: &str, followed: bool| {
        [Elsewhere {
            kind: "HTTPRoute",
            route: "edge/shop".into(),
            service: service.into(),
            followed,
        }]
    };
    let published = CanaryService {
        gateway_refs: Some(vec![crate::api::canary::GatewayRef {
            name: "gateway".into(),
            ..Default::default()
        }]),
        ..CanaryService::default()
    };
    for (what, (to, followed), known, hosts) in [
        ("nobody leads to it", ("other", true), None, vec!["web.test"]),
        ("its apex", ("web", true), None, vec![]),
        ("another Service of it", ("front", true), None, vec![]),
        (
            "a claim that no gateway follows",
            ("web", false),
            None,
            vec!["web.test"],
        ),
        (
            "it was published before",
            ("web", true),
            Some(&published),
            vec!["web.test"],
        ),
    ] {
        let elsewhere = elsewhere(to, followed);
        let around = NamespaceView {
            services: &services,
            elsewhere: &elsewhere,
            ..NamespaceView::default()
        };
        let known = Known {
            service: known,
            built: known.is_some(),
        };
        let made = canary(&target(), &policy(), around, known).unwrap();
        let provider = if hosts.is_empty() {
            "kubernetes"
        } else {
            "gatewayapi:v1"
        };
        let hosts: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
        assert_eq!(said(&made), (Some("web".into()), hosts, provider), "{what}");
    }
}

#[test]
fn one_that_is_to_be_left_alone_is_no_apex() {
    let mut left_out = service("probe");
    left_out["metadata"]["annotations"] = json!({labels::ENABLED: "false"});
    let services = [left_out, service("front")];
    let around = NamespaceView {
        services: &services,
        ..NamespaceView::default()
    };
    let made = canary(&target(), &policy(), around, Known::default()).unwrap();
    assert_eq!(made.service_name(), "front");
}

#[test]
fn in_a_mesh_every_app_that_is_called_has_a_route_and_nothing_is_published_by_it() {
    let mut policy = policy();
    policy.spec.provider = Some(String::from("istio"));
    let made = |routes: &[Value], ports: bool| {
        let mut target = target();
        if !ports {
            target["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([]);
        }
        let around = NamespaceView {
            routes,
            ..NamespaceView::default()
        };
        canary(&target, &policy, around, Known::default()).unwrap()
    };
    assert_eq!(said(&made(&[], true)), (Some("web".into()), vec![], "istio"));
    assert_eq!(said(&made(&[], false)), (None, vec![], "kubernetes"));
    // Connections are split for whoever asks for it himself.
    let mut connected = service("web");
    connected["spec"]["ports"][0]["appProtocol"] = json!("tcp");
    let services = [connected];
    let around = NamespaceView {
        services: &services,
        ..NamespaceView::default()
    };
    let connected = canary(&target(), &policy, around, Known::default()).unwrap();
    assert_eq!(said(&connected), (Some("web".into()), vec![], "kubernetes"));
    // Another provider's route to it is none of this one's.
    assert_eq!(
        said(&made(&[route("web")], true)),
        (Some("web".into()), vec![], "istio")
    );
    let own = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"hosts": ["a.test"], "gateways": ["edge/public"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
    });
    let adopted = made(&[own], true);
    assert_eq!(said(&adopted), (Some("web".into()), vec!["a.test".into()], "istio"));
    assert_eq!(adopted.spec.service.unwrap().gateways.unwrap(), ["edge/public"]);
}
