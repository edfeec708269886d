//! The Services beside the apex that point at the pair's pods.

use super::Templates;
use super::written::{changed, noted};
use crate::controller::difference::{Conflict, Pair};
use crate::object::text;
use crate::{
    analysis::{DesiredState, Dismantle, PrimaryTemplate},
    controller::{
        difference::write::Write,
        watch::pair::{owners::is_owned, pointing::Follower},
    },
    patches,
    plan::{
        ApexSide, Blueprint, Metadata, Selector, ServiceRole, service,
        services::{
            pointing::{self, ORIGINAL_SELECTOR},
            ports::{self, PortSources, Wanted},
        },
    },
};
use serde_json::Value;

impl Pair<'_> {
    /// Those that follow go where the apex goes.
    pub(in crate::controller::difference) fn followers(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        for service in &self.live.pointing.left {
            writes.extend(let_go(service, self.selector));
        }
        if self.live.pointing.followers.is_empty() {
            return;
        }
        let templates = self.templates(desired);
        for follower in &self.live.pointing.followers {
            if desired.dismantle == Dismantle::Traffic {
                writes.extend(self.returned(&follower.service, false));
                continue;
            }
            let blueprint = of_follower(self.blueprint, follower);
            let around = self.around_follower(desired, &templates, follower, &blueprint);
            if let Some(side) = desired.apex {
                writes.extend(self.moved_apex(&follower.service, side, &around));
            }
        }
    }

    /// Those that a route names have halves as the apex has. Last: the pair is one without them, and what is refused stops what
    /// is written after it.
    pub(in crate::controller::difference) fn followers_halves(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let split = desired.dismantle == Dismantle::No && desired.primary.is_some();
        let mut routed = self
            .live
            .pointing
            .followers
            .iter()
            .filter(|follower| follower.routed)
            .peekable();
        if !split || !self.blueprint.provider.moves_routes() || routed.peek().is_none() {
            return;
        }
        let templates = self.templates(desired);
        for follower in routed {
            let blueprint = of_follower(self.blueprint, follower);
            let around = self.around_follower(desired, &templates, follower, &blueprint);
            self.halves_of(follower, &around, writes, conflicts);
        }
    }

    /// On the way out, when primary is gone: what would have sent to it as well.
    pub(in crate::controller::difference) fn given_back_last(&self, writes: &mut Vec<Write>) {
        let gone = self.live.primary.as_ref().is_none_or(|primary| !self.is_ours(primary));
        let apex = self.live.apex.iter().filter(|_| self.rivals_service().is_none());
        let followers = self.live.pointing.followers.iter().map(|follower| &follower.service);
        if gone {
            writes.extend(apex.chain(followers).filter_map(|service| {
                let held = pointing::recorded(service).is_some();
                held.then(|| self.returned(service, true)).flatten()
            }));
        }
        writes.extend(
            self.live
                .pointing
                .left
                .iter()
                .filter_map(|service| let_go(service, self.selector)),
        );
    }

    /// The Services of this Canary that take the target with them, and stay when only the Canary goes.
    pub(in crate::controller::difference) fn halves_made(&self) -> impl Iterator<Item = &Value> {
        let known = [&self.live.primary_service, &self.live.canary_service];
        let known = move |service: &&Value| {
            let name = text(service, "/metadata/name");
            known
                .into_iter()
                .flatten()
                .any(|known| text(known, "/metadata/name") == name)
        };
        let is_half = |service: &&Value| {
            let name = text(service, "/metadata/name");
            name.ends_with("-primary") || name.ends_with("-canary")
        };
        let own = self.live.made.iter().filter(|made| is_owned(made, self.blueprint));
        own.filter(is_half).filter(move |service| !known(service))
    }

    fn halves_of(
        &self,
        follower: &Follower,
        around: &PortSources<'_>,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let halves = [
            (ServiceRole::Primary, &follower.primary),
            (ServiceRole::Canary, &follower.canary),
        ];
        for (role, live) in halves {
            if let Some(wanted) = service(role, self.selector, around, ApexSide::Primary) {
                self.apply_service(live.as_ref(), wanted, writes, conflicts);
            }
        }
    }

    fn around_follower<'a>(
        &self,
        desired: &DesiredState,
        templates: &'a Templates,
        follower: &'a Follower,
        blueprint: &'a Blueprint,
    ) -> PortSources<'a> {
        PortSources {
            blueprint,
            apex: Some(&follower.service),
            users: true,
            primary: follower.primary.as_ref(),
            canary: follower.canary.as_ref(),
            verified: templates.verified.as_ref(),
            tested: templates.tested.as_ref(),
            idle: matches!(desired.primary, Some(PrimaryTemplate::Revision(_))),
        }
    }
}

/// Its author's selector and ports, and no note of ours.
pub(in crate::controller::difference) fn let_go(service: &Value, selector: &Selector) -> Option<Write> {
    let live = service.pointer("/spec/selector").and_then(Value::as_object);
    let ours = [selector.primary_labels(), selector.target_labels()];
    let mut operations = Vec::new();
    if live.is_some_and(|live| ours.contains(live)) {
        match pointing::recorded(service).unwrap_or_default() {
            Value::Null => operations.push(patches::remove(["spec", "selector"])),
            own => operations.push(patches::add(["spec", "selector"], own)),
        }
    }
    operations.extend(noted(service, &[(ORIGINAL_SELECTOR, None), (Wanted::ANNOTATION, None)]));
    let ports = Wanted::of(service).over(ports::of(service));
    if ports != ports::of(service) {
        operations.push(patches::replace(["spec", "ports"], ports));
    }
    changed(service, operations)
}

// What the Canary says of its own Services is not about this one, whose author says it all.
fn of_follower(blueprint: &Blueprint, follower: &Follower) -> Blueprint {
    Blueprint {
        names: Some(follower.names.clone()),
        port: None,
        headless: false,
        traffic_distribution: None,
        apex: Metadata::default(),
        primary: Metadata::default(),
        canary: Metadata::default(),
        route: None,
        ..blueprint.clone()
    }
}
