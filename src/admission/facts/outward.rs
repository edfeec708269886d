//! What routes lead to in other namespaces, kept by the namespace that is led to: every apply asks for it, and the
//! routes of a whole cluster are too many to be read each time.

use crate::plan::enrolment::generate::Elsewhere;
use crate::routing::RouteKind;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Namespace and name of a Service, and whether users come to it that way.
type Name = (String, String, bool);

/// Read side; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outward(Arc<RwLock<Index>>);

#[derive(Debug, Default)]
struct Index {
    /// What each route leads to; only those that lead out of their namespace.
    routes: HashMap<String, Vec<Name>>,
    /// The same by the namespace that is led to, in order.
    led: HashMap<String, Arc<Vec<Elsewhere>>>,
}

impl Outward {
    /// What leads to Services of a namespace.
    pub fn leading_to(&self, namespace: &str) -> Arc<Vec<Elsewhere>> {
        self.0.read().led.get(namespace).cloned().unwrap_or_default()
    }
}

impl Index {
    fn put(&mut self, kind: &'static str, route: String, services: Vec<Name>) {
        let before = self.routes.get(&route).map(Vec::as_slice).unwrap_or_default();
        // Most events are about what else the status says.
        if before == services {
            return;
        }
        let concerned: BTreeSet<String> = before.iter().chain(&services).map(|(to, ..)| to.clone()).collect();
        for namespace in concerned {
            let led = Arc::make_mut(self.led.entry(namespace.clone()).or_default());
            led.retain(|one| one.route != route);
            led.extend(elsewhere(kind, &route, &services).filter_map(|(to, one)| (to == namespace).then_some(one)));
            led.sort_unstable();
            if led.is_empty() {
                self.led.remove(&namespace);
            }
        }
        match services.is_empty() {
            true => drop(self.routes.remove(&route)),
            false => drop(self.routes.insert(route, services)),
        }
    }

    // Of a whole list at once, since each put sorts.
    fn of(kind: &'static str, listed: Vec<(String, Vec<Name>)>) -> Self {
        let mut led: HashMap<String, Vec<Elsewhere>> = HashMap::new();
        let all = listed.iter();
        for (to, one) in all.flat_map(|(route, services)| elsewhere(kind, route, services)) {
            led.entry(to.to_owned()).or_default().push(one);
        }
        let sorted = |(to, mut all): (String, Vec<Elsewhere>)| {
            all.sort_unstable();
            (to, Arc::new(all))
        };
        Self {
            led: led.into_iter().map(sorted).collect(),
            routes: listed
                .into_iter()
                .filter(|(_, services)| !services.is_empty())
                .collect(),
        }
    }
}

fn elsewhere<'a>(
    kind: &'static str,
    route: &'a str,
    services: &'a [Name],
) -> impl Iterator<Item = (&'a str, Elsewhere)> {
    services.iter().map(move |(to, service, followed)| {
        let one = Elsewhere {
            kind,
            route: route.to_owned(),
            service: service.clone(),
            followed: *followed,
        };
        (to.as_str(), one)
    })
}

/// Write side of the cache of one kind of routes, and of what they lead to.
pub struct RouteFeed {
    pub(super) kind: &'static dyn RouteKind,
    writer: Writer<DynamicObject>,
    outward: Outward,
    listed: Vec<(String, Vec<Name>)>,
}

impl RouteFeed {
    pub(super) fn new(kind: &'static dyn RouteKind, writer: Writer<DynamicObject>) -> Self {
        Self {
            kind,
            writer,
            outward: Outward::default(),
            listed: Vec::new(),
        }
    }

    pub(super) fn as_readers(&self) -> (Store<DynamicObject>, Outward) {
        (self.writer.as_reader(), self.outward.clone())
    }

    /// Takes a change in.
    pub fn apply_watcher_event(&mut self, event: &Event<DynamicObject>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(route) => self.listed.push(outward(self.kind, route)),
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                *self.outward.0.write() = Index::of(self.kind.resource().kind, listed);
            }
            Event::Apply(route) => {
                let (name, services) = outward(self.kind, route);
                self.put(name, services);
            }
            Event::Delete(route) => self.put(outward(self.kind, route).0, Vec::new()),
        }
        self.writer.apply_watcher_event(event);
    }

    fn put(&self, name: String, services: Vec<Name>) {
        self.outward.0.write().put(self.kind.resource().kind, name, services);
    }
}

fn outward(kind: &dyn RouteKind, route: &DynamicObject) -> (String, Vec<Name>) {
    let (namespace, name) = (route.metadata.namespace.as_deref(), route.metadata.name.as_deref());
    let services = kind.outward(&route.data, namespace).unwrap_or_default();
    let followed = !services.is_empty() && kind.is_followed_outward(&route.data);
    let services = services.into_iter().map(|(to, service)| (to, service, followed));
    let name = format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default());
    (name, services.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::facts::Caches;
    use serde_json::json;

    fn route(name: &str, to: &[(&str, &str)]) -> DynamicObject {
        let refs: Vec<_> = to
            .iter()
            .map(|(at, name)| json!({"name": name, "namespace": at}))
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "edge"}, "spec": {"rules": [{"backendRefs": refs}]}}))
        .unwrap()
    }

    fn led(caches: &Caches, namespace: &str) -> Vec<String> {
        let all = caches.elsewhere(namespace);
        all.iter().map(|one| format!("{} {}", one.route, one.service)).collect()
    }

    #[test]
    fn who_is_led_to_is_known_after_every_change_without_reading_the_routes() {
        let (caches, mut feeds) = Caches::new();
        let mut tell = |event| feeds.routes[0].apply_watcher_event(&event);
        tell(Event::Init);
        tell(Event::InitApply(route("b", &[("web", "shop"), ("mail", "post")])));
        tell(Event::InitApply(route("a", &[("web", "till"), ("edge", "own")])));
        assert_eq!(led(&caches, "web"), [""; 0], "the list is not complete");
        tell(Event::InitDone);
        assert_eq!(led(&caches, "web"), ["edge/a till", "edge/b shop"]);
        assert_eq!((led(&caches, "mail").len(), led(&caches, "edge").len()), (1, 0));
        // Asked for again, it is the same list and no copy of it.
        assert!(Arc::ptr_eq(&caches.elsewhere("web"), &caches.elsewhere("web")));
        assert!(
            caches.elsewhere("web").iter().all(|one| !one.followed),
            "no gateway takes them"
        );
        let mut taken = route("a", &[("web", "till")]);
        let conditions = json!([{"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": "True"}]);
        taken.data["status"] = json!({"parents": [{"conditions": conditions}]});
        tell(Event::Apply(taken));
        let followed = |name: &str| {
            let all = caches.elsewhere("web");
            all.iter().any(|one| one.route == name && one.followed)
        };
        assert!(followed("edge/a") && !followed("edge/b"));
        tell(Event::Apply(route("b", &[("web", "cart")])));
        assert_eq!(led(&caches, "web"), ["edge/a till", "edge/b cart"]);
        assert_eq!(led(&caches, "mail"), [""; 0]);
        tell(Event::Delete(route("a", &[("web", "till")])));
        assert_eq!(led(&caches, "web"), ["edge/b cart"]);
        tell(Event::Init);
        tell(Event::InitDone);
        assert_eq!(led(&caches, "web"), [""; 0]);
    }
}
