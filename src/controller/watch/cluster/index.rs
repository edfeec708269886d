//! Which Canaries an object of that name concerns, without asking every Canary.

use crate::controller::{queue::Key, watch::informers::cache::Kind};
use crate::{api::Canary, plan::Workload};
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};

/// What a word is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Deployment,
    Service,
    Scaler,
}

type Word = (String, Sort, String);

#[derive(Debug, Default)]
struct Inner {
    namespaces: HashMap<String, BTreeSet<String>>,
    words: HashMap<Word, BTreeSet<String>>,
    of: HashMap<Key, Vec<Word>>,
}

/// The Canaries by namespace, and by the names of their halves and Services.
#[derive(Debug, Default)]
pub struct Index(RwLock<Inner>);

impl Index {
    /// Takes a Canary in as it is now, or out when it is gone.
    pub fn learn(&self, key: &Key, canary: Option<&Canary>) {
        let new = canary.map(|canary| words(&key.0, canary));
        let mut inner = self.0.write();
        if inner.of.get(key) == new.as_ref() {
            return;
        }
        inner.forget(key);
        if let Some(words) = new {
            inner.remember(key, words);
        }
    }

    /// Names of the Canaries of a namespace.
    pub fn of_namespace(&self, namespace: &str) -> Vec<String> {
        let inner = self.0.read();
        let names = inner.namespaces.get(namespace);
        names.map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }

    /// How many Canaries a namespace has.
    pub fn count(&self, namespace: &str) -> usize {
        self.0.read().namespaces.get(namespace).map_or(0, BTreeSet::len)
    }

    /// Names of the Canaries whose target is that Deployment, or whose primary it is.
    pub fn of_deployment(&self, namespace: &str, name: &str) -> Vec<String> {
        self.find(namespace, Sort::Deployment, name)
    }

    /// Names of the Canaries that an object of this kind concerns; `keys` are those it had and those it has.
    pub fn concerned(&self, kind: Kind, namespace: &str, name: &str, keys: &[String]) -> BTreeSet<String> {
        // ReplicaSets are called after whom they belong to, and one more word. So are EndpointSlices, whose names are cut when
        // they are long: they say whose they are.
        let owner = name.rsplit_once('-').map_or("", |(owner, _)| owner);
        let of = |sort, name: &str| self.find(namespace, sort, name).into_iter().collect();
        match kind {
            Kind::Deployment | Kind::DaemonSet => of(Sort::Deployment, name),
            Kind::ReplicaSet | Kind::ControllerRevision => of(Sort::Deployment, owner),
            Kind::Service => of(Sort::Service, name),
            Kind::EndpointSlice | Kind::Route(_) => keys
                .iter()
                .flat_map(|key| self.find(namespace, Sort::Service, key))
                .collect(),
            // By primary's name; by the labels it names, its workloads are looked for.
            Kind::PodDisruptionBudget => of(Sort::Deployment, name),
            // By its name, and by whom it scales: somebody may have pointed it at primary.
            Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
                let scaled = keys.iter().flat_map(|key| self.find(namespace, Sort::Deployment, key));
                self.find(namespace, Sort::Scaler, name)
                    .into_iter()
                    .chain(scaled)
                    .collect()
            }
            // Found by the Deployments whose pods read them; nobody's pair.
            Kind::ConfigMap | Kind::Secret | Kind::StatefulSet => BTreeSet::new(),
        }
    }

    fn find(&self, namespace: &str, sort: Sort, name: &str) -> Vec<String> {
        let word = (namespace.to_owned(), sort, name.to_owned());
        let inner = self.0.read();
        inner
            .words
            .get(&word)
            .map(|names| names.iter().cloned().collect())
            .unwrap_or_default()
    }
}

impl Inner {
    fn forget(&mut self, key: &Key) {
        for word in self.of.remove(key).into_iter().flatten() {
            if let Some(names) = self.words.get_mut(&word) {
                names.remove(&key.1);
                if names.is_empty() {
                    self.words.remove(&word);
                }
            }
        }
        if let Some(names) = self.namespaces.get_mut(&key.0) {
            names.remove(&key.1);
            if names.is_empty() {
                self.namespaces.remove(&key.0);
            }
        }
    }

    fn remember(&mut self, key: &Key, words: Vec<Word>) {
        for word in &words {
            self.words.entry(word.clone()).or_default().insert(key.1.clone());
        }
        self.namespaces.entry(key.0.clone()).or_default().insert(key.1.clone());
        self.of.insert(key.clone(), words);
    }
}

fn words(namespace: &str, canary: &Canary) -> Vec<Word> {
    let target = canary.target_name();
    let deployments = [target.to_owned(), format!("{target}-primary")].map(|name| (Sort::Deployment, name));
    let target_of_services = [
        target.to_owned(),
        format!("{target}-primary"),
        format!("{target}-canary"),
    ];
    let mut services: Vec<String> = canary.service_names().to_vec();
    // Where users call the target itself, its halves are called after it.
    if Workload::of(canary).is_some_and(|workload| !workload.rolls()) {
        services.extend(target_of_services);
    }
    let services = services.into_iter().map(|name| (Sort::Service, name));
    let scaler = canary.spec.autoscaler_ref.as_ref().map_or(target, |r| r.name.as_str());
    let scalers = [scaler.to_owned(), format!("{scaler}-primary")].map(|name| (Sort::Scaler, name));
    deployments
        .into_iter()
        .chain(services)
        .chain(scalers)
        .map(|(sort, name)| (namespace.to_owned(), sort, name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(target: &str) -> Canary {
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "c", "namespace": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
                "service": {"port": 80}},
        }))
        .unwrap()
    }

    #[test]
    fn a_canary_is_found_by_each_of_its_objects_and_by_no_others() {
        let index = Index::default();
        let key = ("shop".to_owned(), "c".to_owned());
        index.learn(&key, Some(&canary("web")));
        let found = |kind, name: &str| !index.concerned(kind, "shop", name, &[]).is_empty();
        assert!(found(Kind::Deployment, "web") && found(Kind::Deployment, "web-primary"));
        assert!(!found(Kind::Deployment, "web-canary"));
        assert!(found(Kind::ReplicaSet, "web-6d5f") && found(Kind::ReplicaSet, "web-primary-6d5f"));
        assert!(found(Kind::Service, "web-canary"));
        let slice = [String::from("web-canary")];
        assert!(
            !index
                .concerned(Kind::EndpointSlice, "shop", "cut-short", &slice)
                .is_empty()
        );
        assert!(!found(Kind::routes().next().unwrap(), "web"));
        let route = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            !index
                .concerned(Kind::routes().next().unwrap(), "shop", "other", &keys)
                .is_empty()
        };
        assert!(route(&["web-primary"]) && route(&["web"]) && !route(&["api"]));
        assert!(index.concerned(Kind::Deployment, "elsewhere", "web", &[]).is_empty());
    }

    #[test]
    fn a_canary_that_changes_its_target_or_goes_is_not_found_by_the_old_one() {
        let index = Index::default();
        let key = ("shop".to_owned(), "c".to_owned());
        index.learn(&key, Some(&canary("web")));
        index.learn(&key, Some(&canary("api")));
        assert!(index.of_deployment("shop", "web").is_empty());
        assert_eq!(index.of_deployment("shop", "api"), ["c"]);
        assert_eq!(
            (index.count("shop"), index.of_namespace("shop")),
            (1, vec!["c".to_owned()])
        );
        index.learn(&key, None);
        assert!(index.of_deployment("shop", "api").is_empty());
        assert_eq!(index.count("shop"), 0);
    }
}
