//! Primary's disruption budgets, copies of the user's.

use super::autoscaler::is_current;
use crate::controller::difference::Pair;
use crate::object::text;
use crate::{
    controller::{
        difference::write::Write,
        watch::{informers::cache::Kind, pair::owners::is_owned},
    },
    plan::{enrolment::reach, primary::budget, services::pointing},
};
use serde_json::Value;

const KIND: Kind = Kind::PodDisruptionBudget;

impl Pair<'_> {
    /// The first of the user's budgets that misses primary has a copy; where none does, or one of the user's covers primary
    /// already, there is none. Two on one pod would keep it from being evicted at all.
    pub(in crate::controller::difference) fn budgets(&self, writes: &mut Vec<Write>) {
        // Of a target that is gone, everything stays as it is.
        let Some(target) = &self.live.target else { return };
        if !self.blueprint.workload.rolls() {
            return;
        }
        let users = || self.live.budgets.iter().filter(|one| !pointing::is_generated(one));
        let covered = reach::covers_primary(target, self.selector, users());
        let missing = reach::uncovered(target, self.selector, users()).next();
        let wanted = missing
            .filter(|_| !covered)
            .map(|one| budget::for_primary(one, self.selector, self.blueprint));
        let name = self.blueprint.primary_name();
        let live = self.live.budgets.iter().find(|one| text(one, "/metadata/name") == name);
        match (wanted, live) {
            (Some(object), None) => writes.push(Write::Apply { kind: KIND, object }),
            (Some(object), Some(live)) if is_owned(live, self.blueprint) && !is_current(live, &object) => {
                writes.push(Write::Apply { kind: KIND, object });
            }
            // What somebody else has under that name stays theirs.
            (Some(_), Some(_)) => {}
            (None, _) => self.dismantle_budgets(writes),
        }
    }

    /// None is left when the pair is taken apart.
    pub(in crate::controller::difference) fn dismantle_budgets(&self, writes: &mut Vec<Write>) {
        writes.extend(self.own_budgets().map(|own| self.without(own)));
    }

    fn own_budgets(&self) -> impl Iterator<Item = &Value> {
        self.live.budgets.iter().filter(|one| is_owned(one, self.blueprint))
    }

    fn without(&self, own: &Value) -> Write {
        Write::Delete {
            kind: KIND,
            namespace: self.blueprint.namespace.clone(),
            name: text(own, "/metadata/name").to_owned(),
            uid: text(own, "/metadata/uid").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::difference::tests::{seen, target};
    use crate::controller::watch::pair::live::Live;
    use crate::plan::{Blueprint, Selector};
    use serde_json::json;

    fn writes(budgets: Vec<Value>) -> Vec<Write> {
        let target = target();
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let (seen, blueprint) = (seen(&target), Blueprint::sample());
        let live = Live {
            target: Some(target),
            budgets,
            ..Live::default()
        };
        let mut writes = Vec::new();
        let pair = Pair {
            live: &live,
            selector: &selector,
            blueprint: &blueprint,
            seen: &seen,
        };
        pair.budgets(&mut writes);
        writes
    }

    fn budget(name: &str, selects: Value) -> Value {
        json!({"metadata": {"name": name, "uid": format!("uid-{name}")}, "spec": {"minAvailable": 1, "selector": selects}})
    }

    #[test]
    fn a_budget_that_misses_primary_gets_a_twin_and_no_other_does() {
        let own = json!({"matchLabels": {"app": "web"}});
        let both = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "web-primary"]}]});
        assert_eq!(writes(vec![budget("keep", own.clone()), budget("both", both)]), []);
        let made = writes(vec![
            budget("keep", own.clone()),
            budget("others", json!({"matchLabels": {"app": "db"}})),
        ]);
        let [
            Write::Apply {
                kind: KIND,
                object: copy,
            },
        ] = made.as_slice()
        else {
            panic!("{made:?}");
        };
        assert_eq!(text(copy, "/metadata/name"), "web-primary");
        // Made: nothing is left to do; the user's gone: so is the copy.
        let mut live = copy.clone();
        live["metadata"]["uid"] = json!("uid-copy");
        assert_eq!(writes(vec![budget("keep", own.clone()), live.clone()]), []);
        assert!(matches!(writes(vec![live.clone()]).as_slice(), [Write::Delete { .. }]));
        // One that its author wrote is the author's, and what covers primary already is enough.
        for theirs in ["web-primary", "web-prod"] {
            let of_primary = budget(theirs, json!({"matchLabels": {"app": "web-primary"}}));
            assert_eq!(writes(vec![budget("keep", own.clone()), of_primary]), [], "{theirs}");
        }
        let late = budget("late", json!({"matchLabels": {"app": "web-primary"}}));
        assert!(matches!(
            writes(vec![budget("keep", own.clone()), live.clone(), late]).as_slice(),
            [Write::Delete { .. }]
        ));
        // Another Canary's is another Canary's.
        live["metadata"]["ownerReferences"][0]["uid"] = json!("another");
        live["spec"]["minAvailable"] = json!(7);
        assert_eq!(writes(vec![budget("keep", own), live]), []);
    }
}
