//! Routes that lead from one namespace into another. To move them would take rights over namespaces that have not opted
//! in; to know them keeps an app that has an address there from being published under a second one.

use super::cache::{Kind, PAGE};
use crate::{plan::generate, routing::httproute};
use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    core::DynamicObject,
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::RwLock;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};
use tokio::sync::watch;

/// How often it is looked whether routes exist, or may be read, where neither was so.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

type Name = (String, String);

/// What leads out of its namespace, by the route's namespace and name.
#[derive(Debug, Default)]
pub struct Elsewhere {
    routes: RwLock<HashMap<Name, Vec<Name>>>,
    known: watch::Sender<bool>,
}

impl Elsewhere {
    /// What of other namespaces leads to Services of this one.
    pub fn leading_to(&self, namespace: &str) -> Vec<generate::Elsewhere> {
        let routes = self.routes.read();
        let led = routes.iter().flat_map(|((at, name), services)| {
            let services = services.iter().filter(|(to, _)| to == namespace);
            services.map(move |(_, service)| generate::Elsewhere {
                route: format!("{at}/{name}"),
                service: service.clone(),
            })
        });
        let mut led: Vec<_> = led.collect();
        led.sort_unstable();
        led
    }

    /// Waits until the routes are known, or cannot be.
    pub async fn ready(&self) {
        // It outlives whoever waits.
        drop(self.known.subscribe().wait_for(|known| *known).await);
    }

    /// Follows the routes for as long as it is polled; `tell` hears which namespaces are led to otherwise.
    pub async fn follow(&self, client: Client, tell: impl Fn(&str)) {
        let api = Api::<DynamicObject>::all_with(client, &Kind::HttpRoute.resource());
        let mut events = watcher(api, watcher::Config::default().page_size(PAGE))
            .default_backoff()
            .boxed();
        let mut listed = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(route)) => {
                    let (name, services) = outward(&route);
                    listed.insert(name, services);
                }
                Ok(watcher::Event::InitDone) => {
                    let all: Vec<(Name, Vec<Name>)> = listed.drain().collect();
                    self.replace(all, &tell);
                    self.known.send_replace(true);
                }
                Ok(watcher::Event::Apply(route)) => {
                    let (name, services) = outward(&route);
                    self.put(name, services, &tell);
                }
                Ok(watcher::Event::Delete(route)) => self.put(outward(&route).0, Vec::new(), &tell),
                Err(error) => {
                    tracing::debug!(%error, "routes of other namespaces");
                    // There are none to us.
                    if is_refused(&error) {
                        self.known.send_replace(true);
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                }
            }
        }
    }

    fn replace(&self, all: Vec<(Name, Vec<Name>)>, tell: &impl Fn(&str)) {
        let listed: BTreeSet<&Name> = all.iter().map(|(name, _)| name).collect();
        let known: Vec<Name> = self.routes.read().keys().cloned().collect();
        let gone: Vec<Name> = known.into_iter().filter(|name| !listed.contains(name)).collect();
        for name in gone {
            self.put(name, Vec::new(), tell);
        }
        for (name, services) in all {
            self.put(name, services, tell);
        }
    }

    fn put(&self, name: Name, services: Vec<Name>, tell: &impl Fn(&str)) {
        let mut routes = self.routes.write();
        let before = routes.remove(&name).unwrap_or_default();
        let changed: BTreeSet<String> = if before == services {
            BTreeSet::new()
        } else {
            before.iter().chain(&services).map(|(to, _)| to.clone()).collect()
        };
        if !services.is_empty() {
            routes.insert(name, services);
        }
        drop(routes);
        changed.iter().for_each(|namespace| tell(namespace));
    }
}

fn outward(route: &DynamicObject) -> (Name, Vec<Name>) {
    let name = (route.namespace().unwrap_or_default(), route.name_any());
    let services = httproute::outward(&route.data, Some(&name.0));
    (name, services)
}

fn is_refused(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(error)
    | watcher::Error::WatchStartFailed(error)
    | watcher::Error::WatchFailed(error)) = error
    else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if matches!(status.code, 403 | 404))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn name(at: &str, name: &str) -> Name {
        (at.to_owned(), name.to_owned())
    }

    #[test]
    fn who_is_led_to_is_known_and_told_of_every_change() {
        let elsewhere = Elsewhere::default();
        let told = RefCell::new(Vec::new());
        let tell = |namespace: &str| told.borrow_mut().push(namespace.to_owned());
        let edge = name("edge", "shop");
        elsewhere.put(edge.clone(), vec![name("web", "shop")], &tell);
        elsewhere.put(edge.clone(), vec![name("web", "shop")], &tell);
        assert_eq!(told.take(), ["web"]);
        let led = elsewhere.leading_to("web");
        assert_eq!((led[0].route.as_str(), led[0].service.as_str()), ("edge/shop", "shop"));
        elsewhere.put(edge.clone(), vec![name("other", "shop")], &tell);
        assert_eq!(told.take(), ["other", "web"]);
        assert!(elsewhere.leading_to("web").is_empty());
        // A list that does not name it any more.
        elsewhere.replace(vec![(name("edge", "plain"), Vec::new())], &tell);
        assert_eq!(told.take(), ["other"]);
        assert!(elsewhere.leading_to("other").is_empty());
    }
}
