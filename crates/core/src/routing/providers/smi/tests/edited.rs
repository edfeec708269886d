//! TrafficSplits of somebody's own, and what Flagger left behind.

use super::*;

#[test]
fn only_the_apps_part_of_a_users_split_is_cut() {
    let mine = around(json!([
        {"service": "legacy", "weight": 1},
        {"service": "web", "weight": 3},
        {"service": "web-v0", "weight": 0},
    ]));
    let ten = carried(&mine, Traffic::share(10));
    assert_eq!(
        backends(&ten),
        json!([
            {"service": "legacy", "weight": 300},
            {"service": "web-canary", "weight": 90},
            {"service": "web-primary", "weight": 810},
            {"service": "web-v0", "weight": 0},
        ])
    );
    for at in ["/metadata", "/spec/service", "/spec/matches"] {
        assert_eq!(ten.pointer(at), mine.pointer(at), "{at}");
    }
    assert!(kind().is_split(&ten, &names()) && kind().names_a_half(&ten, &names()));
    assert_eq!(read(&ten, None), Some(Traffic::share(10)));
    assert_eq!(folded(&ten), mine);
}

#[test]
fn a_split_of_hundred_is_in_hundredths_already() {
    let mine = around(json!([{"service": "web", "weight": 100}]));
    let pair = |canary: u64, primary: u64| {
        around(json!([
            {"service": "web-canary", "weight": canary}, {"service": "web-primary", "weight": primary},
        ]))
    };
    assert_eq!(carried(&mine, Traffic::share(30)), pair(30, 70));
    assert_eq!(carried(&mine, Traffic::PRIMARY), pair(0, 100));
    assert_eq!(folded(&pair(30, 70)), mine);
    // So is what Flagger makes, which is taken over without a write.
    for share in [0, 5, 100] {
        let flaggers = pair(share, 100 - share);
        let percent = u8::try_from(share).unwrap();
        assert_eq!(read(&flaggers, None), Some(Traffic::share(percent)));
        assert_eq!(carried(&flaggers, Traffic::share(percent)), flaggers);
    }
}

#[test]
fn a_quantity_stays_one_and_thousandths_are_understood() {
    let of = |backends| of_version("v1alpha1", "web", backends);
    let mine = of(json!([{"service": "web", "weight": "500m"}, {"service": "legacy", "weight": 1}]));
    let shared = carried(&mine, Traffic::share(1));
    assert_eq!(
        backends(&shared),
        json!([
            {"service": "web-canary", "weight": "1500m"},
            {"service": "web-primary", "weight": "148500m"},
            {"service": "legacy", "weight": 300},
        ])
    );
    assert_eq!(read(&shared, None), Some(Traffic::share(1)));
    assert_eq!(folded(&shared), mine);
    let flaggers = of(json!([{"service": "web-canary", "weight": "0"}, {"service": "web-primary", "weight": "100"}]));
    assert_eq!(read(&flaggers, None), Some(Traffic::PRIMARY));
    assert_eq!(
        backends(&carried(&flaggers, Traffic::share(40))),
        json!([{"service": "web-canary", "weight": "40"}, {"service": "web-primary", "weight": "60"}])
    );
}

#[test]
fn a_text_of_an_older_version_becomes_the_number_that_a_newer_one_has() {
    let stored = around(json!([{"service": "web-canary", "weight": "0"}, {"service": "web-primary", "weight": "100"}]));
    assert_eq!(read(&stored, None), None);
    let right = carried(&stored, Traffic::PRIMARY);
    assert_eq!(
        backends(&right),
        json!([{"service": "web-canary", "weight": 0}, {"service": "web-primary", "weight": 100}])
    );
}

#[test]
fn an_edit_of_a_weight_is_seen_and_put_right() {
    let mine = around(json!([{"service": "web", "weight": 2}, {"service": "legacy", "weight": 1}]));
    let right = carried(&mine, Traffic::share(50));
    let mut wrong = right.clone();
    wrong["spec"]["backends"][1]["weight"] = json!(1);
    assert_eq!(read(&wrong, Some(Traffic::share(50))), None);
    let mut turned = right.clone();
    turned["spec"]["backends"].as_array_mut().unwrap().swap(0, 1);
    assert_eq!(read(&turned, Some(Traffic::share(50))), None);
    assert_eq!(carried(&turned, Traffic::share(50)), right);
}

#[test]
fn a_split_that_gives_the_app_nothing_does_what_is_asked() {
    let mine = around(json!([{"service": "web", "weight": 0}, {"service": "legacy", "weight": 1}]));
    let shared = carried(&mine, Traffic::share(30));
    assert_eq!(read(&shared, Some(Traffic::share(30))), Some(Traffic::share(30)));
    assert_eq!(folded(&shared), mine);
}

#[test]
fn what_it_cannot_do_is_nothing_that_is_waited_for() {
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        matched: true,
        ..Traffic::share(20)
    };
    let mine = around(json!([{"service": "web", "weight": 1}]));
    assert_eq!(read(&carried(&mine, expected), Some(expected)), Some(expected));
}

#[test]
fn where_it_leads_to_is_known() {
    let backends = json!([{"service": "web", "weight": 1}, {"service": "legacy", "weight": 1}]);
    let mine = of_version("v1alpha2", "shop.shop.svc.cluster.local", backends);
    assert_eq!(kind().services(&mine), ["web", "legacy", "shop"]);
    assert!(kind().refers_to(&mine, &names()) && kind().refers_to(&mine, &Names::new("shop")));
    assert!(!kind().refers_to(&mine, &Names::new("sho")));
    let elsewhere = of_version("v1alpha2", "shop.other.svc", json!([]));
    assert!(!kind().refers_to(&elsewhere, &Names::new("shop")));
}
