//! Which kinds are watched, by the definitions that are known.

use super::*;
use kube::runtime::{reflector::store::Writer, watcher::Event};
use serde_json::json;
use std::{cell::RefCell, collections::BTreeMap};

/// The watches of definitions, which are answered by hand.
#[derive(Default)]
struct Watches(RefCell<BTreeMap<String, Writer<Definition>>>);

impl Watches {
    fn served(&self) -> Served {
        Served::new(|name| {
            let writer = Writer::default();
            let definitions = writer.as_reader();
            self.0.borrow_mut().insert(name.to_owned(), writer);
            definitions
        })
    }

    // What there is of the definition of a kind.
    fn list(&self, kind: Kind, definition: Option<Definition>) {
        let mut writers = self.0.borrow_mut();
        let writer = writers.get_mut(&kind.definition().unwrap()).unwrap();
        writer.apply_watcher_event(&Event::Init);
        if let Some(definition) = definition {
            writer.apply_watcher_event(&Event::InitApply(definition));
        }
        writer.apply_watcher_event(&Event::InitDone);
    }
}

fn definition(kind: Kind, versions: &[(&str, bool)]) -> Definition {
    let resource = kind.resource();
    let column = json!({"name": "Hosts", "type": "string", "jsonPath": ".spec.hostnames"});
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let version = |(name, served): &(&str, bool)| {
        json!({
            "name": name, "served": served, "storage": true, "schema": schema, "additionalPrinterColumns": [column],
        })
    };
    let versions: Vec<_> = versions.iter().map(version).collect();
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.definition()},
        "spec": {
            "group": resource.group, "names": {"kind": resource.kind, "plural": resource.plural}, "scope": "Namespaced",
            "versions": versions,
        },
        "status": {"storedVersions": ["v1"], "acceptedNames": {"kind": resource.kind, "plural": resource.plural}},
    }))
    .unwrap()
}

fn routes() -> Kind {
    Kind::routes().find(|kind| kind.is_first_route()).unwrap()
}

#[test]
fn what_is_kept_of_a_definition_is_which_versions_it_serves() {
    let mut kept = definition(routes(), &[("v1", true), ("v1beta1", false)]);
    slim(&mut kept);
    assert_eq!(kept.status, None);
    let versions = &kept.spec.versions;
    let bare = versions
        .iter()
        .all(|one| one.schema.is_none() && one.additional_printer_columns.is_none());
    assert!(bare, "{versions:?}");
    let names: Vec<_> = versions.iter().map(|one| (one.name.as_str(), one.served)).collect();
    assert_eq!(names, [("v1", true), ("v1beta1", false)]);
}

#[test]
fn while_nobody_may_look_only_the_routes_of_before_are_watched() {
    let watches = Watches::default();
    let kinds = watches.served().kinds();
    let optional: Vec<Kind> = Kind::optional().filter(|kind| kinds.contains(kind)).collect();
    assert_eq!(optional, [routes()]);
    assert!(Kind::built_in().all(|kind| kinds.contains(&kind)));
}

#[test]
fn a_kind_is_watched_where_the_version_that_is_read_is_served() {
    let watches = Watches::default();
    let served = watches.served();
    for kind in [routes(), Kind::ScaledObject] {
        let resource = kind.resource();
        let version = resource.version.as_str();
        for (definition, expected) in [
            (Some(definition(kind, &[(version, true)])), true),
            (Some(definition(kind, &[("v0", true), (version, true)])), true),
            (Some(definition(kind, &[("v0", true), (version, false)])), false),
            // It is known that there is none, also of the routes of before.
            (None, false),
        ] {
            let versions = definition.as_ref().map(|one| one.spec.versions.len());
            watches.list(kind, definition);
            assert_eq!(served.kinds().contains(&kind), expected, "{kind:?} {versions:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_known_what_there_is_once_every_definition_was_looked_for() {
    let watches = Watches::default();
    let served = watches.served();
    let mut all = Kind::optional();
    let last = all.next().unwrap();
    for kind in all {
        watches.list(kind, None);
    }
    assert!(served.ready().now_or_never().is_none(), "one is looked for still");
    watches.list(last, None);
    served.ready().now_or_never().unwrap().unwrap();
    drop(watches);
    // Whoever knows goes on by it.
    served.ready().await.unwrap();
    assert!(
        Served::new(|_| Writer::default().as_reader()).ready().await.is_err(),
        "nobody looks any more"
    );
}
