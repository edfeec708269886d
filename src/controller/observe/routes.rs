//! What the routes of a pair do with its users, and what keeps them from being moved. Pure.

use super::kept;
use crate::{
    controller::watch::pair::live::Live,
    plan::Blueprint,
    routing::{self, Names, RouteKind, Traffic},
};
use serde_json::Value;

/// The routes of a pair.
#[derive(Debug, Clone, Copy)]
pub struct Routes<'a> {
    /// The pair they lead to.
    pub live: &'a Live,
    /// What its Canary wants of them.
    pub blueprint: &'a Blueprint,
}

impl<'a> Routes<'a> {
    /// What all of them do with the pair's traffic; `None` while they differ, or where one cannot be read. What is
    /// `expected` is looked for first.
    pub fn traffic(self, expected: Traffic) -> Option<Traffic> {
        let (live, blueprint) = (self.live, self.blueprint);
        let mut all = live.split(blueprint).flat_map(|names| {
            let routes = live.refers_to(blueprint, names);
            routes.map(move |route| live.traffic(route, names, blueprint, Some(expected)))
        });
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether any names a half, also one of a Service that does not follow any more.
    pub fn are_split(self) -> bool {
        self.any(routing::names_a_half)
    }

    /// Whether any leads users to one, as far as it says: it may name it and give it nothing.
    pub fn lead_to_halves(self) -> bool {
        self.any(routing::leads_to_a_half)
    }

    fn any(self, does: fn(&Value, &Names) -> bool) -> bool {
        let of = |names: &Names| self.live.routes.iter().any(|route| does(route, names));
        self.live.split(self.blueprint).chain(&self.live.left).any(of)
    }

    /// Whether users come to the pair by a route whose weights the Canary's provider moves, or will by the one it makes.
    pub fn move_users(self) -> bool {
        let led = |names: &Names| self.live.refers_to(self.blueprint, names).next().is_some();
        self.blueprint.provider.moves_routes() && (self.blueprint.route.is_some() || self.moved().any(led))
    }

    /// A route that the Canary names and that does not lead to the app, as far as it can be read: its users would see nothing
    /// of a release that seems to be shown to them.
    pub fn missing(self) -> Option<String> {
        let (name, names) = (self.blueprint.named_route.as_ref()?, self.blueprint.names.as_ref()?);
        let kind = self.blueprint.provider.kinds().first()?.resource().kind;
        let found = self.live.refers_to(self.blueprint, names).next().is_some();
        (!found).then(|| {
            format!(
                "{kind} {name}, which the Canary names, is not there or does not lead to Service {}",
                names.apex
            )
        })
    }

    /// Why one of them cannot be moved, or not be read, or why what was made beside one is not taken.
    pub fn trouble(self) -> Option<String> {
        let trouble = self.moved().find_map(|names| {
            let mut routes = self.live.refers_to(self.blueprint, names).chain(self.unmade(names));
            routes.find_map(|route| self.problem(route, names))
        });
        let trouble = trouble.or_else(|| self.unresolved());
        let mut companions = self.live.routes.iter().filter(|route| routing::is_companion(route));
        trouble.or_else(|| companions.find_map(|companion| self.companions_kind(companion)?.refused(companion)))
    }

    // One that we made and that is refused because of the one in whose place it comes is no trouble: users come by that, until it goes.
    fn problem(self, route: &Value, names: &Names) -> Option<String> {
        let (kind, exposure) = (self.kind_of(route)?, &self.blueprint.exposure);
        let mut led = self.live.refers_to(self.blueprint, names);
        let yields = |older: &Value| kept::is_outdated(older, self.blueprint) && kind.yields(route, older);
        if kept::is_made_for(route, self.blueprint) && led.any(yields) {
            return kind.crowded(route, names, exposure);
        }
        kind.problem(route, names, exposure)
    }

    // Why users do not come by a route to Services that are there, as endpoints of theirs show.
    fn unresolved(self) -> Option<String> {
        let serves = |names: &&Names| {
            [&names.primary, &names.canary]
                .iter()
                .all(|half| self.live.is_answered(half))
        };
        self.moved().filter(serves).find_map(|names| {
            let mut routes = self.live.refers_to(self.blueprint, names);
            routes.find_map(|route| self.kind_of(route)?.unresolved(route, names))
        })
    }

    // The route that is to be made, while that waits for an object whose settings something beside it takes over.
    fn unmade(self, names: &'a Names) -> Option<&'a Value> {
        let exposure = &self.blueprint.exposure;
        let own = self.blueprint.names.as_ref() == Some(names);
        let route = self.blueprint.route.as_ref().filter(|_| own)?;
        let models = self.kind_of(route)?.models(route, names, exposure);
        let waits = models.iter().any(|model| !exposure.models.contains_key(model));
        (waits && self.live.refers_to(self.blueprint, names).next().is_none()).then_some(route)
    }

    // The kind of the routes beside which it stands, be it of that kind or not.
    fn companions_kind(self, companion: &Value) -> Option<&'static dyn RouteKind> {
        let provider = self.blueprint.provider;
        let beside = || provider.kinds().first().copied().filter(|_| provider.writes(companion));
        self.kind_of(companion).or_else(beside)
    }

    /// Whether users are perhaps sent still where the routes said before.
    pub fn are_pending(self) -> bool {
        let pending = |route: &Value| self.kind_of(route).is_some_and(|kind| kind.is_pending(route));
        // What a route leads to, or is to lead to, besides Services.
        let unknown = |object: &Value| {
            let kind = routing::written_of(object).filter(|_| routing::is_companion(object));
            let led = kind.is_some_and(|kind| kind.is_destination() && !kind.is_known(object));
            led && self.blueprint.provider.writes(object)
        };
        let mut moved = self.moved();
        moved.any(|names| self.live.refers_to(self.blueprint, names).any(pending))
            || self.live.routes.iter().any(unknown)
    }

    /// Whether any that is moved does not name every Service of a pair whose halves are there, where its data plane hears of routes
    /// and of Services apart.
    pub fn are_unnamed(self) -> bool {
        let unnamed = |route: &Value, names: &Names| {
            let kind = self.kind_of(route).filter(|kind| kind.hears_apart(route));
            kind.is_some_and(|kind| kind.naming(route, names) != *route)
        };
        let is_there = |names: &&Names| self.live.has_halves(self.blueprint, names);
        let mut moved = self.moved().filter(is_there);
        moved.any(|names| {
            let all = self.live.refers_to(self.blueprint, names);
            let mut carrying = all.filter(|route| self.blueprint.carries_by(route));
            carrying.any(|route| unnamed(route, names))
        })
    }

    /// Whether no data plane behind them is known to copy no requests.
    pub fn mirror(self) -> bool {
        let able = |route: &Value| self.kind_of(route).is_none_or(|kind| kind.unmirrored(route).is_empty());
        self.live.routes.iter().all(able)
    }

    /// Whether nobody is shown the canary by any of those that there are in the A/B test that the Canary asks for.
    pub fn test_nobody(self) -> bool {
        let exposure = &self.blueprint.exposure;
        if exposure.matches.is_empty() {
            return false;
        }
        let (live, blueprint) = (self.live, self.blueprint);
        let leading = self.moved().flat_map(|names| {
            let routes = live.refers_to(blueprint, names);
            let carrying = routes.filter(move |route| blueprint.carries_by(route));
            carrying.map(move |route| (route, names))
        });
        let mut leading = leading.peekable();
        let nobody = |route: &Value, names: &Names| {
            let kind = self.kind_of(route);
            kind.is_some_and(|kind| routing::tests_nobody(kind, route, names, exposure))
        };
        leading.peek().is_some() && leading.all(|(route, names)| nobody(route, names))
    }

    fn kind_of(self, route: &Value) -> Option<&'static dyn RouteKind> {
        self.blueprint.provider.kind_of(route)
    }

    // The Services whose users they move. Of a Canary without weights the routes are the user's alone.
    fn moved(self) -> impl Iterator<Item = &'a Names> {
        let weights = self.blueprint.provider.moves_routes();
        self.live.split(self.blueprint).filter(move |_| weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Exposure, Provider};
    use serde_json::json;

    fn web() -> Blueprint {
        Blueprint {
            names: Some(Names::new("web")),
            provider: Provider::STANDARD,
            ..Blueprint::sample()
        }
    }

    fn of<T>(blueprint: &Blueprint, routes: Vec<Value>, ask: impl FnOnce(Routes) -> T) -> T {
        let live = &Live {
            routes,
            ..Live::default()
        };
        ask(Routes { live, blueprint })
    }

    fn asking(name: &str, team: &str) -> Value {
        let headers = json!([{"name": "x-team", "value": team}]);
        let backends = json!([{"name": "web", "port": 80}]);
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"rules": [{"matches": [{"headers": headers}], "backendRefs": backends}]},
        })
    }

    fn nobody(matches: Value, routes: Vec<Value>) -> bool {
        let exposure = Exposure {
            matches: serde_json::from_value(matches).unwrap(),
            ..Exposure::default()
        };
        of(&Blueprint { exposure, ..web() }, routes, |routes| routes.test_nobody())
    }

    #[test]
    fn a_test_is_for_nobody_where_every_route_asks_something_else() {
        let test = json!([{"headers": {"x-team": {"exact": "b"}}}]);
        assert!(nobody(test.clone(), vec![asking("front", "a")]));
        assert!(!nobody(test.clone(), vec![asking("front", "b")]));
        assert!(!nobody(test.clone(), vec![asking("front", "a"), asking("other", "b")]));
        assert!(
            !nobody(test, Vec::new()),
            "nothing is known of a route that is not there"
        );
        assert!(!nobody(json!([]), vec![asking("front", "a")]), "there is no test");
    }

    // A route whose gateway does not find its backends, and those Services that have endpoints.
    fn trouble(answered: &[&str]) -> Option<String> {
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "observedGeneration": 2, "message": "none"});
        let conditions = [
            condition("Accepted", "True", "Accepted"),
            condition("ResolvedRefs", "False", "BackendNotFound"),
        ];
        let backends = ["web-primary", "web-canary"].map(|name| json!({"name": name, "port": 80}));
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop", "generation": 2},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends}]},
            "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]},
        });
        let slice = |service: &&str| {
            json!({
                "metadata": {"labels": {"kubernetes.io/service-name": service}},
                "endpoints": [{"targetRef": {"name": "pod"}, "conditions": {"ready": true}}],
            })
        };
        let live = Live {
            routes: vec![route],
            slices: answered.iter().map(slice).collect(),
            ..Live::default()
        };
        let routes = Routes {
            live: &live,
            blueprint: &web(),
        };
        routes.trouble()
    }

    #[test]
    fn a_service_that_a_gateway_does_not_find_is_trouble_once_both_halves_have_endpoints() {
        assert_eq!(trouble(&[]), None);
        assert_eq!(trouble(&["web-primary"]), None, "the other is made, or has no pods yet");
        let why = "HTTPRoute web does not lead to its Services by gateway edge: none (BackendNotFound)";
        assert_eq!(trouble(&["web-primary", "web-canary"]).as_deref(), Some(why));
    }

    fn made(kind: &str, status: &str, reason: &str) -> Value {
        let condition =
            json!({"type": "Accepted", "status": status, "reason": reason, "observedGeneration": 2, "message": "host"});
        let labels = json!({crate::api::labels::GENERATED: "true"});
        let backends = ["web-primary", "web-canary"].map(|name| json!({"name": name, "port": 80}));
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
            "metadata": {"name": "web", "namespace": "shop", "generation": 2, "labels": labels},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends}]},
            "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": [condition]}]},
        })
    }

    // Of a Canary that asks for an HTTPRoute.
    fn told_of(routes: Vec<Value>) -> Option<String> {
        let route = Some(made("HTTPRoute", "", ""));
        of(&Blueprint { route, ..web() }, routes, |routes| routes.trouble())
    }

    #[test]
    fn a_route_that_is_refused_because_of_the_one_before_it_is_no_trouble_while_that_is_taken() {
        let taken = || made("GRPCRoute", "True", "Accepted");
        let refused = |reason: &str| made("HTTPRoute", "False", reason);
        assert_eq!(told_of(vec![taken(), refused("HostConflict")]), None);
        let why = "HTTPRoute web is refused by gateway edge: host (HostConflict)";
        assert_eq!(told_of(vec![refused("HostConflict")]).as_deref(), Some(why));
        let mut authors = refused("HostConflict");
        authors["metadata"]["labels"] = json!({});
        assert_eq!(told_of(vec![taken(), authors]).as_deref(), Some(why));
        let both = vec![made("GRPCRoute", "False", "HostConflict"), refused("HostConflict")];
        assert!(told_of(both).is_some());
        let alone = told_of(vec![taken(), refused("NotAllowedByListeners")]);
        assert!(alone.is_some(), "it would be refused without the other as well");
    }
}
