//! MeshHTTPRoutes that others wrote.

use super::*;

#[test]
fn only_the_apps_share_is_cut_and_others_keep_theirs() {
    let mine = to(json!([service("old", 3), service("web", 1)]));
    assert_eq!(read(&mine, &Exposure::default(), None), Some(Traffic::PRIMARY));
    assert!(!MeshHttpRoute.is_split(&mine, &names()));
    let ten = carried(&mine, Traffic::share(10));
    let halves = json!([
        service("old", 300),
        service("web-primary", 90),
        service("web-canary", 10)
    ]);
    assert_eq!(backends(&ten), halves);
    assert!(MeshHttpRoute.is_split(&ten, &names()));
    assert_eq!(backends(&carried(&ten, Traffic::share(40)))[2]["weight"], 40);
    assert_eq!(folded(&ten), mine);
}

#[test]
fn every_entry_and_every_rule_that_sends_to_the_app_is_moved() {
    let rule = |path: &str, backends: Value| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "default": {"filters": [{"type": "RequestHeaderModifier"}], "backendRefs": backends},
        })
    };
    let mine = with_entries(json!([
        {
            "targetRef": {"kind": "MeshService", "name": "web", "sectionName": "http"},
            "rules": [rule("/a", json!([service("web", 1)])), rule("/b", json!([service("old", 1)]))],
        },
        {"targetRef": {"kind": "MeshService", "name": "shop"}, "rules": [
            {"matches": everything(), "default": {"filters": [{"type": "RequestRedirect"}]}},
            rule("/web", json!([service("web", 1)])),
        ]},
    ]));
    let moved = carried(&mine, Traffic::share(30));
    let halves = json!([service("web-primary", 70), service("web-canary", 30)]);
    for at in ["/spec/to/0/rules/0", "/spec/to/1/rules/1"] {
        assert_eq!(moved.pointer(at).unwrap()["default"]["backendRefs"], halves, "{at}");
    }
    for at in ["/spec/to/0/rules/1", "/spec/to/1/rules/0", "/spec/to/1/targetRef"] {
        assert_eq!(moved.pointer(at), mine.pointer(at), "{at}");
    }
    assert_eq!(read(&moved, &Exposure::default(), None), Some(Traffic::share(30)));
    assert_eq!(folded(&moved), mine);
    // Entries that disagree carry no share.
    let mut wrong = moved.clone();
    wrong["spec"]["to"][1]["rules"][1]["default"]["backendRefs"] =
        json!([service("web-primary", 50), service("web-canary", 50)]);
    assert_eq!(read(&wrong, &Exposure::default(), Some(Traffic::share(30))), None);
    assert_eq!(carried(&wrong, Traffic::share(30)), moved);
}

#[test]
fn a_test_has_rules_of_its_own_in_the_entry_of_the_authors() {
    let exposure = several();
    let entry = |name: &str| {
        json!({
            "targetRef": {"kind": "MeshService", "name": name},
            "rules": [{
                "matches": [{"path": {"type": "Exact", "value": "/buy"}, "method": "GET"}],
                "default": {"backendRefs": [service("web", 1)]},
            }],
        })
    };
    let mine = with_entries(json!([entry("web"), entry("shop")]));
    let right = shown(&mine, MATCHED, &exposure);
    for at in ["/spec/to/0/rules", "/spec/to/1/rules"] {
        let all = right.pointer(at).unwrap().as_array().unwrap();
        let [named, base] = <[Value; 2]>::try_from(all.clone()).unwrap();
        assert_eq!(named["default"]["backendRefs"][0], service("web-canary", 100));
        assert_eq!(base["default"]["backendRefs"][0], service("web-primary", 100));
        let matches = named["matches"].as_array().unwrap();
        assert_eq!(matches.len(), 2, "one for each that suffices");
        assert!(
            matches
                .iter()
                .all(|one| one["method"] == "GET" && one["path"]["value"] == "/buy")
        );
        assert_eq!(
            matches[0]["headers"][0],
            json!({"name": "x-canary", "type": "Exact", "value": "yes"})
        );
    }
    assert_eq!(read(&right, &exposure, None), Some(MATCHED));
    for (pointer, value) in [
        ("/spec/to/0/rules/0/matches/0/headers/0/value", json!("no")),
        ("/spec/to/1/rules/0/matches", everything()),
        ("/spec/to/0/rules/0/default/backendRefs/0/weight", json!(50)),
        ("/spec/to/1/rules/1/default/backendRefs/1/weight", json!(50)),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_eq!(read(&wrong, &exposure, Some(MATCHED)), None, "{pointer}");
        assert_eq!(shown(&wrong, MATCHED, &exposure), right);
    }
    assert_eq!(folded(&right), mine);
}

#[test]
fn copies_are_one_more_filter_and_the_authors_stay() {
    let copying = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let audit = json!({"type": "RequestMirror", "requestMirror": {"backendRef": service("audit", 1)}});
    let mut mine = to(json!([service("web", 1)]));
    mine["spec"]["to"][0]["rules"][0]["default"]["filters"] = json!([audit]);
    let copied = carried(&mine, copying);
    let ours =
        json!({"type": "RequestMirror", "requestMirror": {"percentage": 30, "backendRef": service("web-canary", 1)}});
    assert_eq!(rules(&copied)[0]["default"]["filters"], json!([audit, ours]));
    assert_eq!(read(&copied, &Exposure::default(), None), Some(copying));
    assert_eq!(folded(&copied), mine);
    let all = Traffic { mirror: 100, ..copying };
    let whole = carried(&to(json!([service("web", 1)])), all);
    let filters = &rules(&whole)[0]["default"]["filters"];
    assert!(filters[0]["requestMirror"].get("percentage").is_none(), "{filters}");
    assert_eq!(read(&whole, &Exposure::default(), None), Some(all));
    assert!(rules(&folded(&whole))[0]["default"].get("filters").is_none());
}

#[test]
fn a_part_of_the_pods_is_its_authors_affair() {
    let subset =
        json!({"kind": "MeshServiceSubset", "name": "web_shop_svc_80", "tags": {"version": "v1"}, "weight": 1});
    let mine = to(json!([service("web", 1), subset]));
    let moved = carried(&mine, Traffic::share(50));
    assert_eq!(backends(&moved)[2]["name"], "web_shop_svc_80");
    assert_eq!(backends(&moved)[2]["weight"], 100);
    assert_eq!(folded(&moved), mine);
}
