//! What a watch tells, also of what it missed: after a time without a connection it lists everything anew, and objects that
//! were deleted meanwhile are told by nothing but their absence.

use kube::runtime::{
    reflector::{Lookup, ObjectRef},
    watcher::Event,
};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// What is told of an object.
#[derive(Debug, Clone)]
pub struct Telling<T> {
    what: T,
    // A hash of what counts of it; nothing where every event counts.
    says: Option<u64>,
}

impl<T: Clone + PartialEq> Telling<T> {
    /// Is told of every event.
    pub fn always(what: T) -> Self {
        Self { what, says: None }
    }

    /// Is told when the object comes or goes and when that part of it, its spec say, changes: who applies everything again
    /// every few minutes changes labels, annotations and versions only.
    pub fn when_changed(what: T, part: &impl Serialize) -> Self {
        let hash = |text: String| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        Self {
            what,
            says: serde_json::to_string(part).ok().map(hash),
        }
    }

    // What is to be told after `before`. An object that concerns others now has concerned those of before.
    fn after(&self, before: Option<&Self>) -> Vec<T> {
        let same = before.is_some_and(|before| self.says.is_some() && self.says == before.says);
        let both = [Some(self), before].into_iter().flatten().filter(|_| !same);
        both.map(|one| one.what.clone()).collect()
    }
}

/// The objects a watch has told of, and what was told of each.
pub struct Relist<K: Lookup, T>
where
    K::DynamicType: Hash + Eq,
{
    known: HashMap<ObjectRef<K>, Telling<T>>,
    listed: HashMap<ObjectRef<K>, Telling<T>>,
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

impl<K: Lookup, T: Clone + Eq + Hash> Relist<K, T>
where
    K::DynamicType: Default + Hash + Eq + Clone,
{
    /// What is to be told of an event, each once. A list is told when it is complete: caches are exchanged whole, and until
    /// then they show what was before.
    pub fn told(&mut self, event: Event<K>, tell: impl Fn(&K) -> Telling<T>) -> Vec<T> {
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
                let gone = before.iter().filter(|(key, _)| !self.known.contains_key(*key));
                let gone = gone.map(|(_, telling)| telling.what.clone());
                let listed = self.known.iter();
                each_once(listed.flat_map(|(key, now)| now.after(before.get(key))).chain(gone))
            }
            Event::Apply(object) => {
                let now = tell(&object);
                let before = self.known.insert(ObjectRef::from_obj(&object), now.clone());
                each_once(now.after(before.as_ref()).into_iter())
            }
            Event::Delete(object) => {
                let before = self.known.remove(&ObjectRef::from_obj(&object));
                let both = [Some(tell(&object)), before].into_iter().flatten();
                each_once(both.map(|telling| telling.what))
            }
        }
    }
}

fn each_once<T: Clone + Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut told = HashSet::new();
    all.filter(|one| told.insert(one.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Namespace, NamespaceSpec};

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
                Telling::always(object.metadata.name.clone().unwrap_or_default())
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
    // Told of whom it labels, when that or its spec changes.
    fn labelled(name: &str, whom: &str, says: &str) -> Namespace {
        let mut object = named(name);
        object.metadata.labels = Some([("whom".to_owned(), whom.to_owned())].into());
        object.spec = Some(NamespaceSpec {
            finalizers: Some(vec![says.to_owned()]),
        });
        object
    }

    #[test]
    fn what_is_said_again_is_not_told_again_and_what_concerns_others_now_is_told_to_both() {
        let mut relist = Relist::default();
        let mut told = |event| {
            let mut told = relist.told(event, |object: &Namespace| {
                let labels = object.metadata.labels.as_ref();
                let whom = labels.and_then(|all| all.get("whom")).cloned();
                Telling::when_changed(whom.unwrap_or_default(), &object.spec)
            });
            told.sort();
            told.join(" ")
        };
        assert_eq!(told(Event::Init), "");
        for name in ["a", "b", "c"] {
            assert_eq!(told(Event::InitApply(labelled(name, "all", "1"))), "");
        }
        assert_eq!(told(Event::InitDone), "all", "a list tells the same once");
        let mut again = labelled("a", "all", "1");
        again.metadata.resource_version = Some("7".to_owned());
        again.metadata.annotations = Some([("checked".to_owned(), "now".to_owned())].into());
        assert_eq!(told(Event::Apply(again.clone())), "");
        assert_eq!(told(Event::Apply(labelled("a", "all", "2"))), "all");
        assert_eq!(told(Event::Apply(labelled("a", "some", "3"))), "all some");
        assert_eq!(told(Event::Delete(labelled("a", "some", "3"))), "some");
        assert_eq!(
            told(Event::Apply(labelled("a", "some", "3"))),
            "some",
            "it is there again"
        );
        // The watch breaks; `b` changes, `c` goes.
        assert_eq!(told(Event::Init), "");
        assert_eq!(told(Event::InitApply(labelled("a", "some", "3"))), "");
        assert_eq!(told(Event::InitApply(labelled("b", "others", "2"))), "");
        assert_eq!(told(Event::InitDone), "all others");
        assert_eq!(told(Event::Init), "");
        assert_eq!(told(Event::InitApply(labelled("a", "some", "3"))), "");
        assert_eq!(told(Event::InitApply(labelled("b", "others", "2"))), "");
        assert_eq!(told(Event::InitDone), "");
    }
}
