//! Every verb in every phase: what is stored of the target, and the line its author sees. The table itself is the snapshot.
//!
//! v1 serves; where a run is on or has failed, the target holds v2 or bad. `-` in a cell means that nothing is stored.

use super::super::*;
use super::phases::{Phase, manifest, phases};
use super::{create, label, template, update, with_canary};
use crate::admission::mutate::scale;
use crate::admission::review::{Request, Response};
use crate::api::labels::{self, TargetState};
use crate::patches::applied;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Sends an object (or a Scale) in a phase; the stored one and the warnings, or the refusal.
type Verb = fn(&Phase) -> Result<(Value, Vec<String>), String>;

const VERBS: [(&str, Verb); 18] = [
    ("apply, same template", |p| {
        Ok(update(&p.stored, &manifest(3, p.image()), &with_canary(p.stage)))
    }),
    ("apply, new template", |p| {
        Ok(update(&p.stored, &manifest(3, "v9"), &with_canary(p.stage)))
    }),
    ("apply, promoted template", |p| {
        Ok(update(&p.stored, &manifest(3, "v1"), &with_canary(p.stage)))
    }),
    ("apply, replicas 3 to 5", |p| {
        Ok(update(&p.stored, &manifest(5, p.image()), &with_canary(p.stage)))
    }),
    ("set image", |p| edit(p, template("v9"))),
    ("edit, replicas to 5", |p| {
        let mut sent = p.stored.clone();
        sent["spec"]["replicas"] = json!(5);
        Ok(update(&p.stored, &sent, &with_canary(p.stage)))
    }),
    ("rollout restart", |p| {
        let mut restarted = p.stored["spec"]["template"].clone();
        restarted["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "2026-11-23T10:00:00Z"});
        edit(p, restarted)
    }),
    ("rollout undo", |p| {
        edit(p, template(if p.image() == "v1" { "v0" } else { "v1" }))
    }),
    ("apply, replicas to 0", |p| {
        Ok(update(&p.stored, &manifest(0, p.image()), &with_canary(p.stage)))
    }),
    ("rollout pause", |p| {
        let mut sent = p.stored.clone();
        sent["spec"]["paused"] = json!(true);
        Ok(update(&p.stored, &sent, &with_canary(p.stage)))
    }),
    ("set image under a user's own pause", |p| {
        let mut stored = p.stored.clone();
        stored["spec"]["paused"] = json!(true);
        let mut sent = stored.clone();
        sent["spec"]["template"] = template("v9");
        Ok(update(&stored, &sent, &with_canary(p.stage)))
    }),
    ("label, annotate", |p| {
        let mut sent = p.stored.clone();
        sent["metadata"]["labels"]["team"] = json!("a");
        sent["metadata"]["annotations"] = json!({"note": "x"});
        Ok(update(&p.stored, &sent, &with_canary(p.stage)))
    }),
    ("scale to 5", |p| scaled(p, 5)),
    ("scale to 0", |p| scaled(p, 0)),
    ("PUT without our labels", |p| {
        let mut sent = p.stored.clone();
        sent["metadata"]["labels"] = json!({});
        Ok(update(&p.stored, &sent, &with_canary(p.stage)))
    }),
    ("delete, create", |p| {
        Ok(create(&manifest(3, "v9"), &with_canary(p.stage)))
    }),
    ("replace --force, same template", |p| {
        Ok(create(&manifest(3, p.image()), &with_canary(p.stage)))
    }),
    ("restore of an export", |p| Ok(create(&p.stored, &with_canary(p.stage)))),
];

fn edit(phase: &Phase, template: Value) -> Result<(Value, Vec<String>), String> {
    let mut sent = phase.stored.clone();
    sent["spec"]["template"] = template;
    Ok(update(&phase.stored, &sent, &with_canary(phase.stage)))
}

// The scale subresource has an entry of its own.
fn scaled(phase: &Phase, replicas: i64) -> Result<(Value, Vec<String>), String> {
    let of = |replicas: &Value| json!({"spec": {"replicas": replicas}});
    let request = Request {
        name: "shop".into(),
        namespace: "web".into(),
        sub_resource: Some("scale".into()),
        operation: Operation::Update,
        object: of(&json!(replicas)),
        old_object: of(&phase.stored["spec"]["replicas"]),
        ..Request::default()
    };
    let known = scale::PairFacts {
        target: "shop".into(),
        state: label(&phase.stored, labels::STATE).and_then(TargetState::parse),
        desired: label(&phase.stored, labels::DESIRED_REPLICAS).and_then(|text| text.parse().ok()),
        stage: Some(phase.stage),
        ..scale::PairFacts::default()
    };
    let scale::ScaleAnswer { response, note } = scale::decide(&request, &known);
    let Response { denial, warnings, .. } = &response;
    if let Some(denial) = denial {
        return Err(format!("{} {}", denial.code, denial.message));
    }
    let mut stored = phase.stored.clone();
    stored["spec"]["replicas"] = applied(&request.object, &response.patch).unwrap()["spec"]["replicas"].clone();
    // As the controller notes it.
    if let Some(wanted) = note {
        stored["metadata"]["labels"][labels::DESIRED_REPLICAS] = json!(wanted.to_string());
    }
    Ok((stored, warnings.clone()))
}

fn cell(phase: &Phase, verb: Verb) -> String {
    let (stored, warnings) = match verb(phase) {
        Ok(outcome) => outcome,
        Err(refusal) => return format!("refused: {refusal}"),
    };
    let mut text = String::new();
    if stored == phase.stored {
        text.push('-');
    } else {
        let revision = label(&stored, labels::REVISION) == label(&phase.stored, labels::REVISION);
        let template = if revision { "same" } else { "new" };
        let desired = label(&stored, labels::DESIRED_REPLICAS).unwrap_or("none");
        let state = label(&stored, labels::STATE).unwrap_or("none");
        let replicas = &stored["spec"]["replicas"];
        write!(
            text,
            "{template} template, {replicas} pods of {desired} wanted, {state}"
        )
        .unwrap();
        if label(&stored, labels::HELD).is_some() {
            text.push_str(", held");
        }
    }
    for line in warnings {
        write!(text, "\n        {line}").unwrap();
    }
    text
}

#[test]
fn every_verb_has_its_outcome_in_every_phase() {
    let mut table = String::new();
    for (name, verb) in VERBS {
        writeln!(table, "{name}").unwrap();
        for phase in phases() {
            writeln!(table, "    {}: {}", phase.name, cell(&phase, verb)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_verb_takes_pods_that_serve_or_starts_pods_that_nobody_verified() {
    let again = [
        "delete, create",
        "replace --force, same template",
        "restore of an export",
    ];
    for (name, verb) in VERBS.iter().filter(|(name, _)| !again.contains(name)) {
        for phase in phases().into_iter().filter(|phase| phase.stage != CoarseStage::Leaving) {
            let Ok((stored, _)) = verb(&phase) else { continue };
            let pods = |object: &Value| object["spec"]["replicas"].as_i64().unwrap();
            let serves = label(&phase.stored, labels::STATE)
                .and_then(TargetState::parse)
                .is_some_and(TargetState::serves);
            let rolls = stored["spec"]["template"] != phase.stored["spec"]["template"];
            assert!(pods(&stored) >= pods(&phase.stored), "{name}, {}", phase.name);
            if serves && rolls {
                assert_eq!(stored["spec"]["paused"], true, "{name}, {}", phase.name);
            }
            if !serves {
                assert_eq!(pods(&stored), 0, "{name}, {}", phase.name);
            }
        }
    }
}
