//! Whole objects, as they are sent. The suite has a real API server with definitions made of Gloo's own messages judge them
//! as well.

use super::*;

fn objects(service: Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let route = Gloo.published("shop", &names(), &canary(service)).unwrap();
    let all = carried(&route, traffic, exposure);
    assert_eq!(read(&all[0], exposure, Some(traffic)), Some(traffic));
    all
}

fn of_flaggers_tutorial() -> Value {
    json!({"port": 80, "targetPort": 9898})
}

fn without_cookies() -> Exposure {
    Exposure {
        affinity: None,
        ..exposure()
    }
}

#[test]
fn rest() {
    let service = json!({"port": 80, "apex": {"labels": {"team": "a"}, "annotations": {"note": "b"}}});
    insta::assert_json_snapshot!("rest", objects(service, Traffic::PRIMARY, &Exposure::default()));
}

#[test]
fn weights() {
    insta::assert_json_snapshot!(
        "weights",
        objects(of_flaggers_tutorial(), Traffic::share(5), &Exposure::default())
    );
}

#[test]
fn everybody() {
    insta::assert_json_snapshot!(
        "everybody",
        objects(of_flaggers_tutorial(), Traffic::CANARY, &Exposure::default())
    );
}

#[test]
fn a_test_of_named_users() {
    insta::assert_json_snapshot!("ab_test", objects(of_flaggers_tutorial(), MATCHED, &without_cookies()));
}

#[test]
fn copies() {
    let some = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("mirror", objects(of_flaggers_tutorial(), some, &Exposure::default()));
}

#[test]
fn sessions() {
    let kept = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    insta::assert_json_snapshot!("affinity", objects(of_flaggers_tutorial(), kept, &exposure()));
}

#[test]
fn the_settings_of_another_upstream() {
    let settings = json!({
        "kube": {"serviceName": "web", "serviceNamespace": "shop", "servicePort": 80, "selector": {"app": "web"}},
        "discoveryMetadata": {"labels": {"app": "web"}},
        "sslConfig": {"sni": "web", "secretRef": {"name": "ca", "namespace": "gloo-system"}},
        "circuitBreakers": {"maxConnections": 100, "maxRetries": 3},
        "loadBalancerConfig": {"leastRequest": {"choiceCount": 2}},
        "connectionConfig": {"connectTimeout": "5s", "maxRequestsPerConnection": 10},
        "useHttp2": true,
        "healthChecks": [{
            "timeout": "1s", "interval": "5s", "healthyThreshold": 1, "unhealthyThreshold": 3, "httpHealthCheck": {"path": "/healthz"},
        }],
    });
    let mut asking = knowing(&Exposure::default(), ("gloo-system", "settings"), settings);
    asking.model = Some(("gloo-system".into(), "settings".into()));
    let objects = objects(of_flaggers_tutorial(), Traffic::PRIMARY, &asking);
    insta::assert_json_snapshot!("settings", objects[1..]);
}

// What the author says of other routes and of everything else is nobody else's.
#[test]
fn a_route_table_of_the_users_own() {
    let mut mine = with_routes(json!([
        {"matchers": [{"prefix": "/old"}], "redirectAction": {"prefixRewrite": "/", "httpsRedirect": true}},
        {
            "name": "main", "matchers": [{"prefix": "/app", "methods": ["GET"]}, {"exact": "/", "headers": [{"name": "x-team", "value": "a"}]}],
            "options": {"timeout": "15s", "retries": {"retryOn": "5xx", "numRetries": 2}},
            "routeAction": {"multi": {"destinations": [
                {"destination": upstream("shop-legacy-80", "gloo-system"), "weight": 1},
                {
                    "destination": discovered(), "weight": 3,
                    "options": {"headerManipulation": {"responseHeadersToRemove": ["server"]}},
                },
            ]}},
        },
        {"matchers": [{"prefix": "/"}], "routeAction": {"single": kube("web")}},
        {"matchers": [{"prefix": "/blog"}], "delegateAction": {"ref": {"name": "blog", "namespace": "marketing"}}},
    ]));
    mine["metadata"]["labels"] = json!({"team": "a"});
    mine["spec"]["weight"] = json!(5);
    let traffic = Traffic {
        matched: true,
        mirror: 40,
        ..Traffic::share(20)
    };
    let exposure = knowing(
        &without_cookies(),
        ("gloo-system", "shop-web-80"),
        json!({"useHttp2": true}),
    );
    let all = carried(&mine, traffic, &exposure);
    assert_eq!(read(&all[0], &exposure, Some(traffic)), Some(traffic));
    assert_eq!(folded(&all[0]), mine);
    insta::assert_json_snapshot!("takeover", all);
}
