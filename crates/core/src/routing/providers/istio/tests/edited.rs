//! VirtualServices that others wrote, Flagger among them.

use super::*;

#[test]
fn a_host_names_a_service_in_its_short_or_its_full_form() {
    for (host, service) in [
        ("web", Some(("web", None))),
        ("web.shop.svc.cluster.local", Some(("web", Some("shop")))),
        ("web.shop.svc.corp.example", Some(("web", Some("shop")))),
        ("web.shop", None),
        ("web.shop.svc", None),
        ("api.example.com", None),
        ("web.example.svc-1.test", None),
    ] {
        assert_eq!(hosts::service(host), service, "{host}");
    }
    assert_eq!(hosts::renamed("web", "web-canary"), "web-canary");
    assert_eq!(hosts::renamed("web.shop.svc.a", "web-canary"), "web-canary.shop.svc.a");
}

#[test]
fn a_service_of_another_namespace_is_somebody_elses() {
    let rule = |host: &str| json!({"route": [{"destination": {"host": host}}]});
    let elsewhere = "web.old.svc.cluster.local";
    let mut mine = with_rules(json!([rule(elsewhere), rule("web")]));
    assert_eq!(
        VirtualService.outward(&mine, Some("shop")).unwrap(),
        [("old".to_owned(), "web".to_owned())]
    );
    let ten = shown(&mine, Traffic::share(10), &Exposure::default());
    assert_eq!(ten["spec"]["http"][0], rule(elsewhere));
    assert_eq!(read(&ten, &Exposure::default(), None), Some(Traffic::share(10)));
    mine["spec"]["http"] = json!([rule(elsewhere)]);
    assert!(!VirtualService.refers_to(&mine, &names()));
    assert_eq!(carried(&mine, Traffic::share(10), &Exposure::default()), [mine]);
}

#[test]
fn what_flagger_left_in_mid_run_is_read() {
    let destination = |host: &str, weight: u8| json!({"destination": {"host": host}, "weight": weight});
    let weighted =
        |share: u8| json!({"route": [destination("web-primary", 100 - share), destination("web-canary", share)]});
    let by_share = with_rules(json!([weighted(30)]));
    assert_eq!(read(&by_share, &Exposure::default(), None), Some(Traffic::share(30)));
    let mut copying = weighted(0);
    copying["mirror"] = json!({"host": "web-canary"});
    copying["mirrorPercentage"] = json!({"value": 20});
    let mirrored = Traffic {
        mirror: 20,
        ..Traffic::PRIMARY
    };
    assert_eq!(
        read(&with_rules(json!([copying])), &Exposure::default(), None),
        Some(mirrored)
    );
    // Of a test at rest the second rule names primary alone; both are brought into one form.
    let mut named = weighted(0);
    named["match"] = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
    let test = with_rules(json!([named, {"route": [destination("web-primary", 100)]}]));
    assert_eq!(read(&test, &Exposure::default(), None), Some(Traffic::PRIMARY));
    let ours = shown(&test, Traffic::PRIMARY, &Exposure::default());
    assert!(VirtualService.is_split(&ours, &names()));
}

#[test]
fn an_edit_of_anything_of_ours_is_seen_and_repaired() {
    let wanted = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    let exposure = exposure();
    let right = shown(&plain(), wanted, &exposure);
    assert_eq!(read(&right, &exposure, None), Some(wanted));
    for (pointer, value) in [
        ("/spec/http/0/match/0/headers/cookie/regex", json!("canary=other")),
        ("/spec/http/0/route/0/weight", json!(50)),
        (
            "/spec/http/2/route/1/headers/response/add/Set-Cookie",
            json!("canary=x"),
        ),
        ("/spec/http/2/route/0/headers", json!({})),
        ("/spec/http/1/match/0/headers", json!({})),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_eq!(read(&wrong, &exposure, Some(wanted)), None, "{pointer}");
    }
    let mut gone = right.clone();
    gone["spec"]["http"].as_array_mut().unwrap().remove(1);
    assert_eq!(read(&gone, &exposure, Some(wanted)), None);
    assert_eq!(shown(&gone, wanted, &exposure), right);
}

#[test]
fn a_rule_that_compares_the_same_header_with_something_else_is_never_widened() {
    let mine = with_rules(json!([{
        "match": [{"headers": {"X-Canary": {"exact": "no"}}}, {"headers": {"x-canary": {"exact": "yes"}}}],
        "route": [{"destination": {"host": "web"}}],
    }]));
    let test = Exposure {
        matches: from_value(json!([{"headers": {"x-canary": {"exact": "yes"}}}, {}, {"headers": {"a": {}}}])).unwrap(),
        ..Exposure::default()
    };
    let wanted = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let rules = &shown(&mine, wanted, &test)["spec"]["http"];
    assert_eq!(rules.as_array().unwrap().len(), 2);
    assert_eq!(rules[0]["match"], json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
    assert_eq!(rules[0]["route"][0]["destination"]["host"], "web-canary");
}

#[test]
fn the_users_own_copies_stay_beside_ours() {
    let audit = json!({"host": "audit"});
    let exposure = Exposure::default();
    let wanted = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let ours = json!({"destination": {"host": "web-canary"}, "percentage": {"value": 30}});
    for (own, mirrors) in [
        (json!({"mirror": audit}), json!([ours, {"destination": audit}])),
        (
            json!({"mirror": audit, "mirrorPercent": 5}),
            json!([ours, {"destination": audit, "percentage": {"value": 5}}]),
        ),
        (
            json!({"mirrors": [{"destination": audit}]}),
            json!([{"destination": audit}, ours]),
        ),
        (json!({"mirrorPercentage": {"value": 5}}), json!([ours])),
    ] {
        let mut mine = plain();
        let members = mine["spec"]["http"][0].as_object_mut().unwrap();
        members.extend(own.as_object().unwrap().clone());
        let copying = shown(&mine, wanted, &exposure);
        let rule = &copying["spec"]["http"][0];
        assert_eq!(rule["mirrors"], mirrors);
        assert!(rule.get("mirror").is_none(), "{rule}");
        assert_eq!(read(&copying, &exposure, None), Some(wanted));
        assert_eq!(VirtualService.folded(&copying, &names()), mine);
    }
}

#[test]
fn the_policy_of_the_halves_stands_beside_any_route_that_names_them() {
    let [_, primary, canary] = <[Value; 3]>::try_from(carried(&plain(), Traffic::PRIMARY, &exposure())).unwrap();
    assert_eq!(
        primary["spec"],
        json!({"host": "web-primary", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}})
    );
    let beside = VirtualService.companions(&plain(), &names());
    let all: Vec<&str> = beside.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(all, ["web-primary", "web-canary"]);
    for rule in [primary, canary] {
        // Before we made it, somebody else's of that name is neither read nor ours.
        assert!(!DestinationRule.refers_to(&rule, &names()) && !DestinationRule.is_companion(&rule));
        let rule = made(&rule);
        assert!(DestinationRule.is_companion(&rule) && DestinationRule.names_a_half(&rule, &names()));
        assert!(!DestinationRule.names_a_half(&rule, &Names::new("other")));
    }
}

// What leads to the app, for requests or for connections.
fn both() -> Value {
    let mut mine = plain();
    mine["spec"]["tcp"] = json!([
        {"match": [{"port": 5432}], "route": [{"destination": {"host": "web"}}]},
        {"route": [{"destination": {"host": "other"}}]},
    ]);
    mine
}

#[test]
fn connections_are_moved_by_the_same_share_as_requests() {
    let (mine, exposure) = (both(), exposure());
    let wanted = Traffic {
        mirror: 20,
        sticky: true,
        ..Traffic::share(30)
    };
    let moved = shown(&mine, wanted, &exposure);
    let weights = json!([
        {"destination": {"host": "web-primary"}, "weight": 70}, {"destination": {"host": "web-canary"}, "weight": 30},
    ]);
    // Cookies and copies are of requests.
    assert_eq!(
        moved["spec"]["tcp"],
        json!([{"match": [{"port": 5432}], "route": weights}, mine["spec"]["tcp"][1]])
    );
    assert!(VirtualService.is_split(&moved, &names()));
    assert_eq!(read(&moved, &exposure, None), Some(wanted));
    assert_eq!(VirtualService.folded(&moved, &names()), mine);
    // One of the two alone tells nothing of the other.
    for (pointer, weight) in [("/spec/tcp/0/route/1/weight", 31), ("/spec/http/2/route/1/weight", 31)] {
        let mut wrong = moved.clone();
        *wrong.pointer_mut(pointer).unwrap() = json!(weight);
        assert_eq!(read(&wrong, &exposure, Some(wanted)), None, "{pointer}");
    }
    let mut apart = moved.clone();
    apart["spec"]["tcp"] = mine["spec"]["tcp"].clone();
    assert!(!VirtualService.is_split(&apart, &names()));
    assert_eq!(read(&apart, &exposure, None), None);
}

#[test]
fn nobody_is_shown_a_test_who_comes_by_connections() {
    let mut mine = both();
    mine["spec"].as_object_mut().unwrap().remove("http");
    let wanted = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let tested = shown(&mine, wanted, &exposure());
    assert_eq!(tested, shown(&mine, Traffic::PRIMARY, &Exposure::default()));
    assert_eq!(read(&tested, &exposure(), Some(wanted)), Some(wanted));
    assert_eq!(read(&tested, &exposure(), None), Some(Traffic::PRIMARY));
}

#[test]
fn what_flagger_left_of_connections_in_mid_run_is_read() {
    let mut mine = both();
    mine["spec"].as_object_mut().unwrap().remove("http");
    mine["spec"]["tcp"] = json!([{"route": [
        {"destination": {"host": "web-primary"}, "weight": 90}, {"destination": {"host": "web-canary"}, "weight": 10},
    ]}]);
    assert_eq!(read(&mine, &Exposure::default(), None), Some(Traffic::share(10)));
    assert!(VirtualService.is_split(&mine, &names()));
}

// What Flagger made of the Canary over an author's VirtualService, whose spec it has kept.
fn taken_over(made: &Value, kept: &str) -> Value {
    let mut route = shown(made, Traffic::share(10), &Exposure::default());
    route["metadata"]["annotations"] = json!({"flagger.kubernetes.io/original-configuration": kept});
    route
}

#[test]
fn what_flagger_replaced_is_known_as_long_as_nobody_wrote_anything_else() {
    let spec = canary(
        json!({"port": 80, "hosts": ["app.example.com"], "timeout": "5s"}),
        json!({}),
    );
    let made = Istio.published("shop", &names(), &spec).unwrap();
    let of = |route: &Value, made: Option<&Value>| VirtualService.original(route, &names(), made);
    let authors =
        with_rules(json!([{"route": [{"destination": {"host": "web"}, "weight": 0}], "retries": {"attempts": 2}}]));
    let kept = authors["spec"].to_string();
    let route = taken_over(&made, &kept);
    assert_eq!(of(&made, Some(&made)), None, "nothing is kept");
    assert_eq!(of(&route, Some(&made)), Some(Ok(authors["spec"].clone())));
    let folded = VirtualService.folded(&route, &names());
    assert_eq!(of(&folded, Some(&made)), Some(Ok(authors["spec"].clone())));
    // Of a test Flagger writes a second rule.
    let mut tested = route.clone();
    let mut named = tested["spec"]["http"][0].clone();
    named["match"] = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
    tested["spec"]["http"].as_array_mut().unwrap().insert(0, named);
    assert!(of(&tested, Some(&made)).unwrap().is_ok());
    let why = |route: &Value, made: Option<&Value>| of(route, made).unwrap().unwrap_err();
    let mut since = route.clone();
    since["spec"]["http"][0]["timeout"] = json!("9s");
    assert!(why(&since, Some(&made)).contains("something else by now"));
    assert!(why(&route, None).contains("something else by now"));
    let own = taken_over(&made, &made["spec"].to_string());
    assert!(why(&own, Some(&made)).contains("web-primary"));
    assert!(why(&taken_over(&made, "{"), Some(&made)).contains("cannot be read"));
    assert!(why(&taken_over(&made, "{}"), Some(&made)).contains("does not lead to Service web"));
}

#[test]
fn what_flagger_replaced_stays_where_anything_at_all_was_written_since() {
    let spec = canary(
        json!({"port": 80, "hosts": ["app.example.com"], "match": [{"uri": {"prefix": "/a"}}]}),
        json!({}),
    );
    let made = Istio.published("shop", &names(), &spec).unwrap();
    let route = taken_over(&made, &plain()["spec"].to_string());
    let of = |route: &Value| VirtualService.original(route, &names(), Some(&made)).unwrap();
    assert_eq!(of(&route), Ok(plain()["spec"].clone()));
    let mut tested = route.clone();
    let mut named = tested["spec"]["http"][0].clone();
    named["match"][0]["headers"] = json!({"x-canary": {"exact": "yes"}});
    tested["spec"]["http"].as_array_mut().unwrap().insert(0, named);
    assert!(of(&tested).is_ok(), "Flagger's own, of a test");
    for (at, value) in [
        ("/spec/exportTo", json!(["."])),
        ("/spec/tls", json!([{"match": [{"sniHosts": ["b.example.com"]}]}])),
        ("/spec/http/0/match", json!([{"uri": {"prefix": "/b"}}])),
        ("/spec/http/0/rewrite", json!({"uri": "/"})),
    ] {
        let mut since = route.clone();
        let (place, member) = at.rsplit_once('/').unwrap();
        since.pointer_mut(place).unwrap()[member] = value;
        assert!(of(&since).unwrap_err().contains("something else by now"), "{at}");
    }
    let mut unconditional = route.clone();
    unconditional["spec"]["http"][0]
        .as_object_mut()
        .unwrap()
        .remove("match");
    assert!(of(&unconditional).unwrap_err().contains("something else by now"));
    let mut applied = route.clone();
    applied["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("");
    assert!(of(&applied).unwrap_err().contains("applied with kubectl"));
}

#[test]
fn what_flagger_replaced_leads_to_the_app_or_stays_replaced() {
    let made = Istio
        .published("shop", &names(), &canary(json!({"port": 80}), json!({})))
        .unwrap();
    let to = |host: &str| json!([{"destination": {"host": host}}]);
    let of = |kept: Value| {
        VirtualService
            .original(&taken_over(&made, &kept.to_string()), &names(), Some(&made))
            .unwrap()
    };
    for leading in [
        json!({"http": [{"route": to("other")}, {"route": to("web.shop.svc.cluster.local")}]}),
        json!({"http": [{"route": [{"destination": {"host": "web", "subset": "v1"}}]}]}),
        json!({"tcp": [{"route": to("web")}]}),
        json!({"tls": [{"match": [{"sniHosts": ["a.example.com"]}], "route": to("web")}]}),
    ] {
        assert_eq!(of(leading.clone()), Ok(leading));
    }
    for elsewhere in [
        json!({"http": [{"route": to("other")}]}),
        json!({"http": [{"route": to("web.old.svc.cluster.local")}]}),
        json!({"http": [{"redirect": {"uri": "/"}}]}),
        json!({"tls": [{"route": to("other")}]}),
        json!({"http": []}),
    ] {
        assert!(of(elsewhere).unwrap_err().contains("does not lead to Service web"));
    }
    let half = json!({"tls": [{"route": to("web-canary")}], "http": [{"route": to("web")}]});
    assert!(of(half).unwrap_err().contains("web-primary and web-canary"));
}
