//! Routes that lead from one namespace into another. To move them would take rights over namespaces that have not opted
//! in; to know them keeps an app that has an address there from being published under a second one.

use super::cache::Kind;
use crate::{
    plan::enrolment::generate,
    requests::pages::PAGE,
    routing::{RouteKind, registry},
    telemetry::WatchFailures,
    watched::{Absent, is_nothing_to_us},
};
use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    core::DynamicObject,
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::RwLock;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use tokio::sync::watch;

/// Namespace and name of a Service, and whether users come to it that way.
type Name = (String, String, bool);
/// Kind, namespace and name of a route.
type Route = (&'static str, String, String);

/// What leads out of its namespace, by the route's namespace and name.
#[derive(Debug, Default)]
pub struct Elsewhere {
    routes: RwLock<HashMap<Route, Vec<Name>>>,
    known: watch::Sender<usize>,
    failures: WatchFailures,
}

impl Elsewhere {
    /// Nothing yet; its watches are counted when they fail.
    pub fn counting(failures: WatchFailures) -> Self {
        Self {
            failures,
            ..Self::default()
        }
    }

    /// What of other namespaces leads to Services of this one.
    pub fn leading_to(&self, namespace: &str) -> Vec<generate::Elsewhere> {
        let routes = self.routes.read();
        let led = routes.iter().flat_map(|((kind, at, name), services)| {
            let services = services.iter().filter(|(to, ..)| to == namespace);
            services.map(move |(_, service, followed)| generate::Elsewhere {
                kind,
                route: format!("{at}/{name}"),
                service: service.clone(),
                followed: *followed,
            })
        });
        let mut led: Vec<_> = led.collect();
        led.sort_unstable();
        led
    }

    /// Waits until the routes are known, or cannot be.
    pub async fn ready(&self) {
        // It outlives whoever waits.
        let all = leading_out().count();
        drop(self.known.subscribe().wait_for(|known| *known >= all).await);
    }

    /// Follows the routes for as long as it is polled; `tell` hears which namespaces are led to otherwise.
    pub async fn follow(&self, client: Client, tell: impl Fn(&str)) {
        let all = leading_out().map(|kind| self.follow_one(client.clone(), kind, &tell));
        futures::future::join_all(all).await;
    }

    async fn follow_one(&self, client: Client, kind: &'static dyn RouteKind, tell: &impl Fn(&str)) {
        let mut absent = Absent::new(client.clone(), kind.resource());
        let api = Api::<DynamicObject>::all_with(client, &Kind::Route(kind.resource()).resource());
        let mut first = true;
        let mut known = || {
            if std::mem::take(&mut first) {
                self.known.send_modify(|known| *known += 1);
            }
        };
        let mut events = watcher(api, watcher::Config::default().page_size(PAGE))
            .default_backoff()
            .boxed();
        let mut listed = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(route)) => {
                    let (name, services) = outward(kind, &route);
                    listed.insert(name, services);
                }
                Ok(watcher::Event::InitDone) => {
                    let all: Vec<(Route, Vec<Name>)> = listed.drain().collect();
                    self.replace(kind.resource().kind, all, tell);
                    absent.found();
                    known();
                }
                Ok(watcher::Event::Apply(route)) => {
                    let (name, services) = outward(kind, &route);
                    self.put(name, services, tell);
                }
                Ok(watcher::Event::Delete(route)) => self.put(outward(kind, &route).0, Vec::new(), tell),
                Err(error) => {
                    tracing::debug!(%error, "routes of other namespaces");
                    // There are none to us.
                    if is_nothing_to_us(&error) {
                        known();
                        absent.appears().await;
                    } else {
                        self.failures.count(kind.resource().kind);
                    }
                }
            }
        }
    }

    // A list of one kind says nothing of the others.
    fn replace(&self, kind: &str, all: Vec<(Route, Vec<Name>)>, tell: &impl Fn(&str)) {
        let listed: BTreeSet<&Route> = all.iter().map(|(name, _)| name).collect();
        let known: Vec<Route> = self
            .routes
            .read()
            .keys()
            .filter(|route| route.0 == kind)
            .cloned()
            .collect();
        let gone: Vec<Route> = known.into_iter().filter(|name| !listed.contains(name)).collect();
        for name in gone {
            self.put(name, Vec::new(), tell);
        }
        for (name, services) in all {
            self.put(name, services, tell);
        }
    }

    fn put(&self, name: Route, services: Vec<Name>, tell: &impl Fn(&str)) {
        let mut routes = self.routes.write();
        let before = routes.remove(&name).unwrap_or_default();
        let changed: BTreeSet<String> = if before == services {
            BTreeSet::new()
        } else {
            before.iter().chain(&services).map(|(to, ..)| to.clone()).collect()
        };
        if !services.is_empty() {
            routes.insert(name, services);
        }
        drop(routes);
        changed.iter().for_each(|namespace| tell(namespace));
    }
}

fn leading_out() -> impl Iterator<Item = &'static dyn RouteKind> {
    // Whether a kind leads out does not hang on what an object says.
    registry::kinds().filter(|kind| kind.outward(&Value::Null, None).is_some())
}

fn outward(kind: &'static dyn RouteKind, route: &DynamicObject) -> (Route, Vec<Name>) {
    let at = route.namespace().unwrap_or_default();
    let services = kind.outward(&route.data, Some(&at)).unwrap_or_default();
    let followed = !services.is_empty() && kind.is_followed_outward(&route.data);
    let services = services.into_iter().map(|(to, service)| (to, service, followed));
    let services = services.collect();
    ((kind.resource().kind, at, route.name_any()), services)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn name(at: &str, name: &str) -> Name {
        (at.to_owned(), name.to_owned(), true)
    }

    #[test]
    fn who_is_led_to_is_known_and_told_of_every_change() {
        let elsewhere = Elsewhere::default();
        let told = RefCell::new(Vec::new());
        let tell = |namespace: &str| told.borrow_mut().push(namespace.to_owned());
        let edge = ("HTTPRoute", "edge".to_owned(), "shop".to_owned());
        elsewhere.put(edge.clone(), vec![name("web", "shop")], &tell);
        elsewhere.put(edge.clone(), vec![name("web", "shop")], &tell);
        assert_eq!(told.take(), ["web"]);
        let led = elsewhere.leading_to("web");
        assert_eq!((led[0].route.as_str(), led[0].service.as_str()), ("edge/shop", "shop"));
        elsewhere.put(edge.clone(), vec![name("other", "shop")], &tell);
        assert_eq!(told.take(), ["other", "web"]);
        assert!(elsewhere.leading_to("web").is_empty());
        // A gateway ceases to follow it, and takes it up again.
        let (to, service, _) = name("other", "shop");
        elsewhere.put(edge.clone(), vec![(to, service, false)], &tell);
        assert!(!elsewhere.leading_to("other")[0].followed);
        assert_eq!(told.take(), ["other"]);
        elsewhere.put(edge.clone(), vec![name("other", "shop")], &tell);
        assert_eq!(told.take(), ["other"]);
        // A list that does not name it any more.
        let plain = ("HTTPRoute", "edge".to_owned(), "plain".to_owned());
        elsewhere.replace("HTTPRoute", vec![(plain, Vec::new())], &tell);
        assert_eq!(told.take(), ["other"]);
        assert!(elsewhere.leading_to("other").is_empty());
    }
}
