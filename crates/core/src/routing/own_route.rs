//! Targets that are their own routes: whoever serves their kind makes a revision of each of their templates, runs it and
//! scales it, and they share their users between two of them themselves. Pure.

use super::{Provider, RouteKind, Router, registry};
use crate::object::text;
use serde_json::Value;
use std::{fmt, ops::Deref};

/// How targets of such a kind tell of their revisions, which are known by their names. One of them serves everybody but for
/// the canary's share, and stands where any other target has a primary.
pub trait TargetKind: RouteKind {
    /// What people call one of them.
    fn called(&self) -> &'static str;

    /// The provider of its routes, which releases them and no other target.
    fn router(&self) -> &'static dyn Router;

    /// The revision that serves everybody but for the canary's share.
    fn primary<'a>(&self, target: &'a Value) -> Option<&'a str>;

    /// The newest revision.
    fn newest<'a>(&self, target: &'a Value) -> Option<&'a str>;

    /// The newest one that is ready.
    fn ready<'a>(&self, target: &'a Value) -> Option<&'a str>;

    /// Why the newest revision is not ready, in words for people; `None` when it is.
    fn unready(&self, target: &Value) -> Option<String>;

    /// Whether there is no revision of that name to send users to, by what is said of `target`.
    fn is_missing(&self, target: &Value, name: &str) -> bool;

    /// Which revision is to serve where `promoted` was to and nothing says so any more: a target that was deleted and made
    /// again has other revisions.
    fn serving<'a>(&self, target: &'a Value, promoted: &'a str) -> Option<&'a str>;

    /// A JSON merge patch after which the revision of that name serves.
    fn served_by(&self, target: &Value, name: &str) -> Value;

    /// An expression for the names of the pods of a revision, whose own name is `quoted` in it.
    fn pods(&self, quoted: &str) -> String;
}

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

    /// The provider by which alone it is released.
    pub fn provider(self) -> Provider {
        Provider::of(self.0.router())
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
    use serde_json::json;

    #[test]
    fn a_target_that_is_its_own_route_is_known_by_its_group_and_has_one_provider() {
        assert!(OwnRoute::all().count() > 0);
        for own in OwnRoute::all() {
            let kind = own.resource();
            assert_eq!(own.provider().own_route(), Some(own));
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
        assert_eq!(Provider::KUBERNETES.own_route(), None);
        assert_eq!(Provider::GATEWAY_API.own_route(), None);
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
