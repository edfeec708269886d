use super::*;
use crate::plan::enrolment::Around;
use crate::routing::Names;
use serde_json::json;

fn target(spec: Value) -> Value {
    let mut target = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}},
        },
    });
    json_patch::merge(&mut target["spec"], &spec);
    target
}

fn pair(apex: Option<&str>) -> Blueprint {
    Blueprint {
        names: apex.map(Names::new),
        ..Blueprint::sample()
    }
}

fn why(target: &Value, around: &Surroundings) -> Option<String> {
    let selector = Selector::of(target, &Selector::default_keys()).unwrap();
    let checked = check(target, &selector, &pair(Some("web")), around);
    checked.err().map(|why| why.to_string())
}

fn mounting(claim: Claim) -> (Value, Surroundings) {
    let volumes = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "e", "emptyDir": {}}]);
    let around = Surroundings {
        claims: BTreeMap::from([("data".to_owned(), claim)]),
        ..Surroundings::default()
    };
    (target(json!({"template": {"spec": {"volumes": volumes}}})), around)
}

#[test]
fn nothing_keeps_a_plain_app_from_being_paired() {
    assert_eq!(why(&target(json!({})), &Surroundings::default()), None);
}

#[test]
fn what_only_one_revision_may_have_keeps_an_app_out() {
    let host = json!([{"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]);
    for (spec, word) in [
        (json!({"strategy": {"type": "Recreate"}}), "Recreate"),
        (json!({"template": {"spec": {"hostNetwork": true}}}), "host ports"),
        (json!({"template": {"spec": {"containers": host}}}), "host ports"),
        (json!({"template": {"spec": {"initContainers": host}}}), "host ports"),
    ] {
        let said = why(&target(spec), &Surroundings::default()).unwrap();
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn a_claim_is_shared_only_by_its_modes() {
    let modes = |all: &[&str]| Claim::Modes(all.iter().map(|mode| (*mode).to_owned()).collect());
    for (claim, word) in [
        (modes(&["ReadWriteMany"]), None),
        (modes(&["ReadOnlyMany"]), None),
        (modes(&["ReadWriteOnce", "ReadWriteMany"]), None),
        (modes(&["ReadWriteOnce"]), Some("data (ReadWriteOnce)")),
        (modes(&["ReadWriteOncePod"]), Some("ReadWriteOncePod")),
        (modes(&["ReadOnlyMany", "ReadWriteOnce"]), Some("at once")),
        (modes(&[]), Some("no mode")),
        (Claim::Missing, Some("does not exist yet")),
        (Claim::Unknown, Some("could not be looked at")),
    ] {
        let (target, around) = mounting(claim.clone());
        assert_eq!(claims(&target), ["data"]);
        let said = why(&target, &around);
        assert_eq!(said.is_some(), word.is_some(), "{claim:?} {said:?}");
        assert!(word.is_none_or(|word| said.unwrap().contains(word)), "{claim:?}");
    }
}

#[test]
fn a_network_policy_that_would_miss_primary_keeps_an_app_out() {
    let policy =
        |namespace: &str, spec: Value| json!({"metadata": {"name": "wall", "namespace": namespace}, "spec": spec});
    let own = json!({"matchLabels": {"app": "web"}});
    let peer = |namespaces: Value| json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"podSelector": own, "namespaceSelector": namespaces}]}]});
    let around = |policy: Value| Surroundings {
        policies: vec![policy].into(),
        namespace_labels: json!({"team": "a"}).as_object().unwrap().clone(),
        ..Surroundings::default()
    };
    for (policy, out) in [
        (policy("shop", json!({"podSelector": own})), true),
        (policy("shop", json!({"podSelector": {}})), false),
        // Another namespace's own pods are none of ours.
        (policy("db", json!({"podSelector": own})), false),
        (
            policy(
                "db",
                json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": own}]}]}),
            ),
            false,
        ),
        (policy("db", peer(json!({}))), true),
        (policy("db", peer(json!({"matchLabels": {"team": "a"}}))), true),
        (policy("db", peer(json!({"matchLabels": {"team": "b"}}))), false),
        (policy("shop", peer(json!({"matchLabels": {"team": "b"}}))), false),
    ] {
        let said = why(&target(json!({})), &around(policy.clone()));
        assert_eq!(said.is_some(), out, "{policy} {said:?}");
        assert!(said.is_none_or(|said| said.contains("NetworkPolicy")));
    }
}

#[test]
fn names_have_limits_and_services_have_more_of_them() {
    let long = "a".repeat(56);
    for (target, apex, word) in [
        ("web", Some("web"), None),
        (&"a".repeat(55), None, None),
        (&long, None, Some("longer than 63")),
        ("web", Some(long.as_str()), Some("longer than 63")),
        ("report.v2", None, None),
        ("report.v2", Some("report.v2"), Some("report.v2")),
        ("2048", Some("2048"), Some("a letter first")),
        ("report.v2", Some("report"), None),
    ] {
        let pair = Blueprint {
            target: target.to_owned(),
            ..pair(apex)
        };
        let said = names(&pair).err().map(|why| why.to_string());
        assert_eq!(said.is_some(), word.is_some(), "{target} {said:?}");
        assert!(word.is_none_or(|word| said.unwrap().contains(word)), "{target}");
    }
}

#[test]
fn what_has_a_name_of_the_pairs_and_is_not_of_it_keeps_an_app_out() {
    let named = |metadata: Value| {
        let mut object = json!({"metadata": {"name": "web-primary"}});
        json_patch::merge(&mut object["metadata"], &metadata);
        object
    };
    for (metadata, out) in [
        (json!({}), true),
        (json!({"ownerReferences": [{"kind": "Application", "name": "x"}]}), true),
        (json!({"ownerReferences": [{"kind": "Canary", "name": "web"}]}), false),
        (json!({"labels": {labels::GENERATED: "true"}}), false),
        (json!({"labels": {"app.kubernetes.io/managed-by": "flagger"}}), false),
        (json!({"annotations": {REVISION_ANNOTATION: "v1-a"}}), false),
    ] {
        let primary = Surroundings {
            primary: Some(named(metadata.clone())),
            ..Surroundings::default()
        };
        let half = Surroundings {
            halves: vec![named(metadata.clone())],
            ..Surroundings::default()
        };
        let (deployment, service) = (why(&target(json!({})), &primary), why(&target(json!({})), &half));
        assert_eq!((deployment.is_some(), service.is_some()), (out, out), "{metadata}");
        assert!(deployment.is_none_or(|said| said.contains("Deployment web-primary")));
        assert!(service.is_none_or(|said| said.contains("Service web-primary")));
    }
}

#[test]
fn a_policy_that_says_too_much_to_be_looked_at_keeps_the_apps_of_its_own_namespace_out() {
    let block = json!({"ipBlock": {"cidr": "10.0.0.0/8"}});
    let gateway = json!({"podSelector": {"matchLabels": {"app": "gateway"}}});
    for (namespace, peer, out) in [
        ("shop", &gateway, true),
        ("db", &gateway, false),
        ("shop", &block, false), // of which nothing is kept
    ] {
        let mut policy = json!({
            "metadata": {"name": "wall", "namespace": namespace},
            "spec": {"podSelector": {}, "ingress": [{"from": vec![peer; 2000], "ports": [{"port": 80}]}]},
        });
        reach::slim(&mut policy);
        assert!(policy.pointer("/spec/ingress/0/ports").is_none());
        let around = Surroundings {
            policies: vec![policy].into(),
            ..Surroundings::default()
        };
        let said = why(&target(json!({})), &around);
        assert_eq!(said.is_some(), out, "{said:?}");
        let named = "NetworkPolicy \"wall\" has more than 64 KiB of selectors";
        assert!(said.is_none_or(|said| said.starts_with(named)), "{namespace}");
    }
}

#[test]
fn only_what_a_claim_or_a_policy_has_caused_may_be_lifted_by_one() {
    let wall = json!({
        "metadata": {"name": "wall", "namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
    });
    let walled = Surroundings {
        policies: vec![wall].into(),
        ..Surroundings::default()
    };
    let (mounting, claimed) = mounting(Claim::Missing);
    let lifted_by = |target: &Value, around: &Surroundings| {
        let selector = Selector::of(target, &Selector::default_keys()).unwrap();
        let refused = check(target, &selector, &pair(Some("web")), around);
        refused.unwrap_err().lifted_by()
    };
    let plain = target(json!({}));
    let recreated = target(json!({"strategy": {"type": "Recreate"}}));
    assert_eq!(lifted_by(&plain, &walled), Some(Around::NetworkPolicy));
    assert_eq!(lifted_by(&mounting, &claimed), Some(Around::Claim));
    assert_eq!(lifted_by(&recreated, &walled), None, "whatever becomes of the policy");
}

#[test]
fn a_policy_of_another_namespace_keeps_an_app_out_only_while_it_has_a_say() {
    let peers = json!([{"namespaceSelector": {}, "podSelector": {"matchExpressions": [
        {"key": "app", "operator": "In", "values": ["web", "api"]}]}}]);
    let policy = json!({
        "metadata": {"name": "bait", "namespace": "team-a"},
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "ingress": [{"from": peers}]},
    });
    let mut around = Surroundings {
        policies: vec![policy].into(),
        ..Surroundings::default()
    };
    let said = why(&target(json!({})), &around).unwrap();
    assert!(
        said.starts_with("in namespace team-a, NetworkPolicy \"bait\"") && said.ends_with("protects a pod there"),
        "{said}"
    );
    around.idle.insert(("team-a".to_owned(), "bait".to_owned()));
    assert_eq!(why(&target(json!({})), &around), None);
}
