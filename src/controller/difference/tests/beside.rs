//! What stands beside a route: made before it, kept as it is wanted, and gone with the halves.

use super::*;
use crate::{
    plan::{owned, route},
    routing::{Provider, Traffic},
};

fn names() -> Names {
    Names::new("web")
}

fn by_istio() -> Blueprint {
    let destination = |host: &str, weight: u8| json!({"destination": {"host": host}, "weight": weight});
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "hosts": ["web"], "gateways": ["mesh"],
            "http": [{"timeout": "5s", "route": [destination("web-primary", 100), destination("web-canary", 0)]}],
        },
    });
    let mut blueprint = blueprint();
    blueprint.provider = Provider::parse("istio").unwrap();
    blueprint.route = Some(route);
    blueprint.exposure.policy = Some(serde_json::from_value(json!({"tls": {"mode": "ISTIO_MUTUAL"}})).unwrap());
    blueprint
}

fn made(object: &Value, blueprint: &Blueprint) -> Value {
    let mut object = owned(blueprint, object.clone()).unwrap();
    object["metadata"]["resourceVersion"] = json!("3");
    object
}

// The route and what stands beside it, as they are stored.
fn stored(blueprint: &Blueprint) -> Vec<Value> {
    let route = route(blueprint, Traffic::PRIMARY).unwrap();
    let kind = crate::routing::kind_of(&route).unwrap();
    let all = kind.carrying(&[route], &names(), Traffic::PRIMARY, &blueprint.exposure);
    all.iter().map(|one| made(one, blueprint)).collect()
}

fn writes(routes: Vec<Value>, blueprint: &Blueprint, dismantle: Dismantle) -> (Vec<Write>, Vec<Conflict>) {
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        traffic: Some(Traffic::PRIMARY),
        dismantle,
        ..DesiredState::untouched()
    };
    routed(&desired, &paired(routes), blueprint, &seen_split())
}

// The author's own, over which Flagger has written what it makes of the Canary.
fn taken_over(kept: &Value, owner: Option<&str>) -> Value {
    let mut route = by_istio().route.unwrap();
    route["metadata"]["generation"] = json!(4);
    route["metadata"]["annotations"] = json!({"note": "b", labels::ORIGINAL_CONFIGURATION: kept.to_string()});
    if let Some(owner) = owner {
        route["metadata"]["ownerReferences"] = json!([{"kind": owner, "name": "web", "uid": "u-1"}]);
    }
    route
}

#[test]
fn what_flagger_replaced_is_put_back_on_the_way_out() {
    let destination = json!({"destination": {"host": "web"}});
    let kept = json!({"hosts": ["shop.test"], "http": [{"retries": {"attempts": 2}, "route": [destination]}]});
    let (blueprint, route) = (by_istio(), taken_over(&kept, None));
    let after = |route: &Value| {
        let (writes, _) = writes(vec![route.clone()], &blueprint, Dismantle::Traffic);
        let [Write::Patch { operations, .. }] = writes.as_slice() else {
            panic!("{writes:?}")
        };
        patches::applied(route, &operations.0).unwrap()
    };
    let live = |route: &Value| Live {
        routes: vec![route.clone()],
        ..Live::default()
    };
    let left = after(&route);
    assert_eq!(left["spec"], kept);
    assert_eq!(left["metadata"]["annotations"], json!({"note": "b"}));
    assert_eq!(unrestored(&live(&left), &blueprint), [""; 0]);
    // Flagger's own, or one that somebody has written since, is given back as it is, and that is said.
    let mut edited = route.clone();
    edited["spec"]["http"][0]["timeout"] = json!("9s");
    let flaggers = taken_over(&by_istio().route.unwrap()["spec"], None);
    for mine in [edited, flaggers] {
        let left = after(&mine);
        assert_eq!(left["spec"]["http"][0]["timeout"], mine["spec"]["http"][0]["timeout"]);
        assert_eq!(left["spec"]["http"][0]["route"], json!([destination]));
        let told = unrestored(&live(&left), &blueprint);
        assert!(told.len() == 1 && told[0].contains("not put back"), "{told:?}");
    }
    let own = taken_over(&kept, Some("Canary"));
    assert_eq!(after(&own)["spec"]["http"][0]["route"], json!([destination]));
    assert_eq!(unrestored(&live(&own), &blueprint), [""; 0]);
}

#[test]
fn it_is_there_before_the_route_sends_anybody() {
    let (writes, conflicts) = writes(Vec::new(), &by_istio(), Dismantle::No);
    assert_eq!(conflicts, []);
    let wanted = [
        ("create", "DestinationRule web-primary".to_owned()),
        ("create", "DestinationRule web-canary".to_owned()),
        ("apply", "VirtualService web".to_owned()),
    ];
    assert_eq!(summary(&writes), wanted);
}

#[test]
fn it_follows_its_canary_and_is_left_alone_where_nothing_differs() {
    let mut blueprint = by_istio();
    let stored = stored(&blueprint);
    let (none, _) = writes(stored.clone(), &blueprint, Dismantle::No);
    assert_eq!(summary(&none), []);
    blueprint.exposure.policy = None;
    let (changed, _) = writes(stored.clone(), &blueprint, Dismantle::No);
    let [Write::Patch { operations, .. }, Write::Patch { .. }] = changed.as_slice() else {
        panic!("{changed:?}")
    };
    let after = patches::applied(&stored[1], &operations.0).unwrap();
    assert_eq!(after["spec"], json!({"host": "web-primary"}));
    // What the Canary does not say any more goes from the route as well.
    let route = blueprint.route.as_mut().unwrap();
    route["spec"]["http"][0].as_object_mut().unwrap().remove("timeout");
    let (changed, _) = writes(stored, &blueprint, Dismantle::No);
    assert!(summary(&changed).contains(&("patch", "VirtualService web".to_owned())));
}

#[test]
fn one_of_the_name_that_somebody_made_is_his() {
    let blueprint = by_istio();
    let mut stored = stored(&blueprint);
    stored[2]["metadata"]["labels"] = json!({});
    stored[2]["metadata"]["ownerReferences"] = json!([]);
    let (writes, conflicts) = writes(stored, &blueprint, Dismantle::No);
    assert_eq!(conflicts, [Conflict::Name("DestinationRule", "web-canary".into())]);
    assert_eq!(summary(&writes), []);
}

#[test]
fn it_goes_with_the_halves_and_with_the_provider() {
    let blueprint = by_istio();
    let gone = [
        ("patch", "VirtualService web".to_owned()),
        ("delete", "DestinationRule web-primary".to_owned()),
        ("delete", "DestinationRule web-canary".to_owned()),
    ];
    let (left, _) = writes(stored(&blueprint), &blueprint, Dismantle::Traffic);
    assert_eq!(summary(&left), gone);
    let mut other = self::blueprint();
    other.provider = Provider::FALLBACK;
    let (switched, _) = writes(stored(&blueprint), &other, Dismantle::No);
    let kept = |of: &[(&str, String)]| of.iter().filter(|(verb, _)| *verb == "delete").count();
    assert_eq!(kept(&summary(&switched)), 2, "{switched:?}");
}

fn by_app_mesh() -> Blueprint {
    let spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": {"port": 80},
    });
    let spec = serde_json::from_value(spec).unwrap();
    let mut blueprint = blueprint();
    blueprint.provider = Provider::parse("appmesh:v1beta2").unwrap();
    blueprint.route = blueprint.provider.published("shop", &names(), &spec);
    blueprint
}

#[test]
fn all_that_a_mesh_is_told_of_an_app_is_there_before_its_route() {
    let (writes, conflicts) = writes(Vec::new(), &by_app_mesh(), Dismantle::No);
    assert_eq!(conflicts, []);
    let wanted = [
        ("create", "VirtualNode web-primary".to_owned()),
        ("create", "VirtualNode web-canary".to_owned()),
        ("create", "VirtualNode web".to_owned()),
        ("create", "VirtualRouter web-canary".to_owned()),
        ("create", "VirtualService web".to_owned()),
        ("create", "VirtualService web-canary".to_owned()),
        ("apply", "VirtualRouter web".to_owned()),
    ];
    assert_eq!(summary(&writes), wanted);
}

#[test]
fn what_a_data_planes_own_webhook_fills_in_stays() {
    let blueprint = by_app_mesh();
    let mut stored = stored(&blueprint);
    for object in &mut stored {
        object["spec"]["awsName"] = json!("web_shop");
        object["spec"]["meshRef"] = json!({"name": "global", "uid": "u"});
        object["metadata"]["annotations"]["somebodys"] = json!("note");
    }
    let (none, conflicts) = writes(stored.clone(), &blueprint, Dismantle::No);
    assert_eq!((summary(&none), conflicts), (vec![], vec![]));
    // What is said of ours is put right all the same.
    stored[1]["spec"]["backendDefaults"] = json!({});
    let (changed, _) = writes(stored.clone(), &blueprint, Dismantle::No);
    let [Write::Patch { operations, .. }] = changed.as_slice() else {
        panic!("{changed:?}")
    };
    let after = patches::applied(&stored[1], &operations.0).unwrap();
    stored[1]["spec"].as_object_mut().unwrap().remove("backendDefaults");
    assert_eq!(after, stored[1]);
    // The router leads to the Service when the app leaves, by what stays until the Canary goes.
    let (left, _) = writes(stored, &blueprint, Dismantle::Traffic);
    let gone = [
        ("patch", "VirtualRouter web".to_owned()),
        ("delete", "VirtualNode web-primary".to_owned()),
        ("delete", "VirtualNode web-canary".to_owned()),
        ("delete", "VirtualRouter web-canary".to_owned()),
        ("delete", "VirtualService web-canary".to_owned()),
    ];
    assert_eq!(summary(&left), gone);
}
