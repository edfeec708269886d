//! Providers `appmesh` and `appmesh:v1beta2`: AWS App Mesh, whose routers name the two halves with weights. AWS has ended it;
//! whoever still runs it can move from here.
//!
//! The mesh keeps books of its members. Each half of an app is a VirtualNode, which says how its pods are found; who calls the
//! app names a VirtualService, which is a router's; and the router's routes share requests out among VirtualNodes. In v1beta2 the
//! router is an object of its own, in v1beta1 a part of the VirtualService. Each provider reads and writes the version that it is
//! called by, and what carries the share there is its route.
//!
//! Where nobody has one, all of these are made as Flagger makes them, with a VirtualNode of the app's own name besides, to which
//! the router leads when the app leaves. A router of the user's own is edited in its routes; its VirtualServices and the
//! VirtualNode that its pods belong to are the user's business.

mod beside;
mod carrying;
mod conditions;
mod entries;
mod generated;
mod members;
mod order;
mod problem;
mod retries;
mod routes;
mod status;
mod version;

use crate::api::canary::{Analysis, CanarySpec};
use crate::object::text;
use crate::routing::{Capabilities, Forms, Names, Need, RouteKind, Router};
use routes::MeshRoutes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use version::Version;

/// A provider that writes one version.
pub struct AppMesh {
    routes: &'static MeshRoutes,
    kinds: &'static [&'static dyn RouteKind],
}

const FIRST: MeshRoutes = MeshRoutes {
    version: Version::V1beta1,
};
const SECOND: MeshRoutes = MeshRoutes {
    version: Version::V1beta2,
};

/// `appmesh`, of the controller's versions before 1.
pub const V1BETA1: AppMesh = AppMesh {
    routes: &FIRST,
    kinds: &[&FIRST],
};

/// `appmesh:v1beta2`.
pub const V1BETA2: AppMesh = AppMesh {
    routes: &SECOND,
    kinds: &[&SECOND],
};

const GROUP: &str = "appmesh.k8s.aws";

/// Flagger's annotation of a Canary whose proxies are to log requests, and what it says then.
const ACCESS_LOG: (&str, &str) = ("appmesh.flagger.app/accesslog", "enabled");

/// The controller tells AWS of a change as it hears of it, and AWS tells the proxies within seconds; nobody says when they have
/// it.
const PUSH: Duration = Duration::from_secs(10);

/// What it compares texts by.
const FORMS: Forms = Forms {
    uri: &["prefix"],
    method: &["exact"],
    named: &["exact", "prefix", "suffix", "regex"],
    open_regexes_differ: false,
};

const fn can(version: Version) -> Capabilities {
    Capabilities {
        weights: true,
        matches: true,
        // The older controller does not find the VirtualNodes that routes of gRPC name. A router has one listener.
        grpc: matches!(version, Version::V1beta2),
        ..Capabilities::NONE
    }
}

impl Router for AppMesh {
    fn name(&self) -> &'static str {
        match self.routes.version {
            Version::V1beta1 => "appmesh",
            Version::V1beta2 => "appmesh:v1beta2",
        }
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        self.kinds
    }

    fn can(&self) -> Capabilities {
        can(self.routes.version)
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    fn is_retired(&self) -> bool {
        true
    }

    // The newer one is told by a label of the namespace.
    fn lacks(&self, spec: &CanarySpec) -> Option<Need> {
        let need = Need {
            field: "spec.service.meshName",
            why: "names the mesh in all that it makes; say which it is",
            without_route: false,
        };
        let is_needed = self.routes.version == Version::V1beta1;
        let service = spec.service.as_ref().filter(|_| is_needed)?;
        generated::mesh(service).is_none().then_some(need)
    }

    fn forms(&self) -> Option<Forms> {
        Some(FORMS)
    }

    fn refuses(&self, analysis: &Analysis) -> Option<(String, String)> {
        problem::of_analysis(analysis)
    }

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        problem::of_canary(self.routes.version, spec)
    }

    fn obeys(&self) -> &'static [&'static str] {
        match self.routes.version {
            Version::V1beta1 => &[
                "spec.service.meshName",
                "spec.service.backends",
                "spec.service.hosts",
                "spec.service.match",
                "spec.service.timeout",
                "spec.service.retries",
            ],
            Version::V1beta2 => &[
                "spec.service.backends",
                "spec.service.hosts",
                "spec.service.match",
                "spec.service.timeout",
                "spec.service.retries",
            ],
        }
    }

    fn instead(&self) -> &'static str {
        "cannot say it; write a router of your own"
    }

    // A mesh is told by a label of the namespace in the newer version.
    fn instead_of(&self, field: &str) -> Option<&'static str> {
        (field == "spec.service.meshName").then_some("finds the mesh by labels of the namespace; leave it out")
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let rejected = problem::of_canary(self.routes.version, spec);
        let spec = Some(spec).filter(|_| rejected.is_empty())?;
        generated::generated(self.routes.version, namespace, names, spec)
    }

    fn logs(&self, annotations: &BTreeMap<String, String>) -> bool {
        let (key, enabled) = ACCESS_LOG;
        annotations.get(key).is_some_and(|said| said == enabled)
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, _namespace: &str) {
        let mesh = text(route, "/spec/meshName");
        if let Some(service) = spec.service.as_mut().filter(|_| !mesh.is_empty()) {
            service.mesh_name = Some(mesh.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
