//! The kinds of foreign objects that are written: how those that move requests are read, and how they change. Pure.

use super::{Exposure, Model, Names, Resource, Traffic};
use serde_json::Value;

/// A kind whose objects are written for a provider: they carry the traffic of a pair, or stand beside those that do.
pub trait WrittenKind: Sync {
    /// What it is called.
    fn resource(&self) -> Resource;

    /// Names of the Services that `object` is about, by which it is found.
    fn services(&self, object: &Value) -> Vec<String>;

    /// Whether `object` is about a Service of the pair.
    fn refers_to(&self, object: &Value, names: &Names) -> bool;

    /// Whether `object` names `-primary` or `-canary` themselves.
    fn names_a_half(&self, object: &Value, names: &Names) -> bool;

    /// Whether we made `object` beside a route of the user's own.
    fn is_companion(&self, _object: &Value) -> bool {
        false
    }

    /// Whether routes name its objects as what they lead to. A data plane has to know one before any route does, and for as
    /// long as it may still send users by what a route said.
    fn is_destination(&self) -> bool {
        false
    }

    /// Whether the data plane says that it knows `object`; asked of destinations alone.
    fn is_known(&self, _object: &Value) -> bool {
        true
    }

    /// Members of the `spec` of a companion that others may put there, their data plane's own webhook among them: they stay
    /// where we say nothing of them.
    fn shared(&self) -> &'static [&'static str] {
        &[]
    }

    /// Prefixes of the annotations by which data planes are told by `companion`: it has those it is meant to have and no others.
    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        vec![String::new()]
    }
}

/// How objects of one kind carry the traffic of a pair.
///
/// A route that the user wrote is edited in [`fields`](Self::fields) and nowhere else, and folding leaves it as it was. What
/// it cannot say itself is said by companions: objects that we make beside it and take away again.
pub trait RouteKind: WrittenKind {
    /// JSON pointers of what we write in a route of the user's own. Empty where companions say everything: then the webhook
    /// holds nothing in a user's own write.
    fn fields(&self) -> &'static [&'static str];

    /// Annotations that we write in a route of the user's own beside those fields, to know what its author means.
    fn notes(&self) -> &'static [&'static str] {
        &[]
    }

    /// What shows the chart's scope policy that an object of the user's own leads to half of a pair: terms of CEL, joined by
    /// `&&`, about `o`, which is the object as it is sent or as it is stored. Kinds that are edited have it, but for those in
    /// whose objects [notes](Self::notes) tell as much.
    fn leads_to_a_half(&self) -> Option<&'static str> {
        None
    }

    /// The line of shell by which objects of this kind name the app's own Service again, for whoever leaves when no program is
    /// there to give back what it edited.
    fn rescue(&self) -> Option<&'static str> {
        None
    }

    /// What has the kind in the version that is written, from which version of its own on, where older ones have another.
    fn since(&self) -> Option<&'static str> {
        None
    }

    /// The `spec` of a generated object without what the API server adds where nothing is said, so that two can be compared.
    fn said(&self, spec: &Value) -> Value {
        spec.clone()
    }

    /// The kinds of its companions that are not of its own.
    fn beside(&self) -> &'static [&'static dyn WrittenKind] {
        &[]
    }

    /// Members of the `spec` of a generated object that it has where its Canary says them, and not otherwise.
    fn optional(&self) -> &'static [&'static str] {
        &[]
    }

    /// How its objects tell of their revisions, where they are targets themselves.
    fn as_target(&self) -> Option<&'static dyn TargetKind> {
        None
    }

    /// The Services of other namespaces than its `own` that `route` sends to, as namespace and name; `None` of a kind whose
    /// objects never lead out of their own, whatever they say.
    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>>;

    /// Whether users come by `route` to what it names [outside of its namespace](Self::outward), as far as data planes say. Where
    /// the namespace that is led to has to allow it, one that nobody has taken up is a claim and nothing else. Kinds that nobody has
    /// to allow are taken at their word.
    fn is_followed_outward(&self, _route: &Value) -> bool {
        true
    }

    /// Why a route that is [not followed](Self::is_followed_outward) is not, as far as data planes say, and what that takes, in
    /// words for people.
    fn unfollowed(&self) -> Option<&'static str> {
        None
    }

    /// Host names that `route` publishes.
    fn hosts(&self, route: &Value) -> Vec<String>;

    /// Whether all of `route` that concerns the pair is as [`carrying`](Self::carrying) leaves it, be the apex
    /// [named](Self::naming) besides or not.
    fn is_split(&self, route: &Value, names: &Names) -> bool;

    /// What `route`, with its companions among `beside`, does with the pair's traffic; `None` when that cannot be said. What
    /// is `expected` is looked for first.
    fn traffic(
        &self,
        route: &Value,
        beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic>;

    /// The objects by which `traffic` is carried: the first of `objects`, which is the user's route, as it is to be, and its
    /// companions. `objects` are those that carry another pair's share already; at first the route alone.
    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value>;

    /// `route` as its author means it, the pair one Service again.
    fn folded(&self, route: &Value, names: &Names) -> Value;

    /// The spec that the author of `route` wrote, where Flagger has replaced it and kept that; or why it is not to be put back, in
    /// words for people. By what we would make for the Canary (`made`) it is known that nobody has written anything else since.
    fn original(&self, _route: &Value, _names: &Names, _made: Option<&Value>) -> Option<Result<Value, String>> {
        None
    }

    /// Whether the data plane of `route` hears of routes and of the Services behind them apart, in whatever order. Then a Service
    /// is [named](Self::naming) without a share before users are sent there, and until all have heard that none are any more.
    fn hears_apart(&self, _route: &Value) -> bool {
        false
    }

    /// `route` with every Service of the pair named where one of them is: those that were not get no share, and all others keep
    /// theirs. Asked of routes whose data plane [hears apart](Self::hears_apart).
    fn naming(&self, route: &Value, _names: &Names) -> Value {
        route.clone()
    }

    /// Whether `route` names `-primary` or `-canary` beside the apex alone, and leads nobody to them.
    fn spares_halves(&self, _route: &Value, _names: &Names) -> bool {
        false
    }

    /// Kinds and names of the companions that `route` may need for a pair.
    fn companions(&self, _route: &Value, _names: &Names) -> Vec<(Resource, String)> {
        Vec::new()
    }

    /// The objects of the user's own whose settings the companions of `route` take over. Without one of them
    /// ([`Exposure::models`]) its companion is not made.
    fn models(&self, _route: &Value, _names: &Names, _exposure: &Exposure) -> Vec<Model> {
        Vec::new()
    }

    /// Why the pair's traffic cannot be moved by `route`, or not be read from it, in words for people.
    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String>;

    /// Why the data plane finds no way to the Services of the pair by `route`, in words for people. It is asked when both of them have
    /// endpoints: before, they may be about to be made.
    fn unresolved(&self, _route: &Value, _names: &Names) -> Option<String> {
        None
    }

    /// Why the data plane does not take `companion`, in words for people.
    fn refused(&self, _companion: &Value) -> Option<String> {
        None
    }

    /// Why `route` has no room for what a run adds to it.
    fn crowded(&self, _route: &Value, _names: &Names, _exposure: &Exposure) -> Option<String> {
        None
    }

    /// Whether data planes go by an object of this kind although users are led by one of another kind as well, and nothing else
    /// names it: one that we or Flagger made goes when another carries the traffic in its place.
    fn hides_others(&self) -> bool {
        false
    }

    /// What of a Canary's analysis objects of this kind have no word for, so that it does nothing to whoever comes by them:
    /// the paths below the analysis, and why.
    fn unsaid(&self, _exposure: &Exposure) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether the data plane says that it has not taken up `route` as it is. Kinds that never say are given the provider's
    /// time to settle.
    fn is_pending(&self, _route: &Value) -> bool {
        false
    }

    /// Whether a data plane says that it takes `route`. Kinds that never say are taken at once.
    fn is_taken(&self, _route: &Value) -> bool {
        true
    }

    /// Why nobody comes by one of the parents of `route`, which it names, while users come by another, in words for people. That is
    /// no [problem](Self::problem): the app is served.
    fn shut_out(&self, _route: &Value) -> Option<String> {
        None
    }

    /// Whether the data plane refuses `route` because of `older`, which leads to the same app in another kind, and takes that one.
    fn yields(&self, _route: &Value, _older: &Value) -> bool {
        false
    }

    /// The parents of `route` whose data plane is known to copy no requests, with its name.
    fn unmirrored<'a>(&self, _route: &'a Value) -> Vec<(&'a Value, &'a str)> {
        Vec::new()
    }

    /// The parents of `route` whose data plane is known to copy every request, whatever share of them is asked for, with its name.
    fn copying_all<'a>(&self, _route: &'a Value) -> Vec<(&'a Value, &'a str)> {
        Vec::new()
    }

    /// What of the status of `route` is needed to answer the above, cut down from all of it.
    fn told(&self, _route: &Value) -> Value {
        Value::Null
    }
}

/// How targets that are their own routes tell of their revisions, which are known by their names. One of them serves everybody
/// but for the canary's share, and stands where any other target has a primary.
pub trait TargetKind: RouteKind {
    /// What people call one of them.
    fn called(&self) -> &'static str;

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
