//! Which kind of route is made for an app, by what its Canary says.

use super::*;

fn kind(mut service: Value, more: Value) -> String {
    for (key, value) in more.as_object().unwrap() {
        service[key] = value.clone();
    }
    let made = published(service).unwrap();
    made["kind"].as_str().unwrap().to_owned()
}

fn speaking(protocol: &str) -> Value {
    json!({"port": 9000, "appProtocol": protocol, "hosts": ["a.example.com"], "gatewayRefs": [{"name": "edge"}]})
}

#[test]
fn an_app_that_says_that_it_speaks_grpc_and_nothing_else_has_a_grpcroute() {
    for protocol in ["grpc", "GRPC"] {
        assert_eq!(kind(speaking(protocol), json!({})), "GRPCRoute");
    }
    for protocol in ["http", "kubernetes.io/h2c", "h2c", ""] {
        assert_eq!(kind(speaking(protocol), json!({})), "HTTPRoute", "{protocol}");
    }
    let unsaid = json!({"port": 9000, "gatewayRefs": [{"name": "edge"}]});
    assert_eq!(kind(unsaid, json!({})), "HTTPRoute");
    assert_eq!(
        published(json!({"port": 9000, "appProtocol": "grpc"})),
        None,
        "no gateway"
    );
}

#[test]
fn what_a_grpcroute_has_no_word_for_is_said_by_an_httproute() {
    for more in [
        json!({"timeout": "5s"}),
        json!({"backendTimeout": "5s"}),
        json!({"rewrite": {"uri": "/"}}),
        json!({"corsPolicy": {"allowOrigin": ["*"]}}),
    ] {
        assert_eq!(kind(speaking("grpc"), more.clone()), "HTTPRoute", "{more}");
    }
    for entry in [
        json!({"uri": {"regex": "/shop[.].*"}}),
        json!({"uri": {"exact": "/shop.Cart"}}),
        json!({"uri": {"exact": "/shop.Cart/Add/"}}),
        json!({"uri": {"prefix": "/shop.Cart/Add/more"}}),
        json!({"uri": {"prefix": "/shop-cart"}}),
        json!({"uri": {"prefix": "//"}}),
        json!({"uri": {"prefix": "shop.Cart"}}),
        json!({"method": {"exact": "GET"}}),
        json!({"queryParams": {"q": {"exact": "1"}}}),
    ] {
        let more = json!({"match": [{"uri": {"prefix": "/"}}, entry]});
        assert_eq!(kind(speaking("grpc"), more.clone()), "HTTPRoute", "{more}");
    }
}

#[test]
fn a_path_is_a_service_and_a_method() {
    let matched = |entry: Value| {
        let mut service = speaking("grpc");
        service["match"] = json!([entry]);
        let made = published(service).unwrap();
        assert_eq!(made["kind"], "GRPCRoute");
        made["spec"]["rules"][0]["matches"][0].clone()
    };
    let cart = json!({"method": {"type": "Exact", "service": "shop.v1.Cart"}});
    for prefix in ["/shop.v1.Cart", "/shop.v1.Cart/"] {
        assert_eq!(matched(json!({"uri": {"prefix": prefix}})), cart);
    }
    let add = json!({"method": {"type": "Exact", "service": "shop.v1.Cart", "method": "Add_2"}});
    for form in ["prefix", "exact"] {
        assert_eq!(matched(json!({"uri": {form: "/shop.v1.Cart/Add_2"}})), add);
    }
    assert_eq!(
        matched(json!({"uri": {"prefix": "/"}, "method": {"exact": "POST"}})),
        json!({})
    );
    let header = json!([{"name": "x-team", "type": "Exact", "value": "a"}]);
    let named = matched(json!({"headers": {"x-team": {"exact": "a"}}}));
    assert_eq!(named, json!({"headers": header}));
}

#[test]
fn what_is_a_grpcroute_for_a_new_app_is_an_httproute_for_one_that_has_that() {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let plainly = |provider: &str, protocol: &str| {
        let spec: CanarySpec = from_value(json!({"targetRef": target, "service": speaking(protocol)})).unwrap();
        let provider = Provider::parse(provider).unwrap();
        let made = provider.published("shop", &names(), &spec).unwrap();
        let plain = provider.published_plainly("shop", &names(), &spec);
        for at in [
            "/metadata",
            "/spec/hostnames",
            "/spec/parentRefs",
            "/spec/rules/0/backendRefs",
        ] {
            let same = plain.as_ref().is_none_or(|plain| plain.pointer(at) == made.pointer(at));
            assert!(same, "{at}: {plain:?}");
        }
        plain.map(|plain| plain["kind"].clone())
    };
    for provider in ["gatewayapi:v1", "linkerd"] {
        assert_eq!(plainly(provider, "grpc"), Some(json!("HTTPRoute")));
        assert_eq!(plainly(provider, "http"), None);
    }
}
