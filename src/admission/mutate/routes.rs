//! A route keeps its live traffic, whoever re-applies it. Pure.

use super::fields;
use super::released;
use crate::admission::review::{Operation, Request};
use crate::object::annotation;
use crate::patches;
use crate::routing::{self, Exposure, Names, RouteKind, Traffic};
use json_patch::PatchOperation;
use serde_json::Value;

/// One pair of the route's namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Names of its Services.
    pub names: Names,
    /// What rules of ours are made from, besides shares.
    pub exposure: Exposure,
    /// What the controller last meant to write, where the live rules disagree (a write of it is under way).
    pub intent: Option<Traffic>,
}

/// The patch for a route: what we make ourselves is nobody's, and what we made is the author's with the first write
/// that is not ours.
///
/// Where the stored rules split a pair, they go on doing so with the same traffic, in whatever rules were sent: a manifest
/// that names only the apex gets our split and the rules of ours in its place, one with weights of its own gets ours. The
/// kind's [`RouteKind::fields`] leave every owner's list as a whole, also on our own writes.
pub fn mutate(request: &Request, pairs: &[Pair], ours: bool) -> Vec<PatchOperation> {
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return released::made(request, ours);
    }
    let old = &request.old_object;
    let held: Vec<&Pair> = pairs
        .iter()
        .filter(|p| routing::refers_to(old, &p.names) || routing::refers_to(&request.object, &p.names))
        .collect();
    let Some(kind) = routing::kind_of(&request.object).filter(|_| !held.is_empty()) else {
        return Vec::new();
    };
    let mut ops = Vec::new();
    if !ours && released::takes_over(old, &request.object) {
        ops.extend(released::release(request));
        ops.extend(unsaid(request, kind));
    }
    if !ours && let Some(wanted) = kept(kind, old, &request.object, &held) {
        let changed = kind
            .fields()
            .iter()
            .filter(|field| wanted.pointer(field) != request.object.pointer(field));
        ops.extend(changed.filter_map(|field| Some(patches::add(members(field), wanted.pointer(field)?.clone()))));
        ops.extend(patches::metadata(
            &request.object,
            "annotations",
            &routing::notes(kind, &wanted),
        ));
    }
    if ours && released::gives_way(&request.object) {
        ops.extend(released::owned_by_nobody(&request.object));
    } else {
        let paths: Vec<Vec<&str>> = kind.fields().iter().map(|field| members(field).collect()).collect();
        let paths: Vec<fields::Path<'_>> = paths.iter().map(Vec::as_slice).collect();
        ops.extend(fields::disown(&request.object, &paths));
    }
    ops
}

// The members that a JSON pointer of ours names.
fn members(field: &'static str) -> impl Iterator<Item = &'static str> {
    field.split('/').skip(1)
}

/// Of a route that becomes its author's nothing of ours stays that he did not say himself: no host, no gateway.
fn unsaid(request: &Request, kind: &dyn RouteKind) -> Vec<PatchOperation> {
    let said = released::own_spec(&request.object, &request.old_object);
    let spec = request.object.get("spec").and_then(Value::as_object);
    let Some(said) = said else { return Vec::new() };
    let left = |key: &&String| said.get(key.as_str()).is_none();
    let gone = spec.into_iter().flatten().map(|(key, _)| key).filter(left);
    let is_held = |key: &&String| {
        kind.fields()
            .iter()
            .any(|field| members(field).eq(["spec", key.as_str()]))
    };
    gone.filter(|key| !is_held(key))
        .map(|key| patches::remove(["spec", key]))
        .collect()
}

/// What the writer of a route should know: weights of halves that are not used, because those of the run are.
pub fn warnings(request: &Request, pairs: &[Pair]) -> Vec<String> {
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Vec::new();
    }
    let (old, sent) = (&request.old_object, &request.object);
    let Some(kind) = routing::kind_of(sent) else {
        return Vec::new();
    };
    let unused = pairs.iter().filter_map(|pair| {
        let names = &pair.names;
        let split = kind.refers_to(old, names) && kind.is_split(old, names);
        let live = kind
            .traffic(old, &[], names, &pair.exposure, pair.intent)
            .filter(|_| split)?;
        let plain = Exposure::default();
        // What names the revision under test can be read by whoever knows it alone.
        let read = |exposure: &Exposure| kind.traffic(sent, &[], names, exposure, None);
        let asked = read(&plain)
            .or_else(|| read(&pair.exposure))
            .filter(|_| kind.names_a_half(sent, names))?;
        (asked.weights != live.weights).then(|| {
            format!(
                "coalmine: {} {}: its weights of {} and {} stay at {}/{}, as the release wants them; those that were \
                 sent are not used; to end a release, apply the revision before",
                kind.resource().kind,
                request.object_name(),
                names.primary,
                names.canary,
                live.primary(),
                live.canary()
            )
        })
    });
    unused.collect()
}

/// The route to store instead of the one sent, as far as our fields go; nothing when it carries the right traffic already.
fn kept(kind: &dyn RouteKind, old: &Value, sent: &Value, pairs: &[&Pair]) -> Option<Value> {
    let noted = with_notes(kind, old, sent);
    // A route that names the apex only is not ours yet.
    let split = |pair: &&&Pair| kind.refers_to(old, &pair.names) && kind.is_split(old, &pair.names);
    let pairs: Vec<&Pair> = pairs.iter().filter(split).copied().collect();
    let users = |route: &Value| {
        // Carried once and folded again, what says the same says it in the same words.
        let fold = |route: Value, pair: &&Pair| {
            let carried = routing::carrying(&route, &pair.names, Traffic::PRIMARY, &Exposure::default());
            kind.folded(&carried.unwrap_or(route), &pair.names)
        };
        pairs.iter().fold(route.clone(), fold)
    };
    let same = |one: &Value, other: &Value| {
        kind.fields()
            .iter()
            .all(|field| one.pointer(field) == other.pointer(field))
    };
    // Nothing of the user's changed, so nothing has to be made anew from what our caches know of the run.
    let wanted = if same(&users(old), &users(&noted)) {
        old.clone()
    } else {
        let carry = |route: Value, pair: &&Pair| {
            let live = kind.traffic(old, &[], &pair.names, &pair.exposure, pair.intent);
            let Some(traffic) = live.or(pair.intent) else {
                return route;
            };
            routing::carrying(&route, &pair.names, traffic, &pair.exposure).unwrap_or(route)
        };
        pairs.iter().fold(noted, carry)
    };
    let differs = !same(&wanted, sent) || routing::notes(kind, &wanted) != routing::notes(kind, sent);
    (!pairs.is_empty() && differs).then_some(wanted)
}

// What was sent, with the notes that are stored where it has none: a PUT of a manifest takes them away.
fn with_notes(kind: &dyn RouteKind, old: &Value, sent: &Value) -> Value {
    let mut lost = routing::notes(kind, old);
    lost.retain(|(key, note)| note.is_some() && annotation(sent, key).is_none());
    patches::applied(sent, &patches::metadata(sent, "annotations", &lost)).unwrap_or_else(|_| sent.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patches::applied;
    use serde_json::json;

    fn pairs() -> Vec<Pair> {
        vec![Pair {
            names: Names::new("shop"),
            exposure: Exposure::default(),
            intent: None,
        }]
    }

    fn run(old: &Value, new: &Value, ours: bool) -> Value {
        let request = |object: &Value| Request {
            operation: Operation::Update,
            old_object: old.clone(),
            object: object.clone(),
            ..Request::default()
        };
        let once = applied(new, &mutate(&request(new), &pairs(), ours)).unwrap();
        let twice = applied(&once, &mutate(&request(&once), &pairs(), ours)).unwrap();
        assert_eq!(once, twice);
        once
    }

    fn route(refs: Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {}, "spec": {"hostnames": ["a"], "rules": [{"backendRefs": refs}]},
        })
    }

    fn split(canary: u8) -> Value {
        let plain = route(json!([{"name": "shop", "port": 80}]));
        routing::carrying(
            &plain,
            &Names::new("shop"),
            Traffic::share(canary),
            &Exposure::default(),
        )
        .unwrap()
    }

    #[test]
    fn a_manifest_with_the_apex_only_gets_the_live_split() {
        let sent = route(json!([{"name": "shop", "port": 80}]));
        assert_eq!(run(&split(30), &sent, false), split(30));
    }

    #[test]
    fn the_list_of_a_traefik_service_is_kept_and_owned_by_nobody() {
        let listed = |services: Value, sticky: bool| {
            let mut list = json!({ "services": services });
            if sticky {
                list["sticky"] = json!({"cookie": {"name": "side"}});
            }
            let managers = json!([{"manager": "flux", "operation": "Apply", "fieldsV1": {
                "f:spec": {"f:weighted": {"f:services": {}, "f:sticky": {}}}}}]);
            json!({
                "apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService",
                "metadata": {"managedFields": managers}, "spec": {"weighted": list},
            })
        };
        let mine =
            |old: u64| json!([{"name": "shop", "port": 80, "weight": 3}, {"name": "old", "port": 80, "weight": old}]);
        let run_at = |old: u64, sticky| {
            let share = Traffic::share(30);
            let exposure = Exposure::default();
            routing::carrying(&listed(mine(old), sticky), &Names::new("shop"), share, &exposure).unwrap()
        };
        let list = |of: &Value| of["spec"]["weighted"].clone();
        let stored = run(&run_at(1, false), &listed(mine(1), true), false);
        assert_eq!(
            list(&stored),
            list(&run_at(1, true)),
            "a setting of the author's is taken"
        );
        let owned = &stored["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:weighted"];
        assert_eq!(*owned, json!({"f:sticky": {}}));
        let stored = run(&run_at(1, false), &listed(mine(2), false), false);
        assert_eq!(list(&stored), list(&run_at(2, false)), "and so is another part");
    }

    fn in_a_test(matches: &Value) -> (Value, Vec<Pair>) {
        let mut pairs = pairs();
        for pair in &mut pairs {
            let yes = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
            pair.exposure.matches = serde_json::from_value(yes).unwrap();
            pair.intent = Some(Traffic {
                matched: true,
                ..Traffic::PRIMARY
            });
        }
        let mut route = route(json!([{"name": "shop", "port": 80, "weight": 1}]));
        route["spec"]["rules"][0]["matches"] = matches.clone();
        let pair = &pairs[0];
        let route = routing::carrying(&route, &pair.names, pair.intent.unwrap(), &pair.exposure).unwrap();
        (route, pairs)
    }

    #[test]
    fn an_ab_test_survives_a_manifest_and_follows_its_edits() {
        let path = |value: &str| json!([{"path": {"type": "PathPrefix", "value": value}}]);
        let (live, mut pairs) = in_a_test(&path("/"));
        let (moved, _) = in_a_test(&path("/shop"));
        let sent = |value: &str| {
            let mut sent = route(json!([{"name": "shop", "port": 80, "weight": 1}]));
            sent["spec"]["rules"][0]["matches"] = path(value);
            sent
        };
        let kind = routing::kind_of(&live).unwrap();
        let held: Vec<&Pair> = pairs.iter().collect();
        assert_eq!(kept(kind, &live, &sent("/"), &held), Some(live.clone()));
        assert_eq!(kept(kind, &live, &sent("/shop"), &held), Some(moved));
        assert_eq!(kept(kind, &live, &live, &held), None);
        // What the caches do not know yet is kept by what stands in the route.
        pairs[0].exposure = Exposure::default();
        pairs[0].intent = None;
        let held: Vec<&Pair> = pairs.iter().collect();
        assert_eq!(kept(kind, &live, &sent("/"), &held), Some(live.clone()));
    }

    #[test]
    fn a_virtual_service_keeps_its_split_and_what_stands_beside_the_app() {
        let sent = |weight: Value, timeout: &str| {
            let mut to_app = json!({"destination": {"host": "shop"}});
            if weight.is_number() {
                to_app["weight"] = weight;
            }
            json!({
                "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {},
                "spec": {"hosts": ["a"], "http": [{"timeout": timeout, "route": [to_app]}], "tcp": [{"route": []}]},
            })
        };
        let live = |timeout: &str| {
            let plain = sent(Value::Null, timeout);
            routing::carrying(&plain, &Names::new("shop"), Traffic::share(30), &Exposure::default()).unwrap()
        };
        // A weight that says nothing is no change.
        for weight in [Value::Null, json!(100)] {
            assert_eq!(run(&live("5s"), &sent(weight.clone(), "5s"), false), live("5s"));
            assert_eq!(run(&live("5s"), &sent(weight, "9s"), false), live("9s"));
        }
    }

    #[test]
    fn a_knative_service_keeps_its_shares_and_the_notes_on_it_whatever_is_put_in_its_place() {
        let sent = |traffic: Value, annotations: Value| {
            let spec = json!({"template": {"spec": {"containers": [{"image": "web:2"}]}}, "traffic": traffic});
            json!({
                "apiVersion": "serving.knative.dev/v1", "kind": "Service",
                "metadata": {"name": "shop", "annotations": annotations}, "spec": spec,
            })
        };
        let live = |authors: &Value| {
            let notes = json!({"flagger.app/primary-revision": "shop-1", "coalmine.dev/traffic": authors.to_string()});
            let plain = sent(authors.clone(), notes);
            routing::carrying(&plain, &Names::new("shop"), Traffic::share(30), &Exposure::default()).unwrap()
        };
        let (all, tagged) = (
            json!([{"latestRevision": true, "percent": 100}]),
            json!([{"latestRevision": true, "percent": 100}, {"tag": "old", "revisionName": "shop-0"}]),
        );
        // As its author means it, by an apply that leaves our notes and by a PUT that does not.
        for annotations in [live(&all)["metadata"]["annotations"].clone(), json!({})] {
            assert_eq!(
                run(&live(&all), &sent(all.clone(), annotations.clone()), false),
                live(&all)
            );
            assert_eq!(
                run(&live(&all), &sent(tagged.clone(), annotations), false),
                live(&tagged)
            );
        }
        let stolen = json!({"flagger.app/primary-revision": "shop-7"});
        assert_eq!(run(&live(&all), &sent(all.clone(), stolen), false), live(&all));
        assert_eq!(run(&live(&all), &live(&all), false), live(&all));
    }

    #[test]
    fn a_manifest_with_weights_of_its_own_gets_the_live_ones() {
        assert_eq!(run(&split(30), &split(0), false), split(30));
    }

    #[test]
    fn weights_that_are_not_used_are_told_once() {
        let told = |sent: &Value| {
            let request = Request {
                operation: Operation::Update,
                old_object: split(30),
                object: sent.clone(),
                ..Request::default()
            };
            warnings(&request, &pairs())
        };
        let [line] = told(&split(0)).try_into().unwrap();
        assert!(line.contains("stay at 70/30"), "{line}");
        assert!(told(&split(30)).is_empty());
        assert!(told(&route(json!([{"name": "shop", "port": 80}]))).is_empty());
    }

    #[test]
    fn our_own_write_moves_the_weights_and_owns_no_rules() {
        let mut sent = split(40);
        sent["metadata"]["managedFields"] =
            json!([{"manager": "coalmine", "fieldsV1": {"f:spec": {"f:rules": {}, "f:hostnames": {}}}}]);
        let after = run(&split(30), &sent, true);
        assert_eq!(after["spec"], split(40)["spec"]);
        assert_eq!(
            after["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:hostnames": {}}})
        );
    }

    #[test]
    fn a_route_that_is_not_split_and_one_of_others_are_left_alone() {
        let plain = route(json!([{"name": "shop", "port": 80}]));
        let other = route(json!([{"name": "shop", "port": 81}]));
        assert_eq!(run(&plain, &other, false), other);
        let foreign = route(json!([{"name": "elsewhere", "port": 80}]));
        assert_eq!(run(&foreign, &foreign, false), foreign);
    }
}
