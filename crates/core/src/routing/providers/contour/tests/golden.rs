//! Whole objects, as they are sent. The suite has a real API server with Contour's definition judge them as well.

use super::*;
use crate::plan::{Defaults, blueprint};

fn object(service: Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let spec = canary(service, json!({}));
    let route = Contour.published("shop", &names(), &spec).unwrap();
    assert_eq!(
        read(&shown(&route, traffic, exposure), exposure, Some(traffic)),
        Some(traffic)
    );
    shown(&route, traffic, exposure)
}

fn of_flaggers_tutorial() -> Value {
    json!({
        "port": 80, "targetPort": 9898, "timeout": "15s", "match": [{"uri": {"prefix": "/api"}}],
        "retries": {"attempts": 3, "perTryTimeout": "5s"},
    })
}

#[test]
fn rest() {
    insta::assert_json_snapshot!(
        "rest",
        object(of_flaggers_tutorial(), Traffic::PRIMARY, &Exposure::default())
    );
}

#[test]
fn weights() {
    insta::assert_json_snapshot!(
        "weights",
        object(json!({"port": 80}), Traffic::share(5), &Exposure::default())
    );
}

#[test]
fn everybody() {
    insta::assert_json_snapshot!(
        "everybody",
        object(json!({"port": 80}), Traffic::CANARY, &Exposure::default())
    );
}

#[test]
fn every_field_of_the_service() {
    let service = json!({
        "port": 8080, "timeout": "0s",
        "apex": {"labels": {"team": "a"}, "annotations": {"projectcontour.io/ingress.class": "inner"}},
        "match": [
            {
                "uri": {"regex": "^/v[12]/.*"}, "method": {"exact": "GET"}, "headers": {"X-Team": {"prefix": "a"}, "x-any": {}},
                "queryParams": {"q": {"exact": "1"}},
            },
            {"uri": {"exact": "/health"}},
            {"headers": {"x-empty": {"exact": ""}}},
        ],
        "retries": {"attempts": 0, "perTryTimeout": "0s", "retryOn": "gateway-error, connect-failure"},
    });
    insta::assert_json_snapshot!("service", object(service, Traffic::PRIMARY, &Exposure::default()));
}

#[test]
fn a_test_of_named_users() {
    insta::assert_json_snapshot!("ab_test", object(of_flaggers_tutorial(), MATCHED, &several()));
}

#[test]
fn copies() {
    let some = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("mirror", object(json!({"port": 80}), some, &Exposure::default()));
}

// What the author says of other routes and of everything else is nobody else's.
#[test]
fn a_root_of_the_users_own() {
    let mut mine = with_routes(json!([
        {"conditions": [{"prefix": "/old"}], "requestRedirectPolicy": {"path": "/", "statusCode": 301}},
        {
            "conditions": [{"header": {"name": "x-team", "exact": "a"}}, {"prefix": "/"}], "enableWebsockets": true,
            "loadBalancerPolicy": {"strategy": "WeightedLeastRequest"},
            "services": [
                {"name": "legacy", "port": 80},
                {
                    "name": "web", "port": 80, "protocol": "h2c",
                    "responseHeadersPolicy": {"set": [{"name": "x-served-by", "value": "web"}]},
                },
                {"name": "audit", "port": 80, "mirror": true, "weight": 10},
            ],
        },
        {"conditions": [{"prefix": "/"}], "services": [{"name": "web", "port": 80}]},
    ]));
    mine["metadata"]["labels"] = json!({"team": "a"});
    mine["spec"]["includes"] = json!([{"name": "blog", "namespace": "marketing", "conditions": [{"prefix": "/blog"}]}]);
    mine["spec"]["virtualhost"]["tls"] = json!({"secretName": "certificate"});
    let traffic = Traffic {
        matched: true,
        mirror: 40,
        ..Traffic::share(20)
    };
    let exposure = several();
    let ours = shown(&mine, traffic, &exposure);
    assert_eq!(read(&ours, &exposure, Some(traffic)), Some(traffic));
    assert_eq!(folded(&ours), mine);
    insta::assert_json_snapshot!("takeover", ours);
}

#[test]
fn the_class_of_the_command_line_is_that_of_what_is_made() {
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "provider": "contour", "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "service": {"port": 80},
        },
    });
    let canary = from_value(canary).unwrap();
    let made = |class: &str| {
        let routing = ProviderDefaults {
            ingress_class: class.to_owned(),
            ingress_annotations_prefix: class.to_owned(),
        };
        let defaults = Defaults {
            routing,
            ..Defaults::default()
        };
        blueprint(&canary, &defaults).unwrap()
    };
    let (told, untold) = (made("public"), made(""));
    let (classed, plain) = (told.route.unwrap(), untold.route.unwrap());
    assert_eq!(classed["spec"]["ingressClassName"], "public");
    assert_eq!(plain["spec"].get("ingressClassName"), None);
    assert_eq!(classed["spec"]["routes"], plain["spec"]["routes"]);
    assert_eq!(
        HttpProxy.folded(&classed, &names())["spec"]["ingressClassName"],
        "public"
    );
    // And so is the prefix of what an Ingress is told.
    let prefix = |told: &Exposure| told.defaults.ingress_annotations_prefix.clone();
    assert_eq!(prefix(&told.exposure), "public");
    assert_eq!(prefix(&untold.exposure), "");
}
