//! The apex: made where there is none, else moved to the side that serves, and given back in the end.

use super::written::{changed, is_as_wanted, made_as, noted};
use crate::analysis::{DesiredState, Dismantle};
use crate::controller::difference::write::Write;
use crate::controller::difference::{Conflict, Pair};
use crate::controller::observe::apex_side;
use crate::object::annotation;
use crate::patches;
use crate::plan::services::pointing::{self, ORIGINAL_SELECTOR};
use crate::plan::services::ports::{self, PortSources, Wanted};
use crate::plan::{ApexSide, ServiceRole, apex_selector, service};
use serde_json::Value;

impl Pair<'_> {
    pub(in crate::controller::difference) fn apex(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        if !self.blueprint.workload.rolls() {
            return;
        }
        if desired.dismantle == Dismantle::Traffic {
            writes.extend(self.live.apex.iter().filter_map(|apex| self.returned(apex, false)));
            return;
        }
        let templates = self.templates(desired);
        let around = self.around(desired, &templates);
        let building_hot = desired.apex.is_none() && desired.primary.is_some();
        let side = desired.apex.unwrap_or(ApexSide::Target);
        let ours = || service(ServiceRole::Apex, self.selector, &around, side);
        let Some(live) = &self.live.apex else {
            let made = (desired.apex.is_some() || building_hot) && self.may_be_called();
            if let Some(wanted) = made.then(ours).flatten() {
                self.apply_service(None, wanted, writes, conflicts);
            }
            return;
        };
        if desired.apex.is_none() {
            return;
        }
        if !self.is_ours(live) {
            return writes.extend(self.moved_apex(live, side, &around));
        }
        // One that we made follows its Canary, unless it has just become the user's.
        if let Some(wanted) = ours().filter(|wanted| !is_as_wanted(live, wanted)) {
            writes.extend(changed(live, made_as(live, &wanted)));
        }
    }

    // The user's own: its selector moves, and with it, in one write, the ports that the side behind it has.
    pub(super) fn moved_apex(&self, live: &Value, side: ApexSide, around: &PortSources<'_>) -> Option<Write> {
        let mut operations = Vec::new();
        let mut notes: Vec<(&str, Option<String>)> = Vec::new();
        if apex_side(live, self.selector, self.live.target.as_ref()) != Some(side) {
            let selector = apex_selector(self.selector, side);
            operations.push(patches::add(["spec", "selector"], selector));
            if annotation(live, ORIGINAL_SELECTOR).is_none() {
                // One that had none gets none back.
                let original = live.pointer("/spec/selector").unwrap_or(&Value::Null);
                notes.push((ORIGINAL_SELECTOR, Some(original.to_string())));
            }
        }
        let (ports, wanted) = around.of_users_apex(live, side);
        notes.push((Wanted::ANNOTATION, wanted.text()));
        operations.extend(noted(live, &notes));
        if ports != ports::of(live) {
            operations.push(patches::replace(["spec", "ports"], ports));
        }
        changed(live, operations)
    }

    // Back to what its author means. One that means primary's pods as well waits for these to be gone: they are let go while
    // it would still send there.
    pub(super) fn returned(&self, live: &Value, last: bool) -> Option<Write> {
        let recorded = pointing::recorded(live);
        let moved = || apex_side(live, self.selector, self.live.target.as_ref()) == Some(ApexSide::Primary);
        if recorded.is_none() && !self.is_ours(live) && !moved() {
            return None;
        }
        let mut own = recorded.unwrap_or_else(|| Value::Object(self.selector.target_labels()));
        let of_primary = self.live.primary.as_ref().and_then(pointing::pods);
        let means = own.as_object();
        let both = means
            .zip(of_primary)
            .is_some_and(|(own, pods)| pointing::matches(own, pods));
        let waits = both && !last;
        if waits {
            own = Value::Object(self.selector.target_labels());
        }
        let mut operations = Vec::new();
        match live.pointer("/spec/selector") {
            has if has.unwrap_or(&Value::Null) == &own => {}
            Some(_) if own.is_null() => operations.push(patches::remove(["spec", "selector"])),
            _ => operations.push(patches::add(["spec", "selector"], own)),
        }
        if !waits {
            operations.extend(noted(live, &[(ORIGINAL_SELECTOR, None), (Wanted::ANNOTATION, None)]));
        }
        let ports = Wanted::of(live).over(ports::of(live));
        if ports != ports::of(live) {
            operations.push(patches::replace(["spec", "ports"], ports));
        }
        changed(live, operations)
    }
}
