mod golden;

use super::*;
use crate::routing::{ProviderDefaults, WrittenKind};
use proptest::prelude::*;
use serde_json::json;

fn names() -> Names {
    Names::new("web")
}

fn ingress(annotations: Value) -> Value {
    let path = |service: &str, path: &str| {
        json!({
            "path": path, "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"name": "http"}}},
        })
    };
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "front", "namespace": "shop", "annotations": annotations},
        "spec": {
            "ingressClassName": "nginx", "tls": [{"hosts": ["a.test"], "secretName": "cert"}],
            "rules": [
                {"host": "a.test", "http": {"paths": [path("web", "/"), path("other", "/other")]}},
                {"host": "b.test", "http": {"paths": [path("web", "/shop")]}},
                {"host": "c.test"},
            ],
        },
    })
}

fn plain() -> Value {
    ingress(json!({}))
}

// As it is stored, by us.
fn made(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"] = json!({"coalmine.dev/generated": "true"});
    object
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    Nginx.carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn read(objects: &[Value], exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    let beside: Vec<Value> = objects.iter().skip(1).map(made).collect();
    let beside: Vec<&Value> = beside.iter().collect();
    Nginx.traffic(&objects[0], &beside, &names(), exposure, expected)
}

fn test_of(matches: Value) -> Exposure {
    Exposure {
        matches: serde_json::from_value(matches).unwrap(),
        ..Exposure::default()
    }
}

#[test]
fn an_ingress_nginx_of_another_prefix_is_told_by_that_alone() {
    let mine = ingress(json!({
        "edge.example.com/rewrite-target": "/", "edge.example.com/canary-weight": "7",
        "nginx.ingress.kubernetes.io/rewrite-target": "/old",
    }));
    let told = |prefix: &str| Exposure {
        defaults: ProviderDefaults {
            ingress_annotations_prefix: prefix.to_owned(),
            ..ProviderDefaults::default()
        },
        ..Exposure::default()
    };
    let exposure = told("edge.example.com");
    let objects = carried(&mine, Traffic::share(30), &exposure);
    let slashed = told("edge.example.com/");
    assert_eq!(carried(&mine, Traffic::share(30), &slashed), objects);
    assert_eq!(
        objects[1]["metadata"]["annotations"],
        json!({
            "external-dns.kubernetes.io/controller": "coalmine",
            "external-dns.alpha.kubernetes.io/controller": "coalmine",
            "edge.example.com/rewrite-target": "/",
            "edge.example.com/canary": "true", "edge.example.com/canary-weight": "30",
        })
    );
    let second = made(&objects[1]);
    assert!(Nginx.is_companion(&second) && Nginx.names_a_half(&second, &names()));
    assert!(!Nginx.is_companion(&mine) && Nginx.refers_to(&mine, &names()));
    assert!(Nginx.prefixes(&second).contains(&"edge.example.com/".to_owned()));
    assert_eq!(read(&objects, &exposure, None), Some(Traffic::share(30)));
    // One that was made by another prefix tells this one nothing, and is put right.
    let before = carried(&mine, Traffic::share(30), &Exposure::default());
    assert_eq!(read(&before, &exposure, Some(Traffic::share(30))), None);
    // A word of somebody else's is no canary.
    let theirs = ingress(json!({"team.example.com/canary": "true"}));
    assert!(Nginx.refers_to(&theirs, &names()));
}

#[test]
fn everything_on_primary_needs_no_second_one() {
    assert_eq!(carried(&plain(), Traffic::PRIMARY, &Exposure::default()), [plain()]);
    assert_eq!(read(&[plain()], &Exposure::default(), None), Some(Traffic::PRIMARY));
}

#[test]
fn what_flagger_leaves_behind_gives_the_canary_nothing() {
    let mut objects = carried(&plain(), Traffic::share(1), &Exposure::default());
    objects[1]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] = json!("0");
    assert_eq!(read(&objects, &Exposure::default(), None), Some(Traffic::PRIMARY));
}

#[test]
fn a_second_one_that_somebody_edited_says_nothing() {
    let mut objects = carried(&plain(), Traffic::share(30), &Exposure::default());
    objects[1]["spec"]["rules"].as_array_mut().unwrap().pop();
    assert_eq!(read(&objects, &Exposure::default(), Some(Traffic::share(30))), None);
}

#[test]
fn one_that_leads_there_by_default_only_cannot_be_split() {
    let mut mine = plain();
    mine["spec"] = json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
    assert!(Nginx.refers_to(&mine, &names()));
    let told = Nginx.problem(&mine, &names(), &Exposure::default()).unwrap();
    assert!(
        told.contains("default backend") && told.contains("add a rule"),
        "{told}"
    );
    assert_eq!(Nginx.problem(&plain(), &names(), &Exposure::default()), None);
}

#[test]
fn what_the_annotations_cannot_say_is_refused() {
    let refused = |matches: Value| {
        let analysis: Analysis = serde_json::from_value(json!({"matches": [], "match": matches})).unwrap();
        refused::refuses(&analysis).map(|(field, _)| field)
    };
    let header = |name: &str| json!({"headers": {name: {"exact": "yes"}}});
    assert_eq!(refused(json!([header("x")])), None);
    assert_eq!(refused(json!([header("x"), header("cookie")])), None);
    let both = json!([{"headers": {"x": {"exact": "1"}, "cookie": {"exact": "c"}}}]);
    assert_eq!(refused(both), Some("match[0].headers".to_owned()));
    assert_eq!(
        refused(json!([header("cookie"), header("cookie")])),
        Some("match".to_owned())
    );
    assert_eq!(refused(json!([header("x"), header("y")])), Some("match".to_owned()));
    assert_eq!(refused(json!([header("x"), header("x")])), Some("match".to_owned()));
    let by_query = json!([header("x"), {"queryParams": {"q": {"exact": "1"}}}]);
    assert_eq!(refused(by_query), Some("match[1].queryParams".to_owned()));
}

#[test]
fn apps_behind_one_ingress_have_a_second_one_each() {
    let mut mine = plain();
    mine["spec"]["rules"][0]["http"]["paths"][1]["backend"]["service"]["name"] = json!("api");
    let (web, api) = (names(), Names::new("api"));
    let first = Nginx.carrying(&[mine], &web, Traffic::share(20), &Exposure::default());
    let both = Nginx.carrying(&first, &api, Traffic::share(20), &Exposure::default());
    let called: Vec<&Value> = both.iter().map(|one| &one["metadata"]["name"]).collect();
    assert_eq!(called, ["front", "front-web-canary", "front-api-canary"]);
    let both: Vec<Value> = both.iter().map(made).collect();
    for names in [web, api] {
        let beside: Vec<&Value> = both.iter().collect();
        let found = Nginx.traffic(&both[0], &beside, &names, &Exposure::default(), None);
        assert_eq!(found, Some(Traffic::share(20)));
    }
}

#[test]
fn a_canary_ingress_of_somebody_elses_is_not_ours_to_read_or_move() {
    let mut theirs = plain();
    theirs["metadata"]["annotations"] = json!({"nginx.ingress.kubernetes.io/canary": "True"});
    for service in ["web", "web-canary"] {
        theirs["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!(service);
        assert!(!Nginx.is_companion(&theirs) && !Nginx.names_a_half(&theirs, &names()));
        assert!(!Nginx.refers_to(&theirs, &names()));
        assert_eq!(carried(&theirs, Traffic::share(20), &Exposure::default()).len(), 1);
    }
}

#[test]
fn what_it_cannot_do_is_nothing_that_is_waited_for() {
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        ..Traffic::PRIMARY
    };
    assert_eq!(read(&[plain()], &Exposure::default(), Some(expected)), Some(expected));
}

// What people annotate an Ingress with, for ingress-nginx and for others.
fn some_ingress() -> impl Strategy<Value = Value> {
    crate::routing::ingress::tests::some_ingress(vec![
        ("nginx.ingress.kubernetes.io/rewrite-target", json!("/$1")),
        ("nginx.ingress.kubernetes.io/canary-weight-total", json!("1000")),
        ("kubernetes.io/ingress.class", json!("nginx")),
        ("cert-manager.io/cluster-issuer", json!("letsencrypt")),
        ("zalando.org/skipper-filter", json!("compress()")),
    ])
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        mine in some_ingress(), share in 0u8..=100, matched in any::<bool>(), expected in 0u8..=100,
    ) {
        let exposure = test_of(json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
        let wanted = Traffic { matched, ..Traffic::share(share) };
        let objects = carried(&mine, wanted, &exposure);
        prop_assert_eq!(&objects[0], &mine, "it is never written");
        let leads = crate::routing::ingress::tests::has_path(&mine);
        prop_assert_eq!(objects.len(), if leads && (share > 0 || matched) { 2 } else { 1 });
        prop_assert!(objects.iter().skip(1).all(|one| Nginx.services(one).iter().all(|name| name == "web-canary")));
        if leads {
            prop_assert_eq!(read(&objects, &exposure, Some(wanted)), Some(wanted));
            prop_assert_eq!(read(&objects, &exposure, Some(Traffic::share(expected))), Some(wanted));
        }
        prop_assert_eq!(Nginx.folded(&objects[0], &names()), mine);
    }
}
