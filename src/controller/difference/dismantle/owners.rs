//! Children of before that keep their owner from being deleted.

use crate::controller::difference::Pair;
use crate::object::text;
use crate::{
    controller::{
        difference::write::Write,
        watch::{informers::cache::Kind, pair::configs::kind_of},
    },
    patches,
};
use json_patch::Patch;
use serde_json::Value;

impl Pair<'_> {
    /// Takes `blockOwnerDeletion` off whatever this Canary owns and is not written anyway. Earlier versions set it, and a
    /// foreground deletion then begins with primary and its Services, before the target serves again.
    pub(in crate::controller::difference) fn unblocked(&self, writes: &mut Vec<Write>) {
        let live = self.live;
        let single = [
            (self.kind(), &live.primary),
            (Kind::Service, &live.apex),
            (Kind::Service, &live.primary_service),
            (Kind::Service, &live.canary_service),
        ];
        let single = single
            .into_iter()
            .filter_map(|(kind, object)| Some((kind, object.as_ref()?)));
        let routes = live.routes.iter();
        let routes = routes.filter_map(|route| Some((Kind::of_route(route)?, route)));
        let scalers = live
            .primary_autoscalers
            .iter()
            .filter_map(|scaler| Some((Kind::of_scaler(scaler)?, scaler)));
        let copies = live
            .configs
            .all()
            .map(|(config, object)| (kind_of(config.kind), object));
        let freed: Vec<Write> = single
            .chain(routes)
            .chain(scalers)
            .chain(copies)
            .filter(|(kind, object)| !writes.iter().any(|write| is_about(write, *kind, object)))
            .filter_map(|(kind, object)| self.freed(kind, object))
            .collect();
        writes.extend(freed);
    }

    fn freed(&self, kind: Kind, object: &Value) -> Option<Write> {
        let uid = self.blueprint.owner.uid.as_deref()?;
        let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
        let at = owners.iter().position(|owner| {
            owner.get("uid").and_then(Value::as_str) == Some(uid)
                && owner.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true)
        })?;
        let at = at.to_string();
        let place = |field| ["metadata", "ownerReferences", &at, field];
        Some(Write::Patch {
            kind,
            namespace: self.blueprint.namespace.clone(),
            name: text(object, "/metadata/name").to_owned(),
            operations: Patch(vec![
                patches::test(place("uid"), uid),
                patches::replace(place("blockOwnerDeletion"), false),
            ]),
        })
    }
}

fn is_about(write: &Write, kind: Kind, object: &Value) -> bool {
    let (of, _, name) = write.subject();
    of == kind && name == text(object, "/metadata/name")
}
