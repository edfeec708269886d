//! The three Services of a pair, with Flagger 1.44's names, ports and annotations, and the user's own that point at its pods.

pub mod copies;
pub mod pointing;
pub mod ports;

use super::{Blueprint, Metadata, Selector, given};
use crate::api::labels::METADATA;
use crate::routing::Traffic;
use ports::{DECLARED_PORTS, Declared, PortSources};
use serde_json::{Map, Value, json};

/// GitOps tools must not revert what moves in a release, nor take it for theirs (Flagger adds the same two). The Service
/// that users call does without: an author's own of that name takes its place, which a tool that was told to stay away
/// would never bring.
pub const UNRECONCILED: [(&str, &str); 2] = [
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
];

// How connections are spread belongs to callers, so the halves do as the user's own apex does. With what the API server
// fills in.
const SPREAD: [(&str, Option<&str>); 4] = [
    ("sessionAffinity", Some("None")),
    ("sessionAffinityConfig", None),
    ("publishNotReadyAddresses", None),
    ("trafficDistribution", None),
];

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRole {
    /// The Service users call.
    Apex,
    /// `{apex}-primary`.
    Primary,
    /// `{apex}-canary`.
    Canary,
}

/// Whom the apex Service selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApexSide {
    /// `NAME-primary`'s pods.
    Primary,
    /// The target's pods.
    Target,
}

impl ApexSide {
    /// The side that everybody is meant to be served by.
    pub fn of(intent: Traffic) -> Self {
        if intent == Traffic::CANARY {
            Self::Target
        } else {
            Self::Primary
        }
    }
}

/// All three of a new pair, apex first; none for a worker.
pub fn services(target: Option<&Value>, selector: &Selector, blueprint: &Blueprint, apex: ApexSide) -> Vec<Value> {
    let around = PortSources::first(blueprint, target.and_then(|target| target.pointer("/spec/template")));
    [ServiceRole::Apex, ServiceRole::Primary, ServiceRole::Canary]
        .into_iter()
        .filter_map(|role| service(role, selector, &around, apex))
        .collect()
}

/// The labels the apex selects.
pub fn apex_selector(selector: &Selector, side: ApexSide) -> Map<String, Value> {
    match side {
        ApexSide::Primary => selector.primary_labels(),
        ApexSide::Target => selector.target_labels(),
    }
}

/// One Service as we generate it; `None` for a worker.
pub fn service(role: ServiceRole, selector: &Selector, around: &PortSources<'_>, apex: ApexSide) -> Option<Value> {
    let blueprint = around.blueprint;
    let names = blueprint.names.as_ref()?;
    let (name, selects, metadata, ports) = match role {
        ServiceRole::Apex => {
            let selects = apex_selector(selector, apex);
            (&names.apex, selects, &blueprint.apex, around.of_apex(apex))
        }
        ServiceRole::Primary => {
            let selects = selector.primary_labels();
            (&names.primary, selects, &blueprint.primary, around.of_primary())
        }
        ServiceRole::Canary => {
            let selects = selector.target_labels();
            (&names.canary, selects, &blueprint.canary, around.of_canary())
        }
    };
    let mut metadata = object_metadata(name, metadata, selector, blueprint);
    let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
    if let Some(annotations) = annotations.filter(|_| role != ServiceRole::Apex) {
        annotations.extend(UNRECONCILED.map(|(key, value)| (key.to_owned(), json!(value))));
    }
    if let (Some(members), true) = (metadata.as_object_mut(), role != ServiceRole::Apex) {
        members.insert("ownerReferences".to_owned(), blueprint.owners_of_a_half());
    }
    let declared = around.verified.filter(|_| role == ServiceRole::Primary);
    if let (Some(template), Some(annotations)) = (declared, metadata.get_mut("annotations")) {
        annotations[DECLARED_PORTS] = json!(Declared::by(template).text());
    }
    let mut spec = general(blueprint);
    spec.insert("selector".to_owned(), Value::Object(selects));
    spec.insert("ports".to_owned(), Value::Array(ports));
    if role != ServiceRole::Apex {
        spec.extend(users_spread(around));
    }
    Some(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}))
}

fn general(blueprint: &Blueprint) -> Map<String, Value> {
    let mut spec = Map::new();
    spec.insert("type".to_owned(), json!("ClusterIP"));
    if blueprint.headless {
        spec.insert("clusterIP".to_owned(), json!("None"));
    }
    if let Some(distribution) = &blueprint.traffic_distribution {
        spec.insert("trafficDistribution".to_owned(), json!(distribution));
    }
    spec
}

// What the user's own apex says of it, but for what holds anyway.
fn users_spread(around: &PortSources<'_>) -> Vec<(String, Value)> {
    let spec = around.apex.filter(|_| around.users).and_then(|apex| apex.get("spec"));
    let said = |(field, default): Field| {
        let users = spec?.get(field)?;
        let holds = *users == json!(false) || default.is_some_and(|default| users == default);
        (!holds).then(|| (field.to_owned(), users.clone()))
    };
    SPREAD.into_iter().filter_map(said).collect()
}

type Field = (&'static str, Option<&'static str>);

/// Whether a live Service has the ports of the one that is `wanted`, no more and no fewer, and spreads connections alike.
pub fn serves_alike(live: &Value, wanted: &Value) -> bool {
    let said = |service: &Value, (field, default): Field| {
        let said = service.get("spec").and_then(|spec| spec.get(field)).cloned();
        said.filter(|value| *value != json!(false))
            .or(default.map(|text| json!(text)))
    };
    ports::same(ports::of(live), ports::of(wanted))
        && SPREAD.into_iter().all(|field| said(live, field) == said(wanted, field))
}

fn object_metadata(name: &str, metadata: &Metadata, selector: &Selector, blueprint: &Blueprint) -> Value {
    let mut object_labels = metadata.labels.clone();
    object_labels.insert(selector.key.clone(), json!(name));
    let mut annotations = metadata.annotations.clone();
    let note = given::note(&metadata.labels, &metadata.annotations);
    annotations.extend(note.map(|note| (METADATA.to_owned(), json!(note))));
    blueprint.mark(&mut object_labels, &mut annotations);
    json!({
        "name": name,
        "namespace": blueprint.namespace,
        "labels": object_labels,
        "annotations": annotations,
        "ownerReferences": blueprint.owner_references(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Names;

    #[test]
    fn the_halves_spread_connections_as_the_users_own_service_does() {
        let blueprint = Blueprint {
            names: Some(Names::new("web")),
            ..Blueprint::sample()
        };
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}});
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let half = |apex: &Value, users: bool| {
            let around = PortSources {
                apex: Some(apex),
                users,
                ..PortSources::first(&blueprint, None)
            };
            service(ServiceRole::Primary, &selector, &around, ApexSide::Primary).unwrap()
        };
        let sticky = json!({"spec": {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}, "publishNotReadyAddresses": true}});
        let plain = json!({"spec": {"sessionAffinity": "None", "publishNotReadyAddresses": false}});
        for field in ["sessionAffinity", "sessionAffinityConfig", "publishNotReadyAddresses"] {
            assert_eq!(half(&sticky, true)["spec"][field], sticky["spec"][field], "{field}");
            assert_eq!(half(&plain, true)["spec"].get(field), None, "{field}");
            // One that we made says nothing of its author's.
            assert_eq!(half(&sticky, false)["spec"].get(field), None, "{field}");
        }
        assert!(serves_alike(&half(&sticky, true), &half(&sticky, true)));
        assert!(!serves_alike(&half(&sticky, true), &half(&plain, true)));
        let mut stored = half(&plain, true);
        stored["spec"]["sessionAffinity"] = json!("None");
        assert!(serves_alike(&stored, &half(&plain, true)));
    }
}
