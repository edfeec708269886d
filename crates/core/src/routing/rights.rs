//! The kinds of others that the providers have us deal with, as a file of the chart: its roles and its scope policy read which
//! they are, and say themselves what may be done with them. How the policy knows an object that leads to half of a pair is in the
//! file as well.

use super::{Front, Names, Provider, Resource, registry};
use crate::api::canary::CanarySpec;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The folder that the file is in, below the root of the repository.
pub const FOLDER: &str = "charts/coalmine/files";
/// Name of the file in [`FOLDER`].
pub const FILE: &str = "routing.yaml";

const HEAD: &str = "\
# The kinds that routing providers have us deal with, for the roles and the scope policy. `coalmine crds --write` writes it.
";

/// What is in it.
pub fn render() -> String {
    let targets: Vec<Resource> = registry::targets().map(|kind| kind.resource()).collect();
    let all: Vec<Resource> = registry::written().map(|kind| kind.resource()).collect();
    let written = all.iter().copied().filter(|kind| !targets.contains(kind));
    let carrying = registry::kinds().map(|kind| kind.resource());
    let fronts: Vec<Front> = registry::ROUTERS.iter().filter_map(|router| router.front()).collect();
    let deciding = fronts.iter().filter(|front| front.decides);
    let parts = [
        by_group("written", written),
        by_group("targets", targets.iter().copied()),
        by_group("carrying", carrying),
        by_group("published", published()),
        by_group("fronts", fronts.iter().map(|front| front.resource)),
        by_group("decidingFronts", deciding.map(|front| front.resource)),
        definitions(&all),
        halves(),
    ];
    format!("{HEAD}{}", parts.concat())
}

// What the webhook makes beside an app, whatever that speaks. Routes to what is not there yet are made by the controller.
fn published() -> Vec<Resource> {
    let spec = |protocol: &str| -> Option<CanarySpec> {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let service = json!({
            "port": 80, "appProtocol": protocol, "hosts": ["web.test"], "gatewayRefs": [{"name": "gateway"}], "meshName": "mesh",
        });
        serde_json::from_value(json!({"targetRef": target, "service": service})).ok()
    };
    let specs: Vec<CanarySpec> = ["http", "grpc"].into_iter().filter_map(spec).collect();
    let names = Names::new("web");
    let mut made = Vec::new();
    for router in registry::ROUTERS {
        let provider = Provider::of(*router);
        let routes = specs
            .iter()
            .filter_map(|spec| provider.published("default", &names, spec));
        let kinds = routes.filter_map(|route| registry::kind_of(&route).map(|kind| kind.resource()));
        made.extend(kinds.filter(|_| !provider.has_destinations()));
    }
    made
}

fn by_group(name: &str, kinds: impl IntoIterator<Item = Resource>) -> String {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in kinds {
        groups.entry(kind.group).or_default().insert(kind.plural);
    }
    let lines = groups.into_iter().map(|(group, plurals)| {
        let plurals: Vec<&str> = plurals.into_iter().collect();
        format!("  - {{group: {group}, resources: [{}]}}\n", plurals.join(", "))
    });
    format!("{name}:\n{}", lines.collect::<String>())
}

// Those that tell whether a kind is there at all.
fn definitions(kinds: &[Resource]) -> String {
    let names: BTreeSet<String> = kinds.iter().filter_map(Resource::definition).collect();
    let lines = names.iter().map(|name| format!("  - {name}\n"));
    format!("definitions:\n{}", lines.collect::<String>())
}

// What an object of such a group shows, one way for each shape that its kinds have.
fn halves() -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in registry::kinds() {
        let Some(shown) = kind.leads_to_a_half() else { continue };
        let known = groups.entry(kind.resource().group).or_default();
        if !known.contains(&shown) {
            known.push(shown);
        }
    }
    let entries = groups.into_iter().map(|(group, shown)| {
        let lines = shown.join("\n|| ").replace('\n', "\n      ");
        format!("  - group: {group}\n    shows: |-\n      {lines}\n")
    });
    format!("halves:\n{}", entries.collect::<String>())
}
