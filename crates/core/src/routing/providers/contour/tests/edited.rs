//! HTTPProxies that others wrote, Flagger among them.

use super::*;

#[test]
fn what_flagger_left_in_mid_run_is_read() {
    let half = |name: &str, weight: u64| {
        let mut half = json!({
            "name": name, "port": 80,
            "requestHeadersPolicy": {"set": [{"name": "l5d-dst-override", "value": format!("{name}.shop.svc.cluster.local:80")}]},
        });
        if weight > 0 {
            half["weight"] = json!(weight);
        }
        half
    };
    let flaggers = |canary: u64| to(json!([half("web-primary", 100 - canary), half("web-canary", canary)]));
    for share in [0, 30, 100] {
        let live = flaggers(share);
        let traffic = Traffic::share(u8::try_from(share).unwrap());
        assert!(HttpProxy.is_split(&live, &names()));
        assert_eq!(read(&live, &Exposure::default(), None), Some(traffic), "{share}");
        let moved = carried(&live, Traffic::share(50));
        assert_eq!(
            services(&moved),
            services(&flaggers(50)),
            "headers go with their Services"
        );
    }
    let given_back = services(&folded(&flaggers(30)));
    assert_eq!(given_back, json!([half("web", 0)]));
}

#[test]
fn weights_that_contour_takes_for_granted_are_said_and_left_out_again() {
    let halves = |primary: u64, canary: u64| {
        [
            json!({"name": "web-primary", "port": 80, "weight": primary}),
            json!({"name": "web-canary", "port": 80, "weight": canary}),
        ]
    };
    let [primary, canary] = halves(90, 10);
    for (mine, ours) in [
        (json!([{"name": "web", "port": 80}]), json!([primary, canary])),
        (
            json!([{"name": "old", "port": 80}, {"name": "web", "port": 80}]),
            json!([{"name": "old", "port": 80, "weight": 100}, primary, canary]),
        ),
        (
            json!([{"name": "web", "port": 80}, {"name": "audit", "port": 80, "mirror": true}]),
            json!([primary, canary, {"name": "audit", "port": 80, "mirror": true}]),
        ),
    ] {
        let mine = to(mine);
        let ten = carried(&mine, Traffic::share(10));
        assert_eq!(services(&ten), ours);
        assert_eq!(read(&ten, &Exposure::default(), None), Some(Traffic::share(10)));
        assert_eq!(folded(&ten), mine);
    }
    // One without a weight beside another with one gets nothing, and goes on getting it.
    let nothing = to(json!([{"name": "web", "port": 80}, {"name": "old", "port": 80, "weight": 5}]));
    let shared = carried(&nothing, Traffic::share(30));
    assert_eq!(services(&shared)[2], json!({"name": "old", "port": 80, "weight": 500}));
    assert!(services(&shared)[1].get("weight").is_none());
    assert_eq!(
        read(&shared, &Exposure::default(), Some(Traffic::share(30))),
        Some(Traffic::share(30))
    );
    assert_eq!(folded(&shared), nothing);
}

#[test]
fn services_are_named_without_a_share_and_the_others_keep_theirs() {
    let to = |name: &str, weight: u64| json!({"name": name, "port": 80, "weight": weight});
    let named = |route: &Value| services(&HttpProxy.naming(route, &names()));
    let alone = super::to(json!([{"name": "web", "port": 80}]));
    let halves = [to("web-primary", 0), to("web-canary", 0)];
    assert_eq!(named(&alone), json!([to("web", 100), halves[0], halves[1]]));
    assert_eq!(
        named(&carried(&alone, Traffic::share(10))),
        json!([to("web-primary", 90), to("web-canary", 10), to("web", 0)])
    );
    // Contour gives the same to each where no weight is said.
    let even = super::to(json!([{"name": "old", "port": 80}, {"name": "web", "port": 80}]));
    assert_eq!(
        named(&even),
        json!([to("old", 100), to("web", 100), halves[0], halves[1]])
    );
    let half = super::to(json!([{"name": "web-primary", "port": 80}]));
    assert_eq!(
        named(&half),
        json!([to("web-primary", 1), to("web", 0), to("web-canary", 0)])
    );
    let elsewhere = super::to(json!([{"name": "old", "port": 80}]));
    assert_eq!(HttpProxy.naming(&elsewhere, &names()), elsewhere);
}

#[test]
fn an_edit_of_anything_of_ours_is_seen_and_put_right() {
    let exposure = several();
    let mine = to(json!([{"name": "web", "port": 80}]));
    let right = shown(&mine, MATCHED, &exposure);
    assert_eq!(read(&right, &exposure, None), Some(MATCHED));
    assert_eq!(
        right["spec"]["routes"].as_array().unwrap().len(),
        3,
        "one for each that suffices"
    );
    for (pointer, value) in [
        ("/spec/routes/0/conditions/0/header/exact", json!("no")),
        ("/spec/routes/1/conditions", json!([])),
        ("/spec/routes/1/services/0/weight", json!(50)),
        ("/spec/routes/2/services/1/weight", json!(50)),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_eq!(read(&wrong, &exposure, Some(MATCHED)), None, "{pointer}");
    }
    let mut gone = right.clone();
    gone["spec"]["routes"].as_array_mut().unwrap().remove(1);
    assert_eq!(read(&gone, &exposure, Some(MATCHED)), None);
    assert_eq!(shown(&gone, MATCHED, &exposure), right);
    assert_eq!(folded(&right), mine);
}

#[test]
fn conditions_that_contour_would_give_up_are_never_written() {
    let of =
        |conditions: Value| with_routes(json!([{"conditions": conditions, "services": [{"name": "web", "port": 80}]}]));
    let test = tested(json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
    let written = |conditions: Value| {
        let ours = shown(&of(conditions), MATCHED, &test)["spec"]["routes"].clone();
        let all = ours.as_array().unwrap().clone();
        let [named, base] = <[Value; 2]>::try_from(all).ok()?;
        assert_eq!(base["services"][0]["name"], "web-primary");
        Some(named["conditions"].clone())
    };
    let header = |form: &str, text: &str| json!({"header": {"name": "X-Canary", form: text}});
    let wanted = json!({"header": {"name": "x-canary", "exact": "yes"}});
    let path = json!({"exact": "/buy"});
    // The path stays last, by which Contour knows how to compare it.
    assert_eq!(written(json!([path])), Some(json!([wanted, path])));
    assert_eq!(
        written(json!([header("contains", "e"), path])),
        Some(json!([wanted, header("contains", "e"), path]))
    );
    // Two for one header exclude each other, or say the same.
    assert_eq!(written(json!([header("exact", "no")])), None);
    assert_eq!(written(json!([header("notexact", "yes")])), None);
    let loosely = json!({"header": {"name": "x-canary", "exact": "YES", "ignoreCase": true}});
    assert_eq!(written(json!([loosely])), None);
    let same = header("exact", "yes");
    let there = json!({"header": {"name": "x-canary", "present": true}});
    assert_eq!(written(json!([same])), Some(json!([there, same])));
}

#[test]
fn a_route_has_one_mirror_and_its_authors_stays() {
    let copying = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let alone = carried(&to(json!([{"name": "web", "port": 80}])), copying);
    let ours = json!({"name": "web-canary", "port": 80, "mirror": true, "weight": 30});
    assert_eq!(services(&alone)[2], ours);
    assert_eq!(read(&alone, &Exposure::default(), None), Some(copying));
    let mine = to(json!([{"name": "audit", "port": 80, "mirror": true}, {"name": "web", "port": 80}]));
    let beside = carried(&mine, copying);
    let mirrors = services(&beside);
    let mirrors = mirrors.as_array().unwrap().iter().filter(|one| one["mirror"] == true);
    assert_eq!(mirrors.count(), 1);
    assert_eq!(folded(&beside), mine);
    // Copies of somebody's requests for the app are not the app's requests.
    let copied = to(json!([{"name": "old", "port": 80}, {"name": "web", "port": 80, "mirror": true}]));
    assert!(!HttpProxy.refers_to(&copied, &names()));
    assert_eq!(carried(&copied, Traffic::share(10)), copied);
}

#[test]
fn where_it_leads_to_and_by_which_host_is_known() {
    let mut mine = to(json!([{"name": "web", "port": 80}, {"name": "audit", "port": 80, "mirror": true}]));
    mine["spec"]["tcpproxy"] = json!({"services": [{"name": "database", "port": 5432}]});
    assert_eq!(HttpProxy.services(&mine), ["web", "database"]);
    assert_eq!(HttpProxy.hosts(&mine), ["app.example.com"]);
    assert_eq!(HttpProxy.outward(&mine, Some("shop")), None);
}
