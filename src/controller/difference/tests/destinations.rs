//! What routes lead to besides Services: known to a data plane before anybody is sent there, and for as long as any may be.

use super::*;
use crate::{
    plan::owned,
    routing::{Model, Traffic, kind_of, registry},
};

const PRIMARY: &str = "shop-web-primaryupstream-80";
const CANARY: &str = "shop-web-canaryupstream-80";

fn names() -> Names {
    Names::new("web")
}

fn by_gloo() -> Blueprint {
    let mut blueprint = blueprint();
    blueprint.provider = Provider::parse("gloo").unwrap();
    blueprint
}

// Of a hand-written Canary, whose RouteTable is made.
fn making() -> Blueprint {
    let half = |name: &str| json!({"upstream": {"name": name, "namespace": "shop"}});
    let halves = json!([{"destination": half(PRIMARY), "weight": 100}, {"destination": half(CANARY)}]);
    let mut blueprint = by_gloo();
    blueprint.route = Some(json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"routes": [{"inheritablePathMatchers": true, "routeAction": {"multi": {"destinations": halves}}}]},
    }));
    blueprint
}

fn authors() -> Value {
    let to = json!({"upstream": {"name": "shop-web-80", "namespace": "gloo-system"}});
    json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable",
        "metadata": {"name": "front", "namespace": "shop", "generation": 4},
        "spec": {"routes": [{"routeAction": {"single": to}}]},
    })
}

// Of that one, whose Upstream is found.
fn editing() -> Blueprint {
    let mut blueprint = by_gloo();
    let models = kind_of(&authors())
        .unwrap()
        .models(&authors(), &names(), &blueprint.exposure);
    let [model] = <[Model; 1]>::try_from(models).unwrap();
    let settings = json!({"spec": {"useHttp2": true, "kube": {"serviceName": "web"}}});
    blueprint.exposure.models.insert(model, settings);
    blueprint
}

fn stored(object: &Value, known: bool) -> Value {
    let mut object = owned(&by_gloo(), object.clone()).unwrap();
    object["metadata"]["resourceVersion"] = json!("3");
    if known {
        object["status"] = json!({"statuses": {"gloo-system": {"state": "Accepted", "reportedBy": "gloo"}}});
    }
    object
}

fn carried(route: &Value, blueprint: &Blueprint) -> Vec<Value> {
    let route = std::slice::from_ref(route);
    kind_of(&route[0])
        .unwrap()
        .carrying(route, &names(), Traffic::PRIMARY, &blueprint.exposure)
}

fn writes(routes: Vec<Value>, blueprint: &Blueprint, desired: &DesiredState) -> Vec<String> {
    let live = Live {
        target: Some(target()),
        primary: Some(target()),
        routes,
        ..Live::default()
    };
    let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
    let seen = Observation {
        split: true,
        ..seen(&target())
    };
    let pair = Pair {
        live: &live,
        selector: &selector,
        blueprint,
        seen: &seen,
    };
    let (mut writes, mut conflicts) = (Vec::new(), Vec::new());
    match desired.dismantle {
        Dismantle::Everything => writes = ended(desired, pair),
        _ => pair.routes(desired, &mut writes, &mut conflicts),
    }
    assert_eq!(conflicts, []);
    let about_routes = writes
        .iter()
        .filter(|write| matches!(write.subject().0, Kind::Route(_)));
    let verb = |write: &Write| match write {
        Write::Create { .. } => "create",
        Write::Apply { .. } => "apply",
        Write::Patch { .. } => "patch",
        Write::Delete { .. } => "delete",
        _ => "other",
    };
    about_routes
        .map(|write| format!("{} {}", verb(write), write.subject().2))
        .collect()
}

fn at(traffic: Option<Traffic>) -> DesiredState {
    DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        traffic,
        ..DesiredState::untouched()
    }
}

#[test]
fn they_are_made_before_anybody_is_served_by_the_pair() {
    let halves = [PRIMARY, CANARY].map(|name| format!("create {name}-gloo-system"));
    let sorted = |mut all: Vec<String>| {
        all.sort_unstable_by(|one, other| other.cmp(one));
        all
    };
    for traffic in [None, Some(Traffic::PRIMARY)] {
        let made = writes(vec![authors()], &editing(), &at(traffic));
        assert_eq!(sorted(made), halves, "nobody is led there yet");
    }
}

#[test]
fn nobody_is_led_to_one_that_the_data_plane_does_not_know() {
    let blueprint = editing();
    let objects = carried(&authors(), &blueprint);
    let (route, beside) = objects.split_first().unwrap();
    assert_eq!(beside.len(), 2);
    let among = |known: [bool; 2]| {
        let beside = beside.iter().zip(known).map(|(one, known)| stored(one, known));
        std::iter::once(authors()).chain(beside).collect::<Vec<Value>>()
    };
    let rest = at(Some(Traffic::PRIMARY));
    for known in [[false, false], [true, false]] {
        assert_eq!(writes(among(known), &blueprint, &rest), [""; 0], "{known:?}");
    }
    assert_eq!(writes(among([true, true]), &blueprint, &rest), ["patch front"]);
    // Once users are there they are moved, whatever is said meanwhile.
    let mut split = among([false, false]);
    split[0]["spec"] = route["spec"].clone();
    assert_eq!(
        writes(split, &blueprint, &at(Some(Traffic::share(10)))),
        ["patch front"]
    );
}

#[test]
fn one_whose_settings_are_not_known_is_neither_made_nor_led_to() {
    let mut blueprint = editing();
    blueprint.exposure.models.clear();
    let rest = at(Some(Traffic::PRIMARY));
    assert_eq!(writes(vec![authors()], &blueprint, &rest), [""; 0]);
    let mut blueprint = making();
    assert_eq!(writes(Vec::new(), &blueprint, &rest).len(), 3);
    blueprint.exposure.model = Some(("gloo-system".into(), "settings".into()));
    assert_eq!(writes(Vec::new(), &blueprint, &rest), [""; 0]);
}

#[test]
fn another_port_is_known_before_the_route_that_is_made_names_it() {
    let before = making();
    let objects: Vec<Value> = carried(before.route.as_ref().unwrap(), &before)
        .iter()
        .map(|one| stored(one, true))
        .collect();
    let rest = at(Some(Traffic::PRIMARY));
    assert_eq!(writes(objects.clone(), &before, &rest), [""; 0]);
    let mut after = making();
    let route = after
        .route
        .take()
        .unwrap()
        .to_string()
        .replace("upstream-80", "upstream-81");
    after.route = Some(serde_json::from_str(&route).unwrap());
    let made = writes(objects.clone(), &after, &rest);
    assert!(
        made.iter()
            .all(|write| write.starts_with("create ") && write.ends_with("-81")),
        "{made:?}"
    );
    assert_eq!(made.len(), 2);
    let anew = carried(after.route.as_ref().unwrap(), &after);
    let all = objects.into_iter().chain(anew[1..].iter().map(|one| stored(one, true)));
    assert_eq!(writes(all.collect(), &after, &rest), ["patch web"]);
}

#[test]
fn they_go_when_nobody_can_be_led_there_any_more() {
    let blueprint = editing();
    let objects: Vec<Value> = carried(&authors(), &blueprint)
        .iter()
        .enumerate()
        .map(|(at, one)| if at == 0 { one.clone() } else { stored(one, true) })
        .collect();
    let leaving = |dismantle| DesiredState { dismantle, ..at(None) };
    assert_eq!(
        writes(objects.clone(), &blueprint, &leaving(Dismantle::Traffic)),
        ["patch front"]
    );
    let last = writes(objects.clone(), &blueprint, &leaving(Dismantle::Everything));
    assert!(
        last.len() == 2 && last.iter().all(|write| write.starts_with("delete ")),
        "{last:?}"
    );
    // With another provider the route goes on as it is, and so do they.
    let mut other = self::blueprint();
    other.provider = Provider::FALLBACK;
    let switched = writes(objects, &other, &at(Some(Traffic::PRIMARY)));
    assert!(
        switched.iter().all(|write| !write.starts_with("delete ")),
        "{switched:?}"
    );
    let kinds = registry::written().filter(|kind| kind.is_destination());
    assert_eq!(kinds.count(), 1);
}
