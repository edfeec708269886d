//! The kind of App Mesh's routes.

use super::members::{FILLED, companions, is_of_canary, of_version};
use super::version::Version;
use super::{beside, can, carrying, entries, generated, order, problem, status};
use crate::object::text;
use crate::routing::reference::Local;
use crate::routing::{Exposure, Names, Resource, RouteKind, Traffic, WrittenKind, reference};
use serde_json::Value;

/// The kind of the routes in one version.
#[derive(Debug)]
pub struct MeshRoutes {
    pub(super) version: Version,
}

impl WrittenKind for MeshRoutes {
    fn resource(&self) -> Resource {
        self.version.of_routes()
    }

    // In the older version its own name is the host that callers name.
    fn services(&self, route: &Value) -> Vec<String> {
        let targets = entries::all(route).iter().flat_map(entries::anybody);
        let nodes = targets.filter_map(|target| Some(self.version.node(target)?.0));
        let own = text(route, "/metadata/name").split('.').next();
        nodes.chain(own).map(str::to_owned).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        let is_root = self.version == Version::V1beta1 && problem::is_called_so(self.version, route, names);
        is_root || problem::sends(self.version, route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        let local = &Local::of(route, names);
        let mut all = entries::all(route).iter();
        all.any(|entry| entries::names_a_half(self.version, entry, local))
    }

    fn is_companion(&self, route: &Value) -> bool {
        is_of_canary(self.version, route)
    }

    fn shared(&self) -> &'static [&'static str] {
        FILLED
    }

    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        vec![generated::GATEWAY.to_owned()]
    }
}

impl RouteKind for MeshRoutes {
    fn fields(&self) -> &'static [&'static str] {
        &[entries::AT]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(self.version.rescue())
    }

    fn beside(&self) -> &'static [&'static dyn WrittenKind] {
        of_version(self.version)
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        let targets = entries::all(route).iter().flat_map(entries::anybody);
        let nodes = targets.filter_map(|target| {
            let (name, namespace) = self.version.node(target)?;
            Some((namespace?.to_owned(), name.to_owned()))
        });
        Some(reference::others(nodes, own))
    }

    // They are callers' names in the mesh, and publish nothing.
    fn hosts(&self, _route: &Value) -> Vec<String> {
        Vec::new()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        let local = &Local::of(route, names);
        let mut own = entries::all(route)
            .iter()
            .filter(|entry| entries::is_own(self.version, entry, local))
            .peekable();
        own.peek().is_some() && own.all(|entry| entries::is_split(self.version, entry, local))
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let (local, able) = (&Local::of(route, names), can(self.version));
        let mut own = order::meant(self.version, route, local);
        own.retain(|entry| entries::is_own(self.version, entry, local));
        let mut shares = own
            .iter()
            .filter_map(|entry| entries::share(self.version, entry, local));
        let share = shares.next();
        if shares.any(|other| Some(other) != share) {
            return None;
        }
        if !self.is_split(route, names) {
            let is_whole = !self.names_a_half(route, names);
            return is_whole.then(|| Traffic::of_list(share, !own.is_empty(), able, expected));
        }
        let plain = Traffic::share(share.unwrap_or_default());
        let matched = Traffic { matched: true, ..plain };
        let asked = expected.map(|asked| Traffic {
            mirror: 0,
            sticky: false,
            ..asked
        });
        let carried = |wanted: &Traffic| carrying::carrying(self.version, route, local, *wanted, exposure);
        let mut candidates = asked.into_iter().chain([plain, matched]);
        let found = candidates.find(|wanted| carried(wanted) == entries::all(route))?;
        Some(found.as_able(able, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let Some((route, others)) = objects.split_first() else {
            return Vec::new();
        };
        let entries = carrying::carrying(self.version, route, &Local::of(route, names), traffic, exposure);
        let carrying = entries::replaced(route, entries);
        let has_halves = self.is_split(&carrying, names) && !self.is_companion(route);
        let beside = has_halves.then(|| beside::objects(self.version, route, names, exposure));
        let others = others.iter().cloned().chain(beside.into_iter().flatten());
        std::iter::once(carrying).chain(others).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        entries::replaced(route, carrying::folded(self.version, route, &Local::of(route, names)))
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        if self.is_companion(route) || !problem::sends(self.version, route, names) {
            return Vec::new();
        }
        companions(self.version, route, names)
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        problem::of_route(self.version, route, names)
            .or_else(|| self.crowded(route, names, exposure))
            .or_else(|| status::refused(route))
    }

    fn crowded(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        order::conflict(self.version, route, names, exposure)
    }

    fn is_pending(&self, route: &Value) -> bool {
        status::is_pending(route)
    }
}
