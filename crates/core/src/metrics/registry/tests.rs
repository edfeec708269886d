use super::*;
use std::collections::BTreeSet;

fn built_names() -> impl Iterator<Item = &'static str> {
    STORES.iter().map(|store| store.requirements.name)
}

fn names() -> impl Iterator<Item = &'static str> {
    built_names().chain(unbuilt::TABLE.iter().map(|requirements| requirements.name))
}

#[test]
fn every_type_of_the_schema_stands_in_exactly_one_list() {
    let all: BTreeSet<_> = names().collect();
    assert_eq!(all, MetricProvider::TYPES.into_iter().collect());
    assert_eq!(names().count(), all.len());
    for kind in MetricProvider::TYPES {
        assert_eq!(requirements(kind).name, kind);
    }
    assert_eq!(requirements("signoz").name, "");
}

#[test]
fn only_what_no_store_can_ask_waits() {
    let waits = |kind: &str| {
        let provider = MetricProvider {
            kind: kind.to_owned(),
            ..MetricProvider::default()
        };
        unbuilt(&provider).is_some()
    };
    assert!(built_names().all(|kind| !waits(kind) && built(kind).is_some()));
    assert!(
        unbuilt::TABLE
            .iter()
            .all(|requirements| waits(requirements.name) && built(requirements.name).is_none())
    );
    assert!(!waits("signoz"));
    assert!(built_names().any(|kind| kind == SERVER.requirements().name));
}
