//! What is refused, or told.

use super::*;
use crate::plan::{Defaults, blueprint};
use crate::routing::Provider;

fn rejected(service: Value) -> Vec<String> {
    let spec = canary(service);
    let kuma = Provider::parse("kuma").unwrap();
    let all = kuma.rejects(&spec);
    assert_eq!(all.is_empty(), kuma.published("shop", &names(), &spec).is_some());
    all.into_iter().map(|(field, why)| format!("{field}: {why}")).collect()
}

#[test]
fn a_port_has_to_say_that_it_speaks_http() {
    for spoken in ["http", "http2", "grpc"] {
        assert_eq!(rejected(json!({"port": 80, "appProtocol": spoken})), [""; 0]);
    }
    let told = |key: &str, spoken: &str| json!({"port": 80, "apex": {"annotations": {key: spoken}}});
    assert_eq!(rejected(told("80.service.kuma.io/protocol", "http")), [""; 0]);
    for silent in [
        json!({"port": 80}),
        json!({"port": 80, "appProtocol": ""}),
        json!({"port": 80, "appProtocol": "kubernetes.io/h2c"}),
        told("81.service.kuma.io/protocol", "http"),
        told("80.service.kuma.io/protocol", "kafka"),
        told("80.service.kuma.io/protocol", "tcp"),
    ] {
        let [line] = rejected(silent).try_into().unwrap();
        assert!(
            line.starts_with("spec.service.appProtocol: ") && line.contains("http, http2 or grpc; write which"),
            "{line}"
        );
    }
    // Of connections it is said once.
    let [line] = rejected(json!({"port": 80, "appProtocol": "TCP"})).try_into().unwrap();
    assert!(line.contains("splits requests, not connections"), "{line}");
}

#[test]
fn a_path_begins_with_a_slash() {
    let matching = |uri: Value| json!({"port": 80, "appProtocol": "http", "match": [{}, {"uri": uri}]});
    for fine in [
        json!({"prefix": ""}),
        json!({"prefix": "/a/"}),
        json!({"exact": "/"}),
        json!({"regex": "a"}),
    ] {
        assert_eq!(rejected(matching(fine)), [""; 0]);
    }
    for (uri, form) in [
        (json!({"prefix": "a"}), "prefix"),
        (json!({"exact": "a"}), "exact"),
        (json!({"exact": ""}), "exact"),
    ] {
        let [line] = rejected(matching(uri)).try_into().unwrap();
        assert!(
            line.starts_with(&format!("spec.service.match[1].uri.{form}: ")) && line.contains("such as /api"),
            "{line}"
        );
    }
}

#[test]
fn one_that_leads_nobody_to_the_app_says_so() {
    let other = told(&with_entries(json!([{
        "targetRef": {"kind": "MeshService", "name": "shop"},
        "rules": [{"matches": everything(), "default": {"backendRefs": [service("other", 1)]}}],
    }])))
    .unwrap();
    assert!(
        other.starts_with("MeshHTTPRoute front does not send to Service web: name MeshService web with its port in"),
        "{other}"
    );
    // Those rules are for the app's users, and none of them meets a canary.
    for default in [
        json!({"filters": []}),
        json!({"backendRefs": [service("legacy", 1)]}),
        json!({"backendRefs": [{"kind": "MeshService", "name": "web", "weight": 1}]}),
    ] {
        let mine = with_entries(json!([{
            "targetRef": {"kind": "MeshService", "name": "web"},
            "rules": [{"matches": everything(), "default": default}],
        }]));
        assert!(MeshHttpRoute.refers_to(&mine, &names()));
        let why = told(&mine).unwrap();
        assert!(why.contains("of which none names it as a backend"), "{why}");
        assert_eq!(carried(&mine, Traffic::share(20)), mine);
        assert_eq!(read(&mine, &Exposure::default(), Some(Traffic::share(20))), None);
        assert!(!MeshHttpRoute.is_split(&mine, &names()));
        assert_eq!(folded(&mine), mine);
    }
    assert_eq!(told(&to(json!([service("web", 1)]))), None);
}

#[test]
fn conditions_that_cannot_be_said_are_never_widened() {
    let test = tested(json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
    let mut mine = to(json!([service("web", 1)]));
    mine["spec"]["to"][0]["rules"][0]["matches"] =
        json!([{"headers": [{"name": "x-canary", "type": "Exact", "value": "no"}]}]);
    let ours = shown(&mine, MATCHED, &test);
    assert_eq!(rules(&ours).len(), 1, "nobody can be both");
    assert_eq!(read(&ours, &test, Some(MATCHED)), Some(MATCHED));
}

#[test]
fn sessions_are_nothing_that_is_waited_for() {
    let expected = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    let mine = to(json!([service("web", 1)]));
    let ours = carried(&mine, expected);
    assert_eq!(ours, carried(&mine, Traffic::share(20)));
    assert_eq!(read(&ours, &Exposure::default(), Some(expected)), Some(expected));
}

// What Flagger's tutorial for Kuma says of the mesh and of the protocol is heard.
#[test]
fn the_annotations_that_flagger_reads_are_read() {
    let of = |annotations: Value, apex: Value| {
        let canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
            "spec": {
                "provider": "kuma", "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "service": {"port": 9898, "apex": apex},
            },
        });
        blueprint(&from_value(canary).unwrap(), &Defaults::default()).unwrap()
    };
    let spoken = json!({"annotations": {"9898.service.kuma.io/protocol": "http"}});
    let told = of(json!({"kuma.io/mesh": "payments"}), spoken.clone());
    assert_eq!(
        told.route.unwrap()["metadata"]["labels"],
        json!({"kuma.io/mesh": "payments"})
    );
    assert_eq!(told.port.unwrap().app_protocol.as_deref(), Some("http"));
    let untold = of(json!({}), spoken.clone());
    assert_eq!(
        untold.route.unwrap()["metadata"]["labels"],
        json!({"kuma.io/mesh": "default"})
    );
    let mut labelled = spoken;
    labelled["labels"] = json!({"kuma.io/mesh": "other", "team": "a"});
    let labelled = of(json!({"kuma.io/mesh": "payments"}), labelled);
    assert_eq!(
        labelled.route.unwrap()["metadata"]["labels"],
        json!({"kuma.io/mesh": "other", "team": "a"})
    );
    assert_eq!(of(json!({}), json!({})).route, None);
}
