//! Whole objects, as they are sent. The suite has a real API server with Istio's definitions judge them as well.

use super::*;

fn objects(service: Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let spec = canary(service, json!({}));
    let route = Istio.published("shop", &names(), &spec).unwrap();
    carried(&route, traffic, exposure)
}

fn of_flaggers_tutorial() -> Value {
    json!({
        "port": 80, "targetPort": 9898, "portDiscovery": true,
        "gateways": ["istio-system/public-gateway", "mesh"], "hosts": ["app.example.com"],
        "trafficPolicy": {"tls": {"mode": "DISABLE"}}, "match": [{"uri": {"prefix": "/"}}], "rewrite": {"uri": "/"}, "timeout": "30s",
    })
}

#[test]
fn weights() {
    insta::assert_json_snapshot!(
        "weights",
        objects(of_flaggers_tutorial(), Traffic::share(5), &exposure())
    );
}

#[test]
fn every_field_of_the_service() {
    let service = json!({
        "port": 80, "timeout": "0s",
        "apex": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        "match": [
            {
                "name": "old", "uri": {"regex": "^/v[12]/.*$"}, "method": {"exact": "GET"}, "scheme": {"exact": "https"},
                "authority": {"prefix": "app."}, "port": 80, "sourceLabels": {"app": "caller"}, "sourceNamespace": "shop",
                "gateways": ["mesh"], "ignoreUriCase": true, "headers": {"X-Team": {"suffix": "-a"}},
                "withoutHeaders": {"x-bot": {"exact": "yes"}}, "queryParams": {"q": {"prefix": "a"}},
            },
        ],
        "rewrite": {"uri": "/new", "authority": "inner.example.com", "type": "ReplacePrefixMatch"},
        "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error,connect-failure"},
        "headers": {
            "request": {"add": {"x-a": "1"}, "set": {"x-b": "2"}, "remove": ["x-c"]}, "response": {"remove": ["server"]},
        },
        "corsPolicy": {
            "allowOrigins": [{"exact": "https://a.test"}, {"suffix": ".b.test"}], "allowMethods": ["GET"], "allowHeaders": ["x-a"],
            "exposeHeaders": ["x-b"], "allowCredentials": true, "maxAge": "24h",
        },
    });
    insta::assert_json_snapshot!("service", objects(service, Traffic::PRIMARY, &Exposure::default()));
}

#[test]
fn a_test_of_named_users() {
    let wanted = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let mut named = exposure();
    (named.affinity, named.policy) = (None, None);
    insta::assert_json_snapshot!("ab_test", objects(of_flaggers_tutorial(), wanted, &named));
}

#[test]
fn copies() {
    let wanted = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let mut without_cookies = exposure();
    without_cookies.affinity = None;
    insta::assert_json_snapshot!("mirror", objects(json!({"port": 80}), wanted, &without_cookies));
}

#[test]
fn sessions() {
    let wanted = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    insta::assert_json_snapshot!("affinity", objects(json!({"port": 80}), wanted, &exposure()));
}

#[test]
fn sessions_that_are_over() {
    insta::assert_json_snapshot!("forgotten", objects(json!({"port": 80}), Traffic::PRIMARY, &exposure()));
}

// Flagger's tutorial of connections, in whatever case it is said.
#[test]
fn connections() {
    let service = json!({
        "port": 7070, "targetPort": 7070, "portName": "tcp-service-port", "appProtocol": "TCP",
        "match": [{"port": 7070, "uri": {"prefix": "/"}, "gateways": ["mesh"]}], "timeout": "30s",
    });
    insta::assert_json_snapshot!("connections", objects(service, Traffic::share(20), &exposure()));
}

#[test]
fn a_delegate() {
    let service = json!({"port": 80, "delegation": true, "portDiscovery": true});
    insta::assert_json_snapshot!("delegation", objects(service, Traffic::share(50), &Exposure::default()));
}

#[test]
fn every_part_of_a_traffic_policy() {
    let policy = json!({
        "loadBalancer": {
            "consistentHash": {"httpCookie": {"name": "user", "ttl": "0s"}},
            "localityLbSetting": {"enabled": true, "distribute": [{"from": "a/*", "to": {"a/*": 80, "b/*": 20}}]},
            "warmupDurationSecs": "30s",
        },
        "connectionPool": {"http": {
            "h2UpgradePolicy": "UPGRADE", "http1MaxPendingRequests": 10, "http2MaxRequests": 100, "idleTimeout": "5m",
            "maxRequestsPerConnection": 10, "maxRetries": 3,
        }},
        "outlierDetection": {
            "baseEjectionTime": "1m", "consecutive5xxErrors": 5, "consecutiveGatewayErrors": 3,
            "consecutiveLocalOriginFailures": 2, "splitExternalLocalOriginErrors": true, "interval": "10s",
            "maxEjectionPercent": 50, "minHealthPercent": 20,
        },
        "tls": {"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k", "caCertificates": "/a", "sni": "web", "subjectAltNames": ["web"]},
    });
    let strict = Exposure {
        policy: Some(from_value(policy).unwrap()),
        ..Exposure::default()
    };
    let objects = objects(json!({"port": 80}), Traffic::PRIMARY, &strict);
    insta::assert_json_snapshot!("policy", objects[1..]);
}

// What the author says of other routes, other destinations and other protocols is nobody else's.
#[test]
fn a_virtual_service_of_the_users_own() {
    let mut mine = with_rules(json!([
        {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}},
        {
            "name": "main", "match": [{"uri": {"prefix": "/"}}], "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 1}}},
            "mirror": {"host": "audit"}, "mirrorPercentage": {"value": 10},
            "route": [
                {"destination": {"host": "legacy"}, "weight": 25},
                {
                    "destination": {"host": "web.shop.svc.cluster.local", "port": {"number": 80}}, "weight": 75,
                    "headers": {"response": {"set": {"x-served-by": "web"}}},
                },
            ],
        },
        {"match": [{"headers": {"x-dev": {"exact": "1"}}}], "route": [{"destination": {"host": "web", "subset": "dev"}}]},
    ]));
    mine["metadata"]["labels"] = json!({"team": "a"});
    mine["spec"]["exportTo"] = json!(["."]);
    mine["spec"]["hosts"] = json!(["app.example.com"]);
    mine["spec"]["tls"] = json!([
        {"match": [{"port": 443, "sniHosts": ["app.example.com"]}], "route": [{"destination": {"host": "web"}}]},
    ]);
    mine["spec"]["tcp"] = json!([{"match": [{"port": 5432}], "route": [{"destination": {"host": "web"}}]}]);
    let wanted = Traffic {
        mirror: 40,
        ..Traffic::share(20)
    };
    let mut plain = exposure();
    plain.affinity = None;
    insta::assert_json_snapshot!("takeover", carried(&mine, wanted, &plain));
}
