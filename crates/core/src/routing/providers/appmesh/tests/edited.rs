//! Routers of somebody's own, and what Flagger left behind.

use super::*;

#[test]
fn an_entry_that_leads_to_the_app_alone_becomes_the_halves() {
    for mesh in BOTH {
        let mut mine = around(
            mesh,
            json!([
                entry(mesh, "legacy", &[("legacy", 100)]),
                entry(mesh, "all", &[("web", 100)]),
                {"name": "tcp", "tcp": {"action": {"weightedTargets": []}}, "tcpRoute": {}},
            ]),
        );
        mine["spec"]["routes"][1]["x-of-tomorrow"] = json!({"a": 1});
        let ten = shown(mesh, &mine, Traffic::share(10), &Exposure::default());
        assert_eq!(sends(mesh, &ten, 1), pair(10));
        let mut same = ten.clone();
        same["spec"]["routes"][1] = mine["spec"]["routes"][1].clone();
        assert_eq!(same, mine, "nothing else differs");
        assert!(mesh.routes.is_split(&ten, &names()) && mesh.routes.names_a_half(&ten, &names()));
        assert_eq!(read(mesh, &ten, &Exposure::default(), None), Some(Traffic::share(10)));
        assert_eq!(told(mesh, &ten, &Exposure::default()), None);
        assert_eq!(folded(mesh, &ten), mine);
    }
}

#[test]
fn a_weight_of_the_only_target_says_nothing() {
    for mesh in BOTH {
        let one = to(mesh, &[("web", 1)]);
        assert_eq!(read(mesh, &one, &Exposure::default(), None), Some(Traffic::PRIMARY));
        assert_eq!(
            folded(mesh, &one),
            one,
            "until it is split it is as its author wrote it"
        );
        let shared = shown(mesh, &one, Traffic::share(30), &Exposure::default());
        assert_eq!(sends(mesh, &shared, 0), pair(30));
        assert_eq!(folded(mesh, &shared), to(mesh, &[("web", 100)]));
    }
}

#[test]
fn every_protocol_of_requests_is_split_that_the_controller_can_route() {
    let of = |mesh: &AppMesh, member: &str| {
        let target = mesh.routes.version.target("web", 100);
        around(
            mesh,
            json!([{"name": "all", member: {"match": {}, "action": {"weightedTargets": [target]}}}]),
        )
    };
    for (mesh, member, split) in [
        (&V1BETA1, "http", true),
        (&V1BETA1, "http2", false),
        (&V1BETA1, "grpc", false),
        (&V1BETA1, "tcp", false),
        (&V1BETA2, "httpRoute", true),
        (&V1BETA2, "http2Route", true),
        (&V1BETA2, "grpcRoute", true),
        (&V1BETA2, "tcpRoute", false),
    ] {
        let mine = of(mesh, member);
        assert!(mesh.routes.refers_to(&mine, &names()), "{member}");
        let half = shown(mesh, &mine, Traffic::share(50), &Exposure::default());
        assert_eq!(mesh.routes.is_split(&half, &names()), split, "{member}");
        assert_eq!(folded(mesh, &half), mine, "{member}");
    }
}

#[test]
fn a_virtual_node_of_another_namespace_is_somebody_elses() {
    for (mesh, elsewhere, here) in [
        (
            &V1BETA1,
            json!({"virtualNodeName": "web.other", "weight": 100}),
            json!({"virtualNodeName": "web.shop", "weight": 100}),
        ),
        (
            &V1BETA2,
            json!({"virtualNodeRef": {"name": "web", "namespace": "other"}, "weight": 100}),
            json!({"virtualNodeRef": {"name": "web", "namespace": "shop"}, "weight": 100, "port": 8080}),
        ),
    ] {
        let member = mesh.routes.version.member("http");
        let of = |target: &Value| {
            let request = json!({"match": {"prefix": "/"}, "action": {"weightedTargets": [target]}});
            around(mesh, json!([{"name": "all", member: request}]))
        };
        let (theirs, mine) = (of(&elsewhere), of(&here));
        assert!(!mesh.routes.refers_to(&theirs, &names()));
        assert_eq!(
            mesh.routes.outward(&theirs, Some("shop")),
            [("other".to_owned(), "web".to_owned())]
        );
        assert_eq!(mesh.routes.outward(&mine, Some("shop")), []);
        let half = shown(mesh, &mine, Traffic::share(50), &Exposure::default());
        assert_eq!(sends(mesh, &half, 0), pair(50));
        assert_eq!(folded(mesh, &half), mine, "the namespace and what else is said stay");
    }
}

#[test]
fn what_flagger_left_is_read_and_taken_over_without_a_write() {
    for mesh in BOTH {
        for share in [0, 5, 100] {
            let flaggers = to(mesh, &[("web-canary", share), ("web-primary", 100 - share)]);
            let plain = Exposure::default();
            assert_eq!(read(mesh, &flaggers, &plain, None), Some(Traffic::share(share)));
            assert_eq!(shown(mesh, &flaggers, Traffic::share(share), &plain), flaggers);
        }
        // Of a test at rest the second entry names primary alone; both are brought into one form.
        let test = |canary: u8| {
            let mut named = entry(mesh, "web-a", &[("web-canary", canary), ("web-primary", 100 - canary)]);
            named["priority"] = json!(10);
            let mut rest = entry(mesh, "web-b", &[("web-primary", 100)]);
            rest["priority"] = json!(20);
            around(mesh, json!([named, rest]))
        };
        assert_eq!(
            read(mesh, &test(0), &Exposure::default(), None),
            None,
            "it is not as we write it"
        );
        let ours = shown(mesh, &test(0), Traffic::PRIMARY, &Exposure::default());
        assert_eq!((sends(mesh, &ours, 0), sends(mesh, &ours, 1)), (pair(0), pair(0)));
        assert_eq!(read(mesh, &test(100), &several(), Some(MATCHED)), None);
    }
}

#[test]
fn those_whom_a_test_names_go_before_the_entry_that_they_would_go_by() {
    for mesh in BOTH {
        let mut mine = to(mesh, &[("web", 100)]);
        let member = mesh.routes.version.member("http");
        mine["spec"]["routes"][0]["priority"] = json!(7);
        mine["spec"]["routes"][0][member]["match"]["headers"] = json!([{"name": "x-team"}]);
        let shown_to = shown(mesh, &mine, MATCHED, &several());
        let routes = shown_to["spec"]["routes"].as_array().unwrap();
        let told: Vec<(&Value, &Value)> = routes.iter().map(|one| (&one["name"], &one["priority"])).collect();
        let wanted = [json!("all-test-1"), json!("all-test-2"), json!("all")];
        let wanted: Vec<(&Value, Value)> = wanted.iter().zip([json!(6), json!(6), json!(7)]).collect();
        assert!(
            told.iter()
                .map(|(name, priority)| (*name, (*priority).clone()))
                .eq(wanted)
        );
        assert_eq!(
            routes[0][member]["match"],
            json!({"prefix": "/", "headers": [
                {"name": "x-team"},
                {"name": "x-canary", "match": {"exact": "yes"}},
                {"name": "cookie", "match": {"regex": "^(.*;)?beta=1(;.*)?$"}},
            ]})
        );
        assert_eq!(
            [0, 1, 2].map(|at| sends(mesh, &shown_to, at)),
            [pair(100), pair(100), pair(0)]
        );
        assert_eq!(read(mesh, &shown_to, &several(), None), Some(MATCHED));
        assert_eq!(folded(mesh, &shown_to), mine);
        // Whoever looks at it without the Canary sees the shares that nothing else decides about.
        assert_eq!(read(mesh, &shown_to, &Exposure::default(), None), None);
        assert_eq!(
            shown(mesh, &shown_to, Traffic::share(20), &several())["spec"]["routes"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}

#[test]
fn an_edit_of_anything_of_ours_is_seen_and_repaired() {
    for mesh in BOTH {
        let mut mine = to(mesh, &[("web", 100)]);
        mine["spec"]["routes"][0]["priority"] = json!(7);
        let member = mesh.routes.version.member("http");
        let right = shown(mesh, &mine, MATCHED, &several());
        let weights = format!("/spec/routes/2/{member}/action/weightedTargets/0/weight");
        let compared = format!("/spec/routes/0/{member}/match/headers/0/match/exact");
        for (pointer, value) in [
            (weights.as_str(), json!(50)),
            (compared.as_str(), json!("no")),
            ("/spec/routes/0/priority", json!(5)),
            ("/spec/routes/1/name", json!("mine")),
        ] {
            let mut wrong = right.clone();
            *wrong.pointer_mut(pointer).unwrap() = value;
            assert_eq!(read(mesh, &wrong, &several(), Some(MATCHED)), None, "{pointer}");
        }
        let mut gone = right.clone();
        gone["spec"]["routes"].as_array_mut().unwrap().remove(1);
        assert_eq!(read(mesh, &gone, &several(), Some(MATCHED)), None);
        assert_eq!(shown(mesh, &gone, MATCHED, &several()), right);
    }
}

#[test]
fn what_it_cannot_do_is_nothing_that_is_waited_for() {
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        ..Traffic::share(20)
    };
    for mesh in BOTH {
        let ours = shown(mesh, &to(mesh, &[("web", 100)]), expected, &Exposure::default());
        assert_eq!(read(mesh, &ours, &Exposure::default(), Some(expected)), Some(expected));
    }
}
