use super::*;
use crate::patches::applied;
use crate::plan::services::ports::{AT_ONCE, Wanted};
use proptest::prelude::*;
use serde_json::json;

const USERS: Apex<'static> = Apex {
    ours: false,
    stage: CoarseStage::Rest,
    declared: None,
    pods: None,
};

fn request(old: Value, new: Value) -> Request {
    Request {
        operation: Operation::Update,
        old_object: old,
        object: new,
        ..Request::default()
    }
}

fn run(old: &Value, new: &Value, apex: Apex) -> Value {
    told(old, new, apex).0
}

fn told(old: &Value, new: &Value, apex: Apex) -> (Value, Vec<String>) {
    let mutation = mutate(&request(old.clone(), new.clone()), apex);
    let once = applied(new, &mutation.patch).unwrap();
    let twice = applied(&once, &mutate(&request(old.clone(), once.clone()), apex).patch).unwrap();
    assert_eq!(once, twice);
    (once, mutation.warnings)
}

#[test]
fn a_re_apply_keeps_our_selector_and_records_the_users() {
    let old = json!({"metadata": {}, "spec": {"selector": {"app": "shop-primary"}, "ports": [{"port": 80}]}});
    let new = json!({
        "metadata": {"managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:selector": {}, "f:ports": {}}}}]},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 81}]},
    });
    let after = run(&old, &new, USERS);
    assert_eq!(
        after["spec"],
        json!({"selector": {"app": "shop-primary"}, "ports": [{"port": 81}]})
    );
    assert_eq!(
        after["metadata"]["annotations"][ORIGINAL_SELECTOR],
        json!(r#"{"app":"shop"}"#)
    );
    assert_eq!(
        after["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:spec": {"f:ports": {}}})
    );
}

#[test]
fn our_own_write_passes_and_owns_nothing() {
    let old = json!({"spec": {"selector": {"app": "shop-primary"}}});
    let new = json!({
        "metadata": {"managedFields": [{"manager": "coalmine", "fieldsV1": {"f:spec": {"f:selector": {}}}}]},
        "spec": {"selector": {"app": "shop"}},
    });
    let after = run(&old, &new, Apex { ours: true, ..USERS });
    assert_eq!(
        after,
        json!({"metadata": {"managedFields": []}, "spec": {"selector": {"app": "shop"}}})
    );
}

#[test]
fn what_we_generated_becomes_the_users() {
    let metadata = json!({
        "labels": {labels::GENERATED: "true", labels::MANAGED_BY: "flagger", "app": "shop"},
        "ownerReferences": [{"kind": "Canary", "name": "shop"}, {"kind": "Other", "name": "x"}],
    });
    let old = json!({"metadata": metadata, "spec": {"selector": {"app": "shop-primary"}}});
    let mut new = old.clone();
    new["spec"]["selector"] = json!({"app": "shop"});
    let after = run(&old, &new, USERS);
    assert_eq!(after["metadata"]["labels"], json!({"app": "shop"}));
    assert_eq!(
        after["metadata"]["ownerReferences"],
        json!([{"kind": "Other", "name": "x"}])
    );
    assert_eq!(after["spec"]["selector"], json!({"app": "shop-primary"}));
}

#[test]
fn the_ports_of_an_apply_take_the_place_of_those_we_guessed() {
    let marks = json!({labels::GENERATED: "true"});
    let old = json!({
        "metadata": {"labels": marks},
        "spec": {"selector": {"app": "shop-primary"}, "ports": [{"name": "http", "port": 9898, "protocol": "TCP"}]},
    });
    let applied = json!({"spec": {"ports": [{"name": "http", "port": 80}]}}).to_string();
    let merged =
        json!([{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "http", "port": 9898, "protocol": "TCP"}]);
    let mut new = old.clone();
    new["spec"]["ports"] = merged.clone();
    new["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
    assert_eq!(
        run(&old, &new, USERS)["spec"]["ports"],
        json!([{"name": "http", "port": 80, "protocol": "TCP"}])
    );

    let both = json!({"spec": {"ports": [{"port": 80}, {"port": 9898}]}}).to_string();
    new["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": both});
    assert_eq!(run(&old, &new, USERS)["spec"]["ports"], merged);

    let mut new = old.clone();
    new["spec"]["ports"] = merged;
    new["metadata"]["managedFields"] = json!([{"manager": "flux", "operation": "Apply", "fieldsV1": {"f:spec": {
        "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {}}}}}]);
    assert_eq!(
        run(&old, &new, USERS)["spec"]["ports"],
        json!([{"name": "http", "port": 80, "protocol": "TCP"}])
    );
}

#[test]
fn a_users_service_is_left_alone_while_the_pair_is_built() {
    let old = json!({"metadata": {}, "spec": {"selector": {"app": "shop"}}});
    let new = json!({"metadata": {}, "spec": {"selector": {"app": "shop2"}}});
    assert_eq!(
        run(
            &old,
            &new,
            Apex {
                stage: CoarseStage::Building,
                ..USERS
            }
        ),
        new
    );
}

#[test]
fn a_port_added_by_hand_stands_beside_the_one_that_was_generated() {
    let port = |name: &str, number: u16| json!({"name": name, "port": number, "protocol": "TCP"});
    let old = json!({
        "metadata": {"labels": {labels::GENERATED: "true"}},
        "spec": {"selector": {"app": "shop-primary"}, "ports": [port("http", 9898)]},
    });
    let mut new = old.clone();
    new["spec"]["ports"].as_array_mut().unwrap().push(port("m", 9090));
    let after = run(&old, &new, USERS);
    assert_eq!(after["spec"]["ports"], new["spec"]["ports"]);
    assert_eq!(after["metadata"]["labels"], json!({}));
}

#[test]
fn a_note_on_a_generated_service_does_not_make_it_somebodys() {
    let old =
        json!({"metadata": {"labels": {labels::GENERATED: "true"}}, "spec": {"selector": {"app": "shop-primary"}}});
    let mut new = old.clone();
    new["metadata"]["annotations"] = json!({"cloud.example.com/neg": "x"});
    assert_eq!(run(&old, &new, USERS), new);
}

fn serving(target: u16, wanted: Option<&str>) -> Value {
    let mut annotations = json!({ORIGINAL_SELECTOR: r#"{"app":"shop"}"#});
    if let Some(wanted) = wanted {
        annotations[Wanted::ANNOTATION] = json!(wanted);
    }
    json!({
        "metadata": {"name": "shop", "annotations": annotations},
        "spec": {"selector": {"app": "shop-primary"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": target}]},
    })
}

fn leading(service: &Value, target: u16) -> Value {
    let mut service = service.clone();
    service["spec"]["ports"][0]["targetPort"] = json!(target);
    service
}

fn by_apply(service: &Value, target: u16) -> Value {
    let manifest = json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": target}]}});
    let mut service = service.clone();
    service["metadata"]["annotations"][labels::LAST_APPLIED] = json!(manifest.to_string());
    service
}

const WAITS: &str = r#"{"80/TCP":9899}"#;

#[test]
fn a_target_port_that_production_lacks_waits_and_says_so() {
    let declared = Declared::parse("9898,http");
    let users = Apex {
        declared: Some(&declared),
        ..USERS
    };
    let old = serving(9898, None);
    let (after, warnings) = told(&old, &leading(&old, 9899), users);
    assert_eq!(after["spec"], old["spec"]);
    assert_eq!(after["metadata"]["annotations"][Wanted::ANNOTATION], json!(WAITS));
    let [line] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    assert!(
        line.starts_with("coalmine: Service shop: targetPort 9899 of port 80 waits until a revision"),
        "{line}"
    );
    assert!(
        line.ends_with("kubectl annotate service shop coalmine.dev/ports=now"),
        "{line}"
    );
    // The same manifest again: nothing changes.
    assert_eq!(told(&after, &leading(&after, 9899), users).0, after);
    // What production declares passes; so does everything else about a port.
    let mut named = leading(&old, 9898);
    named["spec"]["ports"][0]["targetPort"] = json!("http");
    named["spec"]["ports"][0]["appProtocol"] = json!("h2c");
    let (passed, warnings) = told(&old, &named, users);
    assert_eq!((&passed["spec"], warnings.len()), (&named["spec"], 0));
    // Before there is a primary, nobody's pods would be missed.
    assert_eq!(
        told(&old, &leading(&old, 9899), USERS).0["spec"],
        leading(&old, 9899)["spec"]
    );
    let mut now = leading(&old, 9899);
    now["metadata"]["annotations"][AT_ONCE] = json!("now");
    assert_eq!(told(&old, &now, users), (now, vec![]));
}

#[test]
fn a_wish_stays_until_its_author_takes_it_back() {
    let declared = Declared::parse("9898");
    let users = Apex {
        declared: Some(&declared),
        ..USERS
    };
    let waits = by_apply(&serving(9898, Some(WAITS)), 9899);
    let noted = |service: &Value| service["metadata"]["annotations"][Wanted::ANNOTATION].clone();
    // An edit of something else.
    let mut labelled = waits.clone();
    labelled["metadata"]["labels"] = json!({"team": "a"});
    assert_eq!(told(&waits, &labelled, users).0, labelled);
    // The manifest from before, by client-side and by server-side apply.
    let back = by_apply(&waits, 9898);
    assert_eq!(noted(&told(&waits, &back, users).0), Value::Null);
    let mut back = waits.clone();
    back["metadata"]["managedFields"] = json!([{"manager": "flux", "operation": "Apply", "fieldsV1": {"f:spec": {"f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}}}}}}]);
    let after = told(&waits, &back, users).0;
    assert_eq!(noted(&after), Value::Null);
    let owned = &after["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:ports"];
    assert_eq!(
        *owned,
        json!({"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}})
    );
}

#[test]
fn another_selector_than_the_known_one_is_noted_and_told() {
    let old = serving(9898, None);
    let with = |selector: Value| {
        let mut new = old.clone();
        new["spec"]["selector"] = selector;
        new
    };
    // The manifest it was enrolled with.
    assert_eq!(told(&old, &with(json!({"app": "shop"})), USERS), (old.clone(), vec![]));
    let (after, warnings) = told(&old, &with(json!({"app": "shop", "tier": "front"})), USERS);
    assert_eq!(after["spec"], old["spec"]);
    assert_eq!(
        after["metadata"]["annotations"][ORIGINAL_SELECTOR],
        json!(r#"{"app":"shop","tier":"front"}"#)
    );
    let [line] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    assert!(
        line.starts_with("coalmine: Service shop: its selector follows the side that serves"),
        "{line}"
    );
}

#[test]
fn what_a_client_merged_into_a_selector_is_not_taken_for_its_authors() {
    let mut old = serving(9898, None);
    old["spec"]["selector"] = json!({"app": "shop-primary", "tier": "front"});
    let manifest = json!({"spec": {"selector": {"app": "shop"}}}).to_string();
    let mut new = old.clone();
    new["spec"]["selector"] = json!({"app": "shop", "tier": "front"});
    new["metadata"]["annotations"][labels::LAST_APPLIED] = json!(manifest);
    let after = run(&old, &new, USERS);
    assert_eq!(
        after["metadata"]["annotations"][ORIGINAL_SELECTOR],
        json!(r#"{"app":"shop"}"#)
    );
}

proptest! {
    // Twice is once, whatever is sent; and production is not led elsewhere.
    #[test]
    fn holding_twice_is_holding_once(
        has in proptest::collection::btree_map(1u16..4, 1u16..4, 0..3),
        sent in proptest::collection::btree_map(1u16..4, 1u16..4, 0..3),
        waiting in proptest::option::of((1u16..4, 1u16..4)),
        declares in 1u16..4,
        applied in any::<bool>(),
    ) {
        let ports = |all: &std::collections::BTreeMap<u16, u16>| {
            let port = |(number, target): (&u16, &u16)| json!({"name": format!("p{number}"), "port": number, "protocol": "TCP", "targetPort": target});
            Value::Array(all.iter().map(port).collect())
        };
        let wanted = waiting.map(|(number, target)| json!({format!("{number}/TCP"): target}).to_string());
        let mut old = serving(1, wanted.as_deref());
        old["spec"]["ports"] = ports(&has);
        let mut new = old.clone();
        new["spec"]["ports"] = ports(&sent);
        if applied {
            new["metadata"]["annotations"][labels::LAST_APPLIED] = json!(json!({"spec": {"ports": ports(&sent)}}).to_string());
        }
        let declared = Declared::parse(&declares.to_string());
        let after = run(&old, &new, Apex { declared: Some(&declared), ..USERS });
        for port in crate::plan::services::ports::of(&after) {
            let number = port["port"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap();
            let target = port["targetPort"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap();
            prop_assert!(has.get(&number).is_none_or(|before| *before == target || target == declares));
        }
    }
}

fn held_service(selector: Value) -> Value {
    json!({
        "metadata": {"name": "shop", "annotations": {ORIGINAL_SELECTOR: r#"{"app":"shop","color":"blue"}"#}},
        "spec": {"selector": selector, "ports": [{"port": 80}]},
    })
}

#[test]
fn a_service_that_is_pointed_at_other_pods_leaves_and_one_that_says_the_same_stays() {
    let pods = json!({"app": "shop", "color": "blue", "tier": "front"});
    let old = held_service(json!({"app": "shop-primary", "color": "blue"}));
    for (what, sent, looked, leaves) in [
        (
            "what was recorded",
            json!({"app": "shop", "color": "blue"}),
            true,
            false,
        ),
        ("fewer labels", json!({"app": "shop"}), true, false),
        (
            "more of its labels",
            json!({"app": "shop", "tier": "front"}),
            true,
            false,
        ),
        ("green", json!({"app": "shop", "color": "green"}), true, true),
        ("another app", json!({"app": "maintenance"}), true, true),
        ("a label it has not", json!({"app": "shop", "zone": "a"}), true, true),
        ("none", Value::Null, true, true),
        (
            "green, nobody looked",
            json!({"app": "shop", "color": "green"}),
            false,
            true,
        ),
        (
            "a new label, nobody looked",
            json!({"app": "shop", "zone": "a"}),
            false,
            false,
        ),
    ] {
        let mut new = old.clone();
        new["spec"]["selector"] = sent.clone();
        let pods = pods.as_object().filter(|_| looked);
        let (after, warnings) = told(&old, &new, Apex { pods, ..USERS });
        let selector = if leaves { &sent } else { &old["spec"]["selector"] };
        assert_eq!(&after["spec"]["selector"], selector, "{what}");
        let noted = after["metadata"]["annotations"].get(ORIGINAL_SELECTOR);
        let expected = (!leaves).then(|| json!(sent.to_string()));
        assert_eq!(noted, expected.as_ref(), "{what}");
        assert_eq!(
            warnings.iter().any(|line| line.contains("points at other pods")),
            leaves,
            "{what}"
        );
    }
}

#[test]
fn one_that_comes_back_follows_at_once() {
    let old = json!({"metadata": {"name": "shop"}, "spec": {"selector": {"app": "green"}}});
    let mut new = old.clone();
    new["spec"]["selector"] = json!({"app": "shop"});
    let primary = json!({"app": "shop-primary"});
    let aim = points_anew(&request(old.clone(), new.clone())).unwrap();
    let mutation = joined(&request(old, new.clone()), aim, &primary, "shop");
    let after = applied(&new, &mutation.patch).unwrap();
    assert_eq!(after["spec"]["selector"], primary);
    assert_eq!(
        after["metadata"]["annotations"][ORIGINAL_SELECTOR],
        json!(r#"{"app":"shop"}"#)
    );
}

#[test]
fn nobody_owns_the_selector_that_we_move_for_the_first_time() {
    let old = json!({"metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}});
    let mut new = old.clone();
    new["spec"]["selector"] = json!({"app": "shop-primary"});
    new["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: r#"{"app":"shop"}"#});
    new["metadata"]["managedFields"] = json!([
        {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:ports": {}}}},
        {"manager": "coalmine", "operation": "Update", "fieldsV1": {"f:spec": {"f:selector": {}}}},
    ]);
    let building = Apex {
        ours: true,
        stage: CoarseStage::Building,
        ..USERS
    };
    let (after, _) = told(&old, &new, building);
    assert_eq!(after["spec"]["selector"], new["spec"]["selector"]);
    assert!(
        !after["metadata"]["managedFields"].to_string().contains("f:selector"),
        "{after}"
    );
}
