//! What stands beside a router.

use super::*;
use crate::routing::written_of;

fn all(mesh: &AppMesh) -> Vec<Value> {
    let exposure = Exposure {
        member: member(),
        ..Exposure::default()
    };
    let route = published(
        mesh,
        &json!({"port": 80, "targetPort": 8080, "timeout": "30s"}),
        json!({}),
    );
    carried(mesh, &route, Traffic::share(10), &exposure)
}

fn called(objects: &[Value]) -> Vec<(String, String)> {
    let of = |object: &Value, at: &str| object[at].as_str().unwrap().to_owned();
    objects
        .iter()
        .map(|object| (of(object, "kind"), of(&object["metadata"], "name")))
        .collect()
}

#[test]
fn ours_has_all_that_flagger_makes_and_a_place_to_lead_to_when_the_app_leaves() {
    let of = |wanted: &[(&str, &str)]| -> Vec<(String, String)> {
        wanted
            .iter()
            .map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned()))
            .collect()
    };
    let older = [
        ("VirtualService", "web.shop"),
        ("VirtualNode", "web-primary"),
        ("VirtualNode", "web-canary"),
        ("VirtualNode", "web"),
        ("VirtualService", "web-canary.shop"),
    ];
    assert_eq!(called(&all(&V1BETA1)), of(&older));
    let newer = [
        ("VirtualRouter", "web"),
        ("VirtualNode", "web-primary"),
        ("VirtualNode", "web-canary"),
        ("VirtualNode", "web"),
        ("VirtualRouter", "web-canary"),
        ("VirtualService", "web"),
        ("VirtualService", "web-canary"),
    ];
    assert_eq!(called(&all(&V1BETA2)), of(&newer));
    for mesh in BOTH {
        // All of these are looked for before they are made.
        let objects = all(mesh);
        let known = mesh.routes.companions(&objects[0], &names()).into_iter();
        let known: Vec<(&str, &str, String)> = known.map(|(of, name)| (of.kind, of.version, name)).collect();
        for (kind, name) in called(&objects).into_iter().skip(1) {
            let version = mesh.routes.version.name();
            assert!(
                known.iter().any(|one| *one == (kind.as_str(), version, name.clone())),
                "{kind} {name}"
            );
        }
    }
}

#[test]
fn beside_a_users_own_the_halves_are_members_that_select_no_pods() {
    for mesh in BOTH {
        let exposure = Exposure {
            member: member(),
            ..Exposure::default()
        };
        let objects = carried(mesh, &to(mesh, &[("web", 100)]), Traffic::PRIMARY, &exposure);
        let wanted = [("VirtualNode", "web-primary"), ("VirtualNode", "web-canary")];
        let wanted = wanted.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
        assert_eq!(called(&objects)[1..], wanted);
        for node in &objects[1..] {
            assert_eq!(node["spec"]["podSelector"], Value::Null);
            let mapping = json!({"port": 8080, "protocol": "http"});
            assert_eq!(node["spec"]["listeners"], json!([{"portMapping": mapping}]));
        }
    }
}

#[test]
fn what_goes_with_the_halves_is_told_from_what_goes_with_the_canary() {
    for mesh in BOTH {
        let objects = all(mesh);
        for object in &objects[1..] {
            let name = object["metadata"]["name"].as_str().unwrap();
            let kind = written_of(object).unwrap();
            assert_eq!(kind.resource().version, mesh.routes.version.name(), "{name}");
            // Before we made it, one of that name is somebody's own.
            assert!(!kind.is_companion(object), "{name}");
            let object = made(object);
            let of_half = name.starts_with("web-primary") || name.starts_with("web-canary");
            assert_eq!(kind.is_companion(&object), of_half, "{name}");
            assert_eq!(kind.names_a_half(&object, &names()), of_half, "{name}");
            assert!(
                kind.refers_to(&object, &names()) && !kind.refers_to(&object, &Names::new("other")),
                "{name}"
            );
            assert!(
                kind.services(&object)
                    .contains(&name.split('.').next().unwrap().to_owned()),
                "{name}"
            );
        }
        assert!(!mesh.routes.is_companion(&made(&objects[0])));
        let left = folded(mesh, &objects[0]);
        assert!(!mesh.routes.is_companion(&made(&left)) && !mesh.routes.names_a_half(&left, &names()));
        assert_eq!(sends(mesh, &left, 0), [("web".to_owned(), 100)]);
    }
    // An app may be called like a canary.
    let mut own = published(&V1BETA2, &json!({"port": 80}), json!({}));
    own["metadata"]["name"] = json!("web-canary");
    let other = Names::new("web-canary");
    own["spec"]["routes"] = json!([entry(&V1BETA2, "all", &[("web-canary", 100)])]);
    assert!(!V1BETA2.routes.is_companion(&own));
    let split = V1BETA2
        .routes
        .carrying(&[own], &other, Traffic::share(5), &Exposure::default());
    assert!(!V1BETA2.routes.is_companion(&split[0]));
}

#[test]
fn the_router_of_the_canary_alone_has_the_same_routes_and_no_test() {
    for mesh in BOTH {
        let service = json!({"port": 80, "match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]});
        let route = published(
            mesh,
            &service,
            json!({"match": [{"headers": {"x-canary": {"exact": "yes"}}}]}),
        );
        let objects = carried(mesh, &route, MATCHED, &several());
        assert_eq!(objects[0]["spec"]["routes"].as_array().unwrap().len(), 6);
        let canary = &objects[4];
        let routes = canary["spec"]["routes"].as_array().unwrap();
        let told: Vec<&Value> = routes.iter().map(|one| &one["name"]).collect();
        assert_eq!(told, [&json!("web-canary"), &json!("web-2")]);
        assert!(routes.iter().all(|one| one.get("priority").is_none()));
        assert_eq!([0, 1].map(|at| sends(mesh, canary, at)), [pair(100), pair(100)]);
        assert!(mesh.routes.is_companion(&made(canary)));
        // It carries nobody's share.
        assert_eq!(
            carried(mesh, &made(canary), Traffic::CANARY, &Exposure::default()).len(),
            1
        );
    }
}
