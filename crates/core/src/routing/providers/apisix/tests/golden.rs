//! Whole objects, as they are sent. The suite has a real API server with the maker's definition judge them as well.

use super::*;

fn objects(mine: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let second = beside(mine, traffic, exposure);
    assert_eq!(read(mine, &made(&second), exposure, Some(traffic)), Some(traffic));
    json!([mine, second])
}

// As in Flagger's tutorial.
fn tutorial() -> Value {
    with_entries(json!([{
        "name": "method",
        "match": {"hosts": ["app.example.com"], "methods": ["GET"], "paths": ["/*"]},
        "backends": [{"serviceName": "web", "servicePort": 80}],
        "plugins": [{"name": "prometheus", "enable": true, "config": {"disable": false, "prefer_name": true}}],
    }]))
}

// What the author says of other entries is nobody else's, and what he says of this one holds for both halves.
fn of_all_kinds() -> Value {
    let mut mine = with_entries(json!([
        entry("old", "/old/*", json!([{"serviceName": "legacy", "servicePort": 80}])),
        {
            "name": "shop", "priority": 3, "websocket": true,
            "match": {
                "paths": ["/shop/*", "/cart"], "remoteAddrs": ["10.0.0.0/8"],
                "exprs": [{"subject": {"scope": "Query", "name": "team"}, "op": "In", "set": ["a", "b"]}],
            },
            "timeout": {"connect": "2s", "read": "5s", "send": "5s"},
            "backends": [
                {"serviceName": "legacy", "servicePort": 80, "weight": 10},
                {"serviceName": "web", "servicePort": "http", "weight": 30, "resolveGranularity": "service"},
            ],
            "upstreams": [{"name": "abroad", "weight": 5}],
            "authentication": {"enable": true, "type": "keyAuth", "keyAuth": {"header": "x-key"}},
            "plugin_config_name": "common",
        },
        entry("root", "/*", json!([{"serviceName": "web", "servicePort": 80}])),
    ]));
    mine["metadata"]["labels"] = json!({"team": "a"});
    mine["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": "shop"});
    mine["spec"]["ingressClassName"] = json!("apisix");
    mine["spec"]["stream"] = json!([{
        "name": "db", "protocol": "TCP", "match": {"ingressPort": 9100},
        "backend": {"serviceName": "database", "servicePort": 5432},
    }]);
    mine
}

#[test]
fn weights() {
    insta::assert_json_snapshot!("weights", objects(&tutorial(), Traffic::share(5), &Exposure::default()));
}

#[test]
fn everybody() {
    insta::assert_json_snapshot!("everybody", objects(&tutorial(), Traffic::CANARY, &Exposure::default()));
}

#[test]
fn a_test_of_named_users() {
    insta::assert_json_snapshot!("ab_test", objects(&tutorial(), MATCHED, &several()));
}

#[test]
fn entries_of_all_kinds() {
    let traffic = Traffic {
        matched: true,
        ..Traffic::share(20)
    };
    insta::assert_json_snapshot!("entries", objects(&of_all_kinds(), traffic, &several()));
}
