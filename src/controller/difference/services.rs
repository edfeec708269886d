//! The Services of the pair: the halves are simply made, the apex moves.

mod apex;
pub(super) mod followers;
mod written;

use super::{Conflict, Pair};
use crate::analysis::{DesiredState, Dismantle, Pods, PrimaryTemplate};
use crate::api::labels::TargetState;
use crate::controller::difference::write::Write;
use crate::controller::watch::informers::cache::Kind;
use crate::controller::watch::pair::rivals::is_a_rivals;
use crate::object::text;
use crate::plan::services::ports::PortSources;
use crate::plan::services::{copies, pointing};
use crate::plan::workload::{service::copied_spec, template};
use crate::plan::{ApexSide, ServiceRole, primary_revision, service};
use serde_json::Value;
use written::{changed, has_stale, is_as_wanted, made_as};

/// The pod templates behind the Services.
pub(super) struct Templates {
    pub(super) verified: Option<Value>,
    pub(super) tested: Option<Value>,
}

impl Pair<'_> {
    // The Services of the two halves never change side, so they are simply made.
    pub(super) fn halves(&self, desired: &DesiredState, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        if !self.blueprint.workload.rolls() {
            let copied = self.blueprint.workload.is_copied();
            if let Some(target) = self.live.target.as_ref().filter(|_| copied) {
                self.canary_copy(target, desired, writes, conflicts);
            }
            return;
        }
        let templates = self.templates(desired);
        let around = self.around(desired, &templates);
        let halves = [
            (ServiceRole::Primary, &self.live.primary_service),
            (ServiceRole::Canary, &self.live.canary_service),
        ];
        for (role, live) in halves {
            let Some(wanted) = service(role, self.selector, &around, ApexSide::Primary) else {
                continue;
            };
            self.apply_service(live.as_ref(), wanted, writes, conflicts);
        }
    }

    // Production is what primary is made from, or what it is; a target that is held still runs what it ran.
    pub(super) fn templates(&self, desired: &DesiredState) -> Templates {
        let own = |workload: &Option<Value>| workload.as_ref()?.pointer("/spec/template").cloned();
        let remembered = |revision: Option<&str>| revision.and_then(|revision| self.live.template(revision));
        let made = match &desired.primary {
            Some(PrimaryTemplate::Revision(revision) | PrimaryTemplate::Restored(revision)) => {
                self.live.template(revision)
            }
            _ => None,
        };
        let held = self.seen.target.as_ref().filter(|target| target.held);
        Templates {
            verified: made
                .or_else(|| own(&self.live.primary))
                .or_else(|| remembered(self.seen.promoted.as_deref())),
            tested: remembered(held.and_then(|target| target.active.as_deref())).or_else(|| own(&self.live.target)),
        }
    }

    fn around<'a>(&'a self, desired: &DesiredState, templates: &'a Templates) -> PortSources<'a> {
        let apex = self.live.apex.as_ref();
        PortSources {
            blueprint: self.blueprint,
            apex,
            users: apex.is_some_and(|apex| !self.is_ours(apex)),
            primary: self.live.primary_service.as_ref(),
            canary: self.live.canary_service.as_ref(),
            verified: templates.verified.as_ref(),
            tested: templates.tested.as_ref(),
            // Whenever it is made anew, nobody is sent to it.
            idle: matches!(desired.primary, Some(PrimaryTemplate::Revision(_))),
        }
    }

    pub(super) fn apply_service(
        &self,
        live: Option<&Value>,
        wanted: Value,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        match live {
            Some(object) if !self.is_ours(object) => {
                conflicts.push(Conflict::Name("Service", text(object, "/metadata/name").to_owned()));
            }
            Some(object) if is_as_wanted(object, &wanted) => {}
            // An apply would leave what was not applied by us.
            Some(object) if has_stale(object, &wanted) => writes.extend(changed(object, made_as(object, &wanted))),
            _ => writes.push(Write::Apply {
                kind: Kind::Service,
                object: wanted,
            }),
        }
    }

    // Under traffic the copy stays as it is verified; before a run and between runs it follows its original.
    fn canary_copy(
        &self,
        target: &Value,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let idle = desired.target_pods == Some(Pods::Overridden) || desired.target_state == Some(TargetState::Rest);
        let live = self.live.canary_service.as_ref();
        let revision = template::revision(target).unwrap_or_default();
        let same = live.is_some_and(|copy| primary_revision(copy) == Some(revision.as_str()));
        if same || live.is_some() && !idle {
            return;
        }
        if live.is_some_and(|copy| !self.is_ours(copy)) {
            conflicts.push(Conflict::Name("Service", copies::canary_name(self.blueprint)));
            return;
        }
        let spec = copied_spec(target);
        let object = copies::copy(&copies::canary_name(self.blueprint), &spec, &revision, self.blueprint);
        writes.push(Write::Apply {
            kind: Kind::Service,
            object,
        });
    }

    // What keeps this Canary from its Services: another one has them, or the apex is somebody else's.
    pub(super) fn contested(&self, desired: &DesiredState) -> Option<Conflict> {
        let live = self.live;
        if let Some(other) = self.rivals_service() {
            return Some(Conflict::Name("Service", text(other, "/metadata/name").to_owned()));
        }
        let apex = live.apex.as_ref().filter(|apex| !self.is_ours(apex))?;
        let pods = pointing::pods_of_pair(live.target.as_ref(), live.primary.as_ref(), self.selector);
        let leaving = desired.dismantle != Dismantle::No;
        let selects = apex.pointer("/spec/selector").and_then(Value::as_object);
        let chosen = self.blueprint.apex_is_chosen && selects.is_some_and(|labels| !labels.is_empty());
        let own = leaving || chosen || pointing::is_own_apex(apex, self.selector, &pods);
        (!own).then(|| Conflict::Apex(text(apex, "/metadata/name").to_owned()))
    }

    /// A Service of the pair's names that another Canary has.
    pub(super) fn rivals_service(&self) -> Option<&Value> {
        let live = self.live;
        let services = [&live.apex, &live.primary_service, &live.canary_service];
        services
            .into_iter()
            .flatten()
            .find(|service| is_a_rivals(service, &live.rivals))
    }
}
