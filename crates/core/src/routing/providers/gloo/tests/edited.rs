//! RouteTables that others wrote, Flagger among them.

use super::*;

#[test]
fn a_service_is_named_by_itself_or_by_the_upstream_that_gloo_discovers() {
    let (route, pair) = (with_routes(json!([])), names());
    let local = &reference::Local::of(&route, &pair);
    let side = |destination: &Value| place::read(destination, local).map(|(side, _)| side);
    let (apex, primary, canary) = (
        Some(reference::Side::Apex),
        Some(reference::Side::Primary),
        Some(reference::Side::Canary),
    );
    for (destination, expected) in [
        (kube("web"), apex),
        (kube("web-canary"), canary),
        (
            json!({"kube": {"ref": {"name": "web", "namespace": "other"}, "port": 80}}),
            None,
        ),
        (discovered(), apex),
        (json!({"upstream": {"name": "shop-web-80"}}), apex),
        (upstream("shop-web-8o", "gloo-system"), None),
        (upstream("shop-web-080", "gloo-system"), None),
        (upstream("shop-web-old-80", "gloo-system"), None),
        (upstream("web", "shop"), None),
        (of_half("primary"), primary),
        (of_half("canary"), canary),
        (upstream("shop-web-canaryupstream-80-gloo-system", "shop"), canary),
        // The Service `web-canaryupstream`, perhaps.
        (upstream("shop-web-canaryupstream-80", "gloo-system"), None),
        (json!({"consul": {"serviceName": "web"}}), None),
    ] {
        assert_eq!(side(&destination), expected, "{destination}");
    }
}

#[test]
fn halves_are_named_as_their_service_is_and_it_is_named_so_again() {
    let ours = |half: &str, of: &str| upstream(&format!("shop-web-{half}upstream-80{of}"), "shop");
    for (mine, primary, canary) in [
        (kube("web"), kube("web-primary"), kube("web-canary")),
        (
            discovered(),
            ours("primary", "-gloo-system"),
            ours("canary", "-gloo-system"),
        ),
        (
            upstream("shop-web-80", "shop"),
            ours("primary", "-shop"),
            ours("canary", "-shop"),
        ),
        (
            json!({"upstream": {"name": "shop-web-80"}}),
            json!({"upstream": {"name": "shop-web-primaryupstream-80-shop"}}),
            json!({"upstream": {"name": "shop-web-canaryupstream-80-shop"}}),
        ),
    ] {
        let mine = single(mine);
        let ten = shown(&mine, Traffic::share(10), &Exposure::default());
        let halves = json!([{"destination": primary, "weight": 90}, {"destination": canary, "weight": 10}]);
        assert_eq!(action(&ten), json!({"multi": {"destinations": halves}}));
        assert_eq!(read(&ten, &Exposure::default(), None), Some(Traffic::share(10)));
        assert!(RouteTable.is_split(&ten, &names()) && !RouteTable.is_split(&mine, &names()));
        assert_eq!(folded(&ten), mine);
    }
}

#[test]
fn what_flagger_left_in_mid_run_is_read() {
    let entry = |half: &str, weight: u8| {
        let mut entry = json!({"destination": of_half(half)});
        if weight > 0 {
            entry["weight"] = json!(weight);
        }
        entry
    };
    let flaggers = |share: u8| {
        let mut route = several(json!([entry("primary", 100 - share), entry("canary", share)]));
        route["metadata"]["ownerReferences"] = json!([{"kind": "Canary", "name": "web", "uid": "u-1"}]);
        route["spec"]["routes"][0]["inheritablePathMatchers"] = json!(true);
        route
    };
    for share in [0, 30, 100] {
        let live = flaggers(share);
        assert!(RouteTable.is_split(&live, &names()));
        assert_eq!(
            read(&live, &Exposure::default(), None),
            Some(Traffic::share(share)),
            "{share}"
        );
        assert_eq!(
            shown(&live, Traffic::share(share), &Exposure::default()),
            live,
            "nothing to write"
        );
        assert_eq!(shown(&live, Traffic::share(50), &Exposure::default()), flaggers(50));
    }
    // Gloo knows the Service as well, whether there is an Upstream for it or not.
    assert_eq!(action(&folded(&flaggers(30))), json!({"single": kube("web")}));
    // Of a test Flagger's one route is for those who are named, and nobody else is answered.
    let mut test = flaggers(0);
    test["spec"]["routes"][0]["matchers"] = json!([{"headers": [{"name": "x-canary", "value": "yes"}]}]);
    assert_eq!(shown(&test, Traffic::PRIMARY, &Exposure::default()), flaggers(0));
    // What an author says of his own is his.
    let mut mine = test.clone();
    mine["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    let kept = shown(&mine, Traffic::PRIMARY, &Exposure::default());
    assert_eq!(kept["spec"], test["spec"]);
}

#[test]
fn in_a_test_those_who_are_not_named_are_answered_as_ever() {
    let route = Gloo.published("shop", &names(), &canary(json!({"port": 80}))).unwrap();
    let test = Exposure {
        affinity: None,
        ..exposure()
    };
    let all = shown(&route, MATCHED, &test)["spec"]["routes"].clone();
    let all = all.as_array().unwrap();
    let rest = &route["spec"]["routes"][0];
    assert_eq!(all.last(), Some(rest), "the last route is for everybody");
    let [named] = &all[..all.len() - 1] else {
        panic!("{all:?}")
    };
    let conditions = named["matchers"].as_array().unwrap();
    assert_eq!(conditions.len(), 2, "one for each that suffices");
    assert_eq!(
        conditions[1]["headers"],
        json!([
            {"name": ":authority", "value": "^$", "regex": true},
            {"name": "user-agent", "value": r".*Fire\.fox$", "regex": true},
        ])
    );
    assert_eq!(
        conditions[1]["queryParameters"],
        json!([{"name": "Try", "value": "^new.*", "regex": true}])
    );
    let canary_alone = json!([{"destination": of_half("canary"), "weight": 100}, {"destination": of_half("primary")}]);
    assert_eq!(named["routeAction"]["multi"]["destinations"], canary_alone);
    assert_eq!(named["inheritablePathMatchers"], true);
}

#[test]
fn an_edit_of_anything_of_ours_is_seen_and_put_right() {
    let wanted = Traffic {
        sticky: true,
        mirror: 20,
        ..Traffic::share(20)
    };
    let mine = single(discovered());
    let right = shown(&mine, wanted, &exposure());
    assert_eq!(read(&right, &exposure(), None), Some(wanted));
    let last = right["spec"]["routes"].as_array().unwrap().len() - 1;
    let base = format!("/spec/routes/{last}");
    for (pointer, value) in [
        (
            "/spec/routes/0/matchers/0/headers/0/value".to_owned(),
            json!("canary=other"),
        ),
        (
            "/spec/routes/0/routeAction/multi/destinations/0/weight".to_owned(),
            json!(50),
        ),
        (
            format!(
                "{base}/routeAction/multi/destinations/1/options/headerManipulation/responseHeadersToAdd/0/header/value"
            ),
            json!("canary=x"),
        ),
        (format!("{base}/routeAction/multi/destinations/0/weight"), json!(40)),
        (
            format!("{base}/options/shadowing/upstream/name"),
            json!("shop-web-canaryupstream-81"),
        ),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(&pointer).unwrap() = value;
        assert_ne!(read(&wrong, &exposure(), Some(wanted)), Some(wanted), "{pointer}");
        assert_eq!(shown(&wrong, wanted, &exposure()), right, "{pointer}");
    }
    let mut gone = right.clone();
    gone["spec"]["routes"].as_array_mut().unwrap().remove(0);
    assert_eq!(read(&gone, &exposure(), Some(wanted)), None);
    assert_eq!(shown(&gone, wanted, &exposure()), right);
    assert_eq!(folded(&right), mine);
}

#[test]
fn a_route_has_one_upstream_for_copies_and_its_authors_stays() {
    let copying = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let of = |route: &Value| route["spec"]["routes"][0]["options"].clone();
    let mut mine = single(kube("web"));
    let ours = carried(&mine, copying, &Exposure::default());
    // Copies go to an Upstream in any case.
    let to = json!({"name": "shop-web-canaryupstream-80", "namespace": "shop"});
    assert_eq!(of(&ours[0]), json!({"shadowing": {"upstream": to, "percentage": 30}}));
    assert_eq!(read(&ours[0], &Exposure::default(), None), Some(copying));
    assert_eq!(ours.len(), 2);
    assert_eq!(ours[1]["metadata"], to);
    mine["spec"]["routes"][0]["options"] = json!({"shadowing": {"upstream": {"name": "audit", "namespace": "shop"}}});
    let beside = carried(&mine, copying, &Exposure::default());
    assert_eq!(of(&beside[0]), of(&mine));
    assert_eq!(beside.len(), 1);
    assert_eq!(read(&beside[0], &Exposure::default(), Some(copying)), Some(copying));
    assert_eq!(folded(&beside[0]), mine);
}

#[test]
fn the_upstreams_of_halves_say_what_theirs_does() {
    let mine = single(discovered());
    let wanted = |exposure: &Exposure| carried(&mine, Traffic::share(10), exposure);
    let theirs = json!({"useHttp2": true, "kube": {"serviceName": "web", "selector": {"app": "web"}}, "static": {}});
    let known = knowing(&Exposure::default(), ("gloo-system", "shop-web-80"), theirs);
    let [_, canary, primary] = wanted(&known).try_into().unwrap();
    for (half, made) in [("primary", &primary), ("canary", &canary)] {
        let to = json!({"serviceName": format!("web-{half}"), "serviceNamespace": "shop", "servicePort": 80});
        assert_eq!(made["spec"], json!({"useHttp2": true, "kube": to}));
        let name = format!("shop-web-{half}upstream-80-gloo-system");
        assert_eq!(made["metadata"], json!({"name": name, "namespace": "shop"}));
    }
    // What is not known is not made up.
    assert_eq!(wanted(&Exposure::default()).len(), 1);
    // `upstreamRef` is about those that take nothing's place.
    let mut asking = known;
    asking.model = Some(("shop".into(), "settings".into()));
    assert_eq!(wanted(&asking).len(), 3);
    let made = Gloo
        .published("shop", &names(), &super::canary(json!({"port": 80})))
        .unwrap();
    assert_eq!(carried(&made, Traffic::PRIMARY, &asking).len(), 1);
    let asking = knowing(&asking, ("shop", "settings"), json!({"sslConfig": {"sni": "a"}}));
    let beside = carried(&made, Traffic::PRIMARY, &asking);
    assert_eq!(beside[1]["spec"]["sslConfig"], json!({"sni": "a"}));
}

#[test]
fn where_it_leads_to_is_known() {
    let old = json!({"kube": {"ref": {"name": "old", "namespace": "legacy"}, "port": 80}});
    let entry = |destination: Value| json!({"destination": destination, "weight": 1});
    let mine = several(json!([
        entry(kube("api")),
        entry(discovered()),
        entry(old),
        entry(of_half("canary"))
    ]));
    assert_eq!(RouteTable.services(&mine), ["api", "web", "web-canary"]);
    assert_eq!(
        RouteTable.outward(&mine, Some("shop")).unwrap(),
        [("legacy".to_owned(), "old".to_owned())]
    );
    // Of another namespace's it cannot be seen where one name ends.
    let edge = single(upstream("team-a-web-80", "gloo-system"));
    let either = [("team", "a-web"), ("team-a", "web")].map(|(at, name)| (at.to_owned(), name.to_owned()));
    assert_eq!(RouteTable.outward(&edge, Some("edge")).unwrap(), either);
    assert_eq!(
        RouteTable
            .outward(&single(upstream("no-port", "a")), Some("edge"))
            .unwrap(),
        []
    );
}

#[test]
fn an_upstream_is_known_by_the_service_it_leads_to_and_ours_by_its_mark() {
    let half = |service: &str, namespace: &str| {
        let to = json!({"serviceName": service, "serviceNamespace": namespace, "servicePort": 80});
        json!({
            "apiVersion": "gloo.solo.io/v1", "kind": "Upstream",
            "metadata": {"name": "any", "namespace": "shop", "labels": {"coalmine.dev/generated": "true"}}, "spec": {"kube": to},
        })
    };
    let ours = half("web-primary", "shop");
    assert_eq!(Upstream.services(&ours), ["web-primary"]);
    assert!(Upstream.refers_to(&ours, &names()) && Upstream.is_companion(&ours));
    for other in [half("web", "shop"), half("web-primary", "other")] {
        assert!(!Upstream.refers_to(&other, &names()), "{other}");
    }
    let mut somebodys = ours;
    somebodys["metadata"]["labels"] = json!({});
    assert!(!Upstream.refers_to(&somebodys, &names()) && !Upstream.is_companion(&somebodys));
}
