//! Targets that are their own routes: whoever serves their kind makes a revision of each of their templates, runs it and
//! scales it, and they share their users between two of them themselves. Pure.

use super::{Router, TargetKind, registry};
use crate::object::text;
use serde_json::Value;
use std::{fmt, ops::Deref};

/// The kind of a target that is its own route. Two are the same when the API server calls them so.
#[derive(Clone, Copy)]
pub struct OwnRoute(&'static dyn TargetKind);

impl OwnRoute {
    /// Each of them.
    pub fn all() -> impl Iterator<Item = Self> {
        registry::targets().map(Self)
    }

    /// The one of that kind in an API group; `None` for any other target.
    pub fn served(group: &str, kind: &str) -> Option<Self> {
        Self::all().find(|known| {
            let resource = known.resource();
            resource.kind == kind && resource.group == group
        })
    }

    /// The one that a reference names, in whatever version.
    pub fn named(api_version: &str, kind: &str) -> Option<Self> {
        let (group, _) = api_version.split_once('/')?;
        Self::served(group, kind)
    }

    /// The one that an object is of.
    pub fn of(object: &Value) -> Option<Self> {
        Self::named(text(object, "/apiVersion"), text(object, "/kind"))
    }

    /// The one whose routes a provider moves; `None` of those that lead to targets.
    pub fn moved_by(router: &dyn Router) -> Option<Self> {
        router.kinds().iter().find_map(|kind| kind.as_target()).map(Self)
    }

    /// The name of the provider by which alone it is released, and which releases no other target.
    pub fn provider(self) -> &'static str {
        let mut routers = registry::ROUTERS.iter();
        let own = routers.find(|router| Self::moved_by(**router) == Some(self));
        own.map_or("", |router| router.name())
    }
}

impl Deref for OwnRoute {
    type Target = dyn TargetKind;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl PartialEq for OwnRoute {
    fn eq(&self, other: &Self) -> bool {
        self.resource() == other.resource()
    }
}

impl Eq for OwnRoute {}

impl fmt::Debug for OwnRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.resource())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Canary;
    use crate::routing::Provider;
    use serde_json::json;

    #[test]
    fn a_target_that_is_its_own_route_is_known_by_its_group_and_has_one_provider() {
        assert!(OwnRoute::all().count() > 0);
        for own in OwnRoute::all() {
            let kind = own.resource();
            assert_eq!(Provider::parse(own.provider()).and_then(Provider::own_route), Some(own));
            for version in [kind.version, "v0"] {
                let version = format!("{}/{version}", kind.group);
                let object = json!({"apiVersion": version, "kind": kind.kind});
                assert_eq!(OwnRoute::named(&version, kind.kind), Some(own));
                assert_eq!(OwnRoute::of(&object), Some(own));
            }
            assert_eq!(OwnRoute::named("v1", kind.kind), None);
            assert_eq!(OwnRoute::named("example.com/v1", kind.kind), None);
            assert_eq!(OwnRoute::of(&json!({"kind": kind.kind})), None);
        }
        assert_eq!(Provider::FALLBACK.own_route(), None);
        assert_eq!(Provider::STANDARD.own_route(), None);
    }

    // The crate of the kinds cannot ask.
    #[test]
    fn a_canary_says_the_same_of_its_target() {
        let canary = |api_version: &str, kind: &str| -> Canary {
            let target = json!({"apiVersion": api_version, "kind": kind, "name": "web"});
            serde_json::from_value(json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"},
                "spec": {"targetRef": target},
            }))
            .unwrap()
        };
        let others = [
            ("v1", "Service"),
            ("apps/v1", "Deployment"),
            ("example.com/v1", "Service"),
            ("serving.knative.dev/v1", "Deployment"),
            ("", "Service"),
        ];
        let own = OwnRoute::all().map(|own| (own.resource().api_version(), own.resource().kind));
        let all = others
            .map(|(version, kind)| (version.to_owned(), kind))
            .into_iter()
            .chain(own);
        for (version, kind) in all {
            let own = OwnRoute::named(&version, kind).is_some();
            assert_eq!(canary(&version, kind).targets_a_route(), own, "{version} {kind}");
        }
    }
}
