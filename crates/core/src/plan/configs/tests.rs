use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn reference(kind: ConfigKind, name: &str) -> Reference {
    Reference {
        kind,
        name: name.to_owned(),
    }
}

// One template with a config named in every place there is; `names(n)` is the name in the n-th.
fn everywhere(names: impl Fn(usize) -> String) -> Value {
    let container = |first: usize| {
        json!({
            "name": "c",
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": names(first), "key": "k"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": names(first + 1), "key": "k"}}},
                {"name": "C", "value": names(99)},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [{"configMapRef": {"name": names(first + 2)}}, {"secretRef": {"name": names(first + 3)}}],
        })
    };
    json!({"metadata": {"labels": {"app": names(99)}}, "spec": {
        "imagePullSecrets": [{"name": names(99)}],
        "serviceAccountName": names(99),
        "volumes": [
            {"name": "a", "configMap": {"name": names(0)}},
            {"name": "b", "secret": {"secretName": names(1)}},
            {"name": "c", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token"}},
                {"configMap": {"name": names(2)}}, {"secret": {"name": names(3)}}]}},
            {"name": "d", "emptyDir": {}},
            {"name": "e", "csi": {"driver": "d", "nodePublishSecretRef": {"name": names(99)}}},
        ],
        "containers": [container(4), container(8)],
        "initContainers": [container(12)],
        "ephemeralContainers": [container(16)],
    }})
}

#[test]
fn every_place_a_pod_can_name_a_config_is_found_and_rewritten_and_nothing_else() {
    let template = everywhere(|n| format!("n{n}"));
    let found = references(&template);
    let expected: BTreeMap<Reference, bool> = (0..20)
        .map(|n| (reference(ConfigKind::ALL[n % 2], &format!("n{n}")), false))
        .collect();
    assert_eq!(found, expected);
    let all = found.into_keys().collect();
    let names = |n| {
        if n < 20 {
            format!("n{n}-primary")
        } else {
            format!("n{n}")
        }
    };
    assert_eq!(rewritten(&template, &all), everywhere(names));
    let one = BTreeSet::from([reference(ConfigKind::Secret, "n15")]);
    let names = |n| {
        if n == 15 {
            String::from("n15-primary")
        } else {
            format!("n{n}")
        }
    };
    assert_eq!(rewritten(&template, &one), everywhere(names));
}

#[test]
fn a_config_is_optional_when_every_mention_is() {
    let template = json!({"spec": {"containers": [
        {"envFrom": [{"configMapRef": {"name": "a", "optional": true}}, {"configMapRef": {"name": "b", "optional": true}}]},
        {"envFrom": [{"configMapRef": {"name": "b"}}]},
    ]}});
    let found = references(&template);
    assert!(found[&reference(ConfigKind::ConfigMap, "a")]);
    assert!(!found[&reference(ConfigKind::ConfigMap, "b")]);
}

#[test]
fn checksums_are_flaggers() {
    assert_eq!(checksum(&json!({"data": {"color": "red"}})), "241889ca0604e333");
    assert_eq!(checksum(&json!({"data": {"apiKey": "dGVzdA=="}})), "3930f0692c2295eb");
    assert_eq!(checksum(&json!({})), "74234e98afe7498f");
    let escaped = short_sha(r#"{"a":"\u003cb\u003e \u0026 \u2028","b":"\"\\\n"}"#);
    assert_eq!(
        checksum(&json!({"data": {"b": "\"\\\n", "a": "<b> & \u{2028}"}})),
        escaped
    );
    let binary = |data: &str| checksum(&json!({"data": {"color": "red"}, "binaryData": {"b": data}}));
    assert_ne!(binary("AAA="), "241889ca0604e333");
    assert_ne!(binary("AAA="), binary("AAE="));
}

#[test]
fn tracked_is_what_flagger_tracks() {
    let secret = |kind: &str| is_tracked(&json!({"type": kind, "metadata": {}}));
    for kind in TRACKED_TYPES {
        assert!(secret(kind), "{kind}");
    }
    assert!(!secret("kubernetes.io/service-account-token") && !secret("kubernetes.io/dockerconfigjson"));
    let map = |value: &str| is_tracked(&json!({"metadata": {"annotations": {labels::CONFIG_TRACKING: value}}}));
    assert!(is_tracked(&json!({"metadata": {}})) && map("enabled"));
    assert!(!map("disabled") && !map("disable"));
}

#[test]
fn a_copy_has_the_data_and_the_users_annotations_but_no_mark_of_a_tool() {
    let original = json!({
        "metadata": {"name": "cfg", "namespace": "shop", "uid": "x", "resourceVersion": "1",
            "labels": {"team": "a", "other": "b"},
            "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "kustomize.toolkit.fluxcd.io/prune": "x", "argocd.argoproj.io/tracking-id": "x"}},
        "data": {"a": "1"}, "binaryData": {"b": "AA=="}, "immutable": true,
    });
    let owners = [json!({"kind": "Canary", "uid": "u"})];
    assert_eq!(
        copy(
            &original,
            &reference(ConfigKind::ConfigMap, "cfg"),
            &owners,
            &["team".into()]
        ),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "cfg-primary", "namespace": "shop",
                "labels": {"team": "a", "app.kubernetes.io/managed-by": "flagger"},
                "annotations": {"note": "kept"}, "ownerReferences": owners},
            "data": {"a": "1"}, "binaryData": {"b": "AA=="},
        })
    );
}

#[test]
fn a_revision_changes_with_what_its_pods_read() {
    let template =
        json!({"spec": {"containers": [{"envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]}]}});
    let named = references(&template);
    let with = |a: &str, b: &str, kinds: &[ConfigKind]| {
        let tracked = BTreeMap::from([
            (reference(ConfigKind::ConfigMap, "a"), a.to_owned()),
            (reference(ConfigKind::Secret, "b"), b.to_owned()),
        ]);
        revision_of("v1-t", &named, &tracked, kinds)
    };
    let all = &ConfigKind::ALL;
    assert_eq!(with("1", "2", all), with("1", "2", all));
    assert_ne!(with("1", "2", all), with("2", "2", all));
    assert_ne!(with("1", "2", all), with("1", "1", all));
    let blind = with("1", "2", &[ConfigKind::ConfigMap]);
    assert_eq!(blind, with("1", "3", &[ConfigKind::ConfigMap]));
    assert_eq!(revision::in_terms_of(&blind, &with("1", "3", all)), with("1", "3", all));
    assert_eq!(revision_of("v1-t", &BTreeMap::new(), &BTreeMap::new(), all), "v1-t");
}

proptest! {
    #[test]
    fn rewriting_is_exact_and_idempotent(names in proptest::collection::vec("[a-e]", 20), tracked in proptest::collection::btree_set("[a-e]", 0..5)) {
        let template = everywhere(|n| names.get(n).cloned().unwrap_or_else(|| String::from("other")));
        let set: BTreeSet<Reference> = tracked.iter()
            .flat_map(|name| ConfigKind::ALL.map(|kind| reference(kind, name))).collect();
        let once = rewritten(&template, &set);
        let expected = everywhere(|n| match names.get(n) {
            Some(name) if tracked.contains(name) => format!("{name}-primary"),
            Some(name) => name.clone(),
            None => String::from("other"),
        });
        prop_assert_eq!(&once, &expected);
        prop_assert_eq!(rewritten(&once, &set), once);
    }

    #[test]
    fn a_key_names_its_reference(name in "[a-z0-9.-]{1,20}", kind in 0usize..2) {
        let reference = reference(ConfigKind::ALL[kind], &name);
        prop_assert_eq!(Reference::parse(&reference.key()), Some(reference));
    }
}
