//! Whose a Service is: that of a Canary, or of one that it follows.

use super::{RequestFacts, View};
use crate::admission::mutate::deployments::CoarseStage;
use crate::api::{Canary, labels};
use crate::plan::{
    Workload,
    services::pointing::{self, Labels},
};
use crate::routing::Names;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;
use std::sync::Arc;

impl RequestFacts<'_> {
    /// The Canary that holds the Service of the request: it is its apex, or one that was moved to its side. A Service that is
    /// itself the target is its author's alone.
    pub fn holder(&self) -> Option<&Canary> {
        let request = self.request();
        let canaries = self.canaries().iter().map(|canary| &**canary);
        let mut paired = canaries.filter(|canary| Workload::of(canary).is_none_or(Workload::rolls));
        let own = paired.clone().find(|canary| canary.service_name() == request.name);
        if own.is_some_and(|canary| self.strays(canary)) {
            return None;
        }
        own.or_else(|| {
            pointing::recorded(&request.old_object)?;
            paired.find(|canary| self.follows(canary))
        })
    }

    /// The Canary at whose pods the Service of the request may point from now on, and the selector of its primary: one whose
    /// primary serves everybody.
    pub fn joined(&self, selector: &Labels) -> Option<(&Canary, Value)> {
        let canaries = self.canaries().iter().map(|canary| &**canary);
        let mut serving = canaries.filter(|canary| {
            let stage = super::stage(canary);
            !matches!(
                stage,
                CoarseStage::Building | CoarseStage::Promoting | CoarseStage::Leaving
            )
        });
        serving.find_map(|canary| {
            let of = |name: &str| {
                let half = self.service(name)?;
                half.data.pointer("/spec/selector").cloned()
            };
            let target = of(&canary.canary_service_name())?;
            let target = target.as_object()?;
            let alike = selector.iter().any(|(key, value)| target.get(key) == Some(value));
            let against = |(key, value)| target.get(key).is_some_and(|has| has != value);
            let may = alike && !selector.iter().any(against);
            let primary = may.then(|| of(&canary.primary_service_name()))??;
            Some((canary, primary))
        })
    }

    // An apex that its author has pointed at other pods is not held any more.
    fn strays(&self, canary: &Canary) -> bool {
        let old = &self.request().old_object;
        let generated = old
            .pointer("/metadata/labels")
            .is_some_and(|all| all.get(labels::GENERATED).is_some());
        if generated {
            return false;
        }
        let live = old.pointer("/spec/selector");
        let halves = [canary.primary_service_name(), canary.canary_service_name()];
        let selectors = halves.iter().map(|name| {
            let half = self.service(name)?;
            half.data.pointer("/spec/selector").cloned()
        });
        selectors
            .collect::<Option<Vec<Value>>>()
            .is_some_and(|known| known.iter().all(|selector| Some(selector) != live))
    }

    // By a half of its own, or by where it points.
    fn follows(&self, canary: &Canary) -> bool {
        let request = self.request();
        let half = self.service(&Names::new(&request.name).primary);
        let uid = canary.metadata.uid.as_deref();
        if half.is_some_and(|half| {
            half.owner_references()
                .iter()
                .any(|owner| Some(owner.uid.as_str()) == uid)
        }) {
            return true;
        }
        let live = request.old_object.pointer("/spec/selector");
        [canary.primary_service_name(), canary.canary_service_name()]
            .iter()
            .filter_map(|name| self.service(name))
            .any(|half| half.data.pointer("/spec/selector") == live)
    }

    /// One Service of the request's namespace.
    pub fn service(&self, name: &str) -> Option<Arc<DynamicObject>> {
        self.view().caches.service(&self.request().namespace, name)
    }
}

impl View {
    /// The Services of a namespace whose users routes split, each with its Canary: apexes, and what follows with halves of
    /// its own.
    pub fn split(&self, namespace: &str) -> Vec<(Arc<Canary>, Names)> {
        let canaries = self.canaries(namespace);
        let mut all: Vec<(Arc<Canary>, Names)> = canaries
            .iter()
            .map(|canary| (canary.clone(), Names::new(canary.service_name())))
            .collect();
        let is_half = |service: &DynamicObject| {
            let generated = service.labels().contains_key(labels::GENERATED);
            generated && service.name_any().ends_with("-primary")
        };
        for half in self.caches.services_like(namespace, is_half) {
            let name = half.name_any();
            let base = name.strip_suffix("-primary").unwrap_or_default();
            let owner = |canary: &&Arc<Canary>| {
                let uid = canary.metadata.uid.as_deref();
                half.owner_references()
                    .iter()
                    .any(|owner| Some(owner.uid.as_str()) == uid)
            };
            // One that was deleted, or pointed elsewhere by its author, has the note no more: its routes are its author's again.
            let follows = |canary: &&Arc<Canary>| {
                canary.service_name() != base
                    && self
                        .caches
                        .service(namespace, base)
                        .is_some_and(|service| service.annotations().contains_key(pointing::ORIGINAL_SELECTOR))
            };
            if let Some(canary) = canaries.iter().find(owner).filter(follows) {
                all.push((canary.clone(), Names::new(base)));
            }
        }
        all
    }

    /// The Services of the user's own that point at the pods of a workload of this namespace.
    pub fn pointing_at(&self, namespace: &str, workload: &Value) -> Vec<Value> {
        let all = self.caches.services(namespace);
        pointing_at(&all, workload).into_iter().cloned().collect()
    }
}

/// Those of `services` that point at the pods of a workload.
pub fn pointing_at<'a>(services: &'a [Value], workload: &Value) -> Vec<&'a Value> {
    let Some(pods) = pointing::pods(workload) else {
        return Vec::new();
    };
    let selects = |service: &&Value| pointing::selects(service, pods);
    services.iter().filter(selects).collect()
}
