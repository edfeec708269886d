//! Labels and annotations that a Canary gives its Services are there while it says them, and those of others stay.

use super::services::{after, at_rest, own, resting, writes_by};
use super::*;
use crate::plan::Metadata;

fn giving(labels: &Value, annotations: &Value) -> Blueprint {
    let given = Metadata {
        labels: labels.as_object().cloned().unwrap(),
        annotations: annotations.as_object().cloned().unwrap(),
    };
    Blueprint {
        apex: given.clone(),
        primary: given.clone(),
        canary: given,
        ..blueprint()
    }
}

fn all(live: &mut Live) -> [&mut Option<Value>; 3] {
    [&mut live.apex, &mut live.primary_service, &mut live.canary_service]
}

fn is_called(service: &Option<Value>, name: &str) -> bool {
    service.as_ref().is_some_and(|one| text(one, "/metadata/name") == name)
}

// Carries out what one step writes; answers how much that is.
fn step(live: &mut Live, blueprint: &Blueprint) -> usize {
    let writes = writes_by(&resting(), live, blueprint);
    for write in &writes {
        let name = write.subject().2;
        let service = all(live).into_iter().find(|one| is_called(one, name)).unwrap();
        let mut stored = match write {
            Write::Apply { object, .. } => object.clone(),
            patch => after(service.as_ref().unwrap(), patch),
        };
        stored["metadata"]["resourceVersion"] = json!("4");
        *service = Some(stored);
    }
    writes.len()
}

#[test]
fn what_a_canary_does_not_give_its_services_any_more_goes_and_then_nothing_is_written() {
    let mut live = at_rest(Some(own()));
    let mut before = live.clone();
    let host = json!({"external-dns.alpha.kubernetes.io/hostname": "a.example.org"});
    let given = giving(&json!({"team": "a"}), &host);
    assert_eq!((step(&mut live, &given), step(&mut live, &given)), (3, 0));
    for service in all(&mut live) {
        let metadata = &mut service.as_mut().unwrap()["metadata"];
        assert_eq!(metadata["labels"]["team"], "a");
        metadata["annotations"]["others"] = json!("note");
    }
    assert_eq!(step(&mut live, &given), 0);
    assert_eq!((step(&mut live, &blueprint()), step(&mut live, &blueprint())), (3, 0));
    for (service, before) in all(&mut live).into_iter().zip(all(&mut before)) {
        let metadata = |of: &Value| (of["metadata"]["labels"].clone(), of["metadata"]["annotations"].clone());
        let (labels, mut annotations) = metadata(service.as_ref().unwrap());
        let others = annotations.as_object_mut().unwrap().remove("others");
        assert_eq!(others, Some(json!("note")));
        assert_eq!((labels, annotations), metadata(before.as_ref().unwrap()));
    }
}

#[test]
fn a_service_that_was_made_before_there_were_notes_is_written_once() {
    let mut live = at_rest(Some(own()));
    let given = giving(&json!({"team": "a"}), &json!({}));
    step(&mut live, &given);
    for service in all(&mut live) {
        let annotations = &mut service.as_mut().unwrap()["metadata"]["annotations"];
        annotations.as_object_mut().unwrap().remove(labels::METADATA);
    }
    assert_eq!((step(&mut live, &given), step(&mut live, &given)), (3, 0));
}
