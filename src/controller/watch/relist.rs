//! What a watch tells, also of what it missed: after a time without a connection it lists everything anew, and objects that
//! were deleted meanwhile are told by nothing but their absence.

use kube::runtime::{
    reflector::{Lookup, ObjectRef},
    watcher::Event,
};
use std::{collections::HashMap, hash::Hash};

/// The objects a watch has told of, and what was told of each.
pub struct Relist<K: Lookup, T>
where
    K::DynamicType: Hash + Eq,
{
    known: HashMap<ObjectRef<K>, T>,
    listed: HashMap<ObjectRef<K>, T>,
}

impl<K: Lookup, T> Default for Relist<K, T>
where
    K::DynamicType: Hash + Eq,
{
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            listed: HashMap::new(),
        }
    }
}

impl<K: Lookup, T: Clone> Relist<K, T>
where
    K::DynamicType: Default + Hash + Eq + Clone,
{
    /// What is to be told of an event. A list is told when it is complete: caches are exchanged whole, and until then they
    /// show what was before.
    pub fn told(&mut self, event: Event<K>, tell: impl Fn(&K) -> T) -> Vec<T> {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(ObjectRef::from_obj(&object), tell(&object));
                Vec::new()
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.known, std::mem::take(&mut self.listed));
                let gone = before.into_iter().filter(|(key, _)| !self.known.contains_key(key));
                let gone: Vec<T> = gone.map(|(_, told)| told).collect();
                self.known.values().cloned().chain(gone).collect()
            }
            Event::Apply(object) => {
                let told = tell(&object);
                self.known.insert(ObjectRef::from_obj(&object), told.clone());
                vec![told]
            }
            Event::Delete(object) => {
                self.known.remove(&ObjectRef::from_obj(&object));
                vec![tell(&object)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;

    fn named(name: &str) -> Namespace {
        let mut object = Namespace::default();
        object.metadata.name = Some(name.to_owned());
        object
    }

    #[test]
    fn what_was_deleted_while_nobody_watched_is_told_by_the_next_list() {
        let mut relist = Relist::default();
        let mut told = |event| {
            let mut told = relist.told(event, |object: &Namespace| {
                object.metadata.name.clone().unwrap_or_default()
            });
            told.sort();
            told.join(" ")
        };
        assert_eq!(told(Event::Init), "");
        assert_eq!(told(Event::InitApply(named("a"))), "");
        assert_eq!(told(Event::InitApply(named("b"))), "");
        assert_eq!(told(Event::InitDone), "a b");
        assert_eq!(told(Event::Apply(named("c"))), "c");
        assert_eq!(told(Event::Delete(named("b"))), "b");
        // The watch breaks; `a` goes and `d` comes.
        assert_eq!(told(Event::Init), "");
        assert_eq!(told(Event::InitApply(named("c"))), "");
        assert_eq!(told(Event::InitApply(named("d"))), "");
        assert_eq!(told(Event::InitDone), "a c d");
        assert_eq!(told(Event::Init), "");
        assert_eq!(told(Event::InitDone), "c d");
    }
}
