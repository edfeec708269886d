//! Which references name a Service, and how another is named in the same words.

use super::*;

// As one of the backends, or in an entry of `to`; whether it is the app's.
#[test]
fn a_service_is_named_by_name_labels_or_tag_and_by_nothing_else() {
    let in_labels = |labels: Value| json!({"kind": "MeshService", "labels": labels, "port": 80});
    let named = |name: &str| json!({"kind": "MeshService", "name": name});
    for (mut reference, is_backend, is_target) in [
        (json!({"kind": "MeshService", "name": "web", "port": 80}), true, true),
        (
            json!({"kind": "MeshService", "name": "web", "sectionName": "http"}),
            true,
            true,
        ),
        (
            json!({"kind": "MeshService", "name": "web", "namespace": "shop", "port": 80}),
            true,
            true,
        ),
        (
            json!({"kind": "MeshService", "name": "web", "namespace": "", "port": 80}),
            true,
            true,
        ),
        (
            json!({"kind": "MeshService", "name": "web", "namespace": "old", "port": 80}),
            false,
            false,
        ),
        // Without a port Kuma takes it for a tag, in a list of backends.
        (named("web"), false, true),
        (named("web_shop_svc_80"), true, true),
        (named("web_old_svc_80"), false, false),
        (named("web_shop_svc"), false, false),
        (named("web_shop_svc_http"), false, false),
        (named("web_shop_pod_80"), false, false),
        (named("web_shop_svc_80_1"), false, false),
        // With one it is the name of a MeshService, which has no such name.
        (
            json!({"kind": "MeshService", "name": "web_shop_svc_80", "port": 80}),
            false,
            false,
        ),
        (in_labels(json!({"kuma.io/display-name": "web"})), true, true),
        (
            in_labels(json!({"kuma.io/display-name": "web", "k8s.kuma.io/namespace": "shop"})),
            true,
            true,
        ),
        (
            in_labels(json!({"kuma.io/display-name": "web", "k8s.kuma.io/namespace": "old"})),
            false,
            false,
        ),
        (
            in_labels(json!({"kuma.io/display-name": "web", "kuma.io/zone": "east"})),
            false,
            false,
        ),
        (in_labels(json!({"app": "web"})), false, false),
        (
            json!({"kind": "MeshExternalService", "name": "web", "port": 80}),
            false,
            false,
        ),
        (
            json!({"kind": "MeshMultiZoneService", "name": "web", "port": 80}),
            false,
            false,
        ),
        (
            json!({"kind": "MeshServiceSubset", "name": "web_shop_svc_80", "tags": {"version": "v1"}}),
            false,
            false,
        ),
        (json!({"kind": "Mesh"}), false, false),
    ] {
        reference["weight"] = json!(1);
        let as_backend = carried(&to(json!([reference])), Traffic::share(10));
        assert_eq!(
            MeshHttpRoute.names_a_half(&as_backend, &names()),
            is_backend,
            "{reference}"
        );
        let about = with_entries(json!([{"targetRef": reference, "rules": []}]));
        assert_eq!(MeshHttpRoute.refers_to(&about, &names()), is_target, "{reference}");
    }
}

#[test]
fn the_halves_are_named_in_the_words_of_the_apex() {
    for (apex, primary) in [
        (
            json!({"kind": "MeshService", "name": "web", "namespace": "shop", "port": 80, "weight": 1}),
            json!({"kind": "MeshService", "name": "web-primary", "namespace": "shop", "port": 80, "weight": 90}),
        ),
        (
            json!({"kind": "MeshService", "name": "web_shop_svc_80", "weight": 1}),
            json!({"kind": "MeshService", "name": "web-primary_shop_svc_80", "weight": 90}),
        ),
        (
            json!({
                "kind": "MeshService", "port": 80, "weight": 1,
                "labels": {"kuma.io/display-name": "web", "k8s.kuma.io/namespace": "shop"},
            }),
            json!({
                "kind": "MeshService", "port": 80, "weight": 90,
                "labels": {"kuma.io/display-name": "web-primary", "k8s.kuma.io/namespace": "shop"},
            }),
        ),
    ] {
        let mine = to(json!([apex]));
        let ten = carried(&mine, Traffic::share(10));
        assert_eq!(backends(&ten)[0], primary);
        assert_eq!(backends(&ten)[1]["weight"], 10);
        assert_eq!(read(&ten, &Exposure::default(), None), Some(Traffic::share(10)));
        assert_eq!(folded(&ten), mine);
    }
}

#[test]
fn it_is_found_by_what_it_is_about_and_by_what_it_sends_to() {
    let mine = with_entries(json!([
        {
            "targetRef": {"kind": "MeshService", "name": "web", "sectionName": "http"},
            "rules": [{"matches": everything(), "default": {"backendRefs": [
                {"kind": "MeshService", "name": "other", "namespace": "old", "port": 80},
                {"kind": "MeshService", "name": "third_older_svc_80"},
                {"kind": "MeshExternalService", "name": "outside"},
            ]}}],
        },
        {"targetRef": {"kind": "MeshService", "name": "own", "namespace": "shop"}, "rules": []},
    ]));
    let mut found = MeshHttpRoute.services(&mine);
    found.sort_unstable();
    assert_eq!(found, ["other", "own", "third", "web"]);
    let pair = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    assert_eq!(
        MeshHttpRoute.outward(&mine, Some("shop")).unwrap(),
        [pair("old", "other"), pair("older", "third")]
    );
    assert_eq!(MeshHttpRoute.hosts(&mine), [""; 0]);
}
