//! Ingresses as people write them, for the properties of every provider that makes others beside them.

use super::{API_VERSION, KIND, paths};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

fn named(members: Vec<(&'static str, Value)>) -> Map<String, Value> {
    let named = members.into_iter().map(|(key, value)| (key.to_owned(), value));
    named.collect()
}

// To the app, to others, to what is no Service; by name or by number; with what later versions may have besides.
fn some_path() -> impl Strategy<Value = Value> {
    let service = |name: &str, port: Value| json!({"service": {"name": name, "port": port}});
    let backends = vec![
        service("web", json!({"name": "http"})),
        service("web", json!({"number": 80})),
        service("other", json!({"number": 80})),
        service("web-v2", json!({"number": 80})),
        json!({"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "web"}}),
    ];
    let kinds = select(vec!["Prefix", "Exact", "ImplementationSpecific"]);
    let others = subsequence(vec![("x-of-tomorrow", json!([{"a": 1}]))], 0..=1);
    (select(backends), select(vec!["/", "/a", "/a/b"]), kinds, others).prop_map(|(backend, path, kind, others)| {
        let mut all = named(others);
        all.extend(named(vec![
            ("path", json!(path)),
            ("pathType", json!(kind)),
            ("backend", backend),
        ]));
        Value::Object(all)
    })
}

fn some_rule() -> impl Strategy<Value = Value> {
    let host = select(vec![None, Some("a.test"), Some("*.test")]);
    let paths = proptest::option::weighted(0.9, proptest::collection::vec(some_path(), 1..4));
    (host, paths).prop_map(|(host, paths)| {
        let mut rule = Map::new();
        rule.extend(host.map(|host| ("host".to_owned(), json!(host))));
        rule.extend(paths.map(|paths| ("http".to_owned(), json!({ "paths": paths }))));
        Value::Object(rule)
    })
}

/// An Ingress called `front`, with some of these `annotations`.
pub(in crate::routing) fn some_ingress(annotations: Vec<(&'static str, Value)>) -> impl Strategy<Value = Value> {
    let most = annotations.len();
    let default = json!({"service": {"name": "web", "port": {"number": 80}}});
    let members = vec![
        ("ingressClassName", json!("edge")),
        ("tls", json!([{"hosts": ["a.test"], "secretName": "cert"}])),
        ("defaultBackend", default),
        ("x-of-tomorrow", json!({"a": []})),
    ];
    let metadata = vec![
        ("labels", json!({"team": "a"})),
        ("finalizers", json!(["example.com/kept"])),
        (
            "ownerReferences",
            json!([{"kind": "Site", "name": "site", "uid": "s-1"}]),
        ),
    ];
    (
        proptest::collection::vec(some_rule(), 0..4),
        subsequence(annotations, 0..=most),
        subsequence(members, 0..=4),
        subsequence(metadata, 0..=3),
    )
        .prop_map(|(rules, annotations, members, metadata)| {
            let mut ingress = json!({
                "apiVersion": API_VERSION, "kind": KIND,
                "metadata": named(metadata), "spec": named(members),
            });
            ingress["metadata"]["name"] = json!("front");
            ingress["metadata"]["namespace"] = json!("shop");
            ingress["metadata"]["annotations"] = Value::Object(named(annotations));
            ingress["spec"]["rules"] = json!(rules);
            ingress
        })
}

/// Whether any of its paths leads to the app.
pub(in crate::routing) fn has_path(ingress: &Value) -> bool {
    paths::to(ingress, "web").next().is_some()
}
