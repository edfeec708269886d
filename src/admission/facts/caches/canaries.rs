//! The Canaries, and which of them a namespace has: nearly every review asks for those of one namespace, and must not take longer
//! for those of all others.

use super::feed::Feed;
use crate::api::Canary;
use kube::ResourceExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Their names by namespace.
type Names = HashMap<String, BTreeSet<String>>;

/// Read side; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct ByNamespace(Arc<RwLock<Names>>);

impl ByNamespace {
    /// Those of one namespace, in order.
    pub fn of(&self, namespace: &str, all: &Store<Canary>) -> Vec<Arc<Canary>> {
        let names = self.0.read();
        let names = names.get(namespace).into_iter().flatten();
        let named = names.filter_map(|name| all.get(&ObjectRef::new(name).within(namespace)));
        named.collect()
    }
}

/// The side that what a watch tells of Canaries is written to.
pub struct CanaryFeed {
    writer: Writer<Canary>,
    names: ByNamespace,
    listed: Names,
}

impl CanaryFeed {
    pub(super) fn new() -> Self {
        Self {
            writer: Writer::default(),
            names: ByNamespace::default(),
            listed: Names::new(),
        }
    }

    pub(super) fn as_readers(&self) -> (Store<Canary>, ByNamespace) {
        (self.writer.as_reader(), self.names.clone())
    }

    /// Takes a change in.
    pub fn apply_watcher_event(&mut self, event: &Event<Canary>) {
        self.writer.apply_watcher_event(event);
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(canary) => put(&mut self.listed, canary),
            Event::InitDone => *self.names.0.write() = std::mem::take(&mut self.listed),
            Event::Apply(canary) => put(&mut self.names.0.write(), canary),
            Event::Delete(canary) => take(&mut self.names.0.write(), canary),
        }
    }
}

impl Feed<Canary> for CanaryFeed {
    fn take(&mut self, event: &Event<Canary>) {
        self.apply_watcher_event(event);
    }
}

fn put(names: &mut Names, canary: &Canary) {
    let namespace = canary.namespace().unwrap_or_default();
    names.entry(namespace).or_default().insert(canary.name_any());
}

fn take(names: &mut Names, canary: &Canary) {
    let namespace = canary.namespace().unwrap_or_default();
    let Some(left) = names.get_mut(&namespace) else { return };
    left.remove(&canary.name_any());
    if left.is_empty() {
        names.remove(&namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::facts::Caches;
    use serde_json::json;

    fn canary(namespace: &str, name: &str) -> Canary {
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": namespace},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}}))
        .unwrap()
    }

    #[test]
    fn those_of_a_namespace_are_known_after_every_change() {
        let (caches, mut feeds) = Caches::new();
        let mut tell = |event| feeds.canaries.apply_watcher_event(&event);
        let known = |namespace: &str| -> Vec<String> {
            let all = caches.canaries_of(namespace);
            all.iter().map(|canary| canary.name_any()).collect()
        };
        tell(Event::Init);
        for (namespace, name) in [("web", "till"), ("web", "shop"), ("mail", "post")] {
            tell(Event::InitApply(canary(namespace, name)));
        }
        assert_eq!(known("web"), [""; 0], "the list is not complete");
        tell(Event::InitDone);
        assert_eq!(known("web"), ["shop", "till"]);
        assert_eq!(known("mail"), ["post"]);
        tell(Event::Apply(canary("web", "cart")));
        tell(Event::Apply(canary("web", "cart")));
        tell(Event::Delete(canary("web", "till")));
        tell(Event::Delete(canary("mail", "post")));
        assert_eq!(known("web"), ["cart", "shop"]);
        assert_eq!(known("mail"), [""; 0]);
        tell(Event::Init);
        tell(Event::InitApply(canary("web", "shop")));
        tell(Event::InitDone);
        assert_eq!(known("web"), ["shop"]);
    }
}
