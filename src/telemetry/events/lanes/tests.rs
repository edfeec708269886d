use super::*;
use crate::messages::Severity;
use k8s_openapi::api::core::v1::ObjectReference;

fn said(namespace: &str, message: &str) -> Occurrence {
    Occurrence {
        object: ObjectReference {
            namespace: Some(namespace.to_owned()),
            ..ObjectReference::default()
        },
        severity: Severity::Normal,
        message: message.to_owned(),
    }
}

fn item(namespace: &str, message: &str) -> Item {
    Item::New(said(namespace, message))
}

/// What may be written now, all of it.
fn begun(lanes: &mut Lanes) -> Vec<String> {
    let text = |item: Item| match item {
        Item::New(said) | Item::Again(said, _) => format!("{}/{}", namespace(&said), said.message),
        Item::Newest(write) => format!("{}/newest", write.namespace()),
    };
    std::iter::from_fn(|| lanes.next_turn()).map(text).collect()
}

#[test]
fn one_at_a_time_of_a_namespace_in_their_order_and_some_namespaces_at_once() {
    let mut lanes = Lanes::default();
    for message in ["1", "2"] {
        for namespace in ["a", "b"] {
            assert!(lanes.push(item(namespace, message)));
        }
    }
    assert_eq!(begun(&mut lanes), ["a/1", "b/1"]);
    assert_eq!(begun(&mut lanes), Vec::<String>::new());
    assert_eq!(lanes.ended("b", Ended::Well), 0);
    assert_eq!(begun(&mut lanes), ["b/2"]);
    assert_eq!(lanes.ended("a", Ended::Instead(item("a", "other"))), 0);
    assert_eq!(begun(&mut lanes), ["a/other"]);
    lanes.ended("a", Ended::Well);
    lanes.ended("b", Ended::Well);
    assert_eq!(begun(&mut lanes), ["a/2"]);
    lanes.ended("a", Ended::Well);
    assert!(lanes.lanes.is_empty(), "nothing is kept of who has nothing to say");
    for number in 0..PLACES + 1 {
        lanes.push(item(&number.to_string(), "1"));
    }
    assert_eq!(begun(&mut lanes).len(), PLACES);
}

#[test]
fn namespaces_in_trouble_take_no_place_of_others() {
    let mut lanes = Lanes::default();
    for number in 0..10 {
        let namespace = format!("bad-{number}");
        lanes.push(item(&namespace, "1"));
        lanes.push(item(&namespace, "2"));
        assert_eq!(lanes.next_turn(), Some(item(&namespace, "1")));
        let left = Item::Again(said(&namespace, "1"), Write::Nothing);
        lanes.ended(&namespace, Ended::Badly(Some(left)));
    }
    let tried = begun(&mut lanes);
    assert_eq!(
        tried,
        ["bad-0/1", "bad-1/1"],
        "the same once more, and no more of them at once"
    );
    for number in 0..PLACES {
        lanes.push(item(&number.to_string(), "1"));
    }
    assert_eq!(begun(&mut lanes).len(), PLACES);
    lanes.ended("bad-0", Ended::Badly(None));
    assert_eq!(begun(&mut lanes), ["bad-2/1"], "each has its turn");
    lanes.ended("0", Ended::Well);
    lanes.ended("bad-1", Ended::Well);
    assert_eq!(begun(&mut lanes), ["bad-1/2", "bad-3/1"], "it is as any other again");
}

#[test]
fn what_waits_for_namespaces_in_trouble_has_a_bound_and_leaves_others_room() {
    let mut lanes = Lanes::default();
    let namespaces: Vec<String> = (0..20).map(|number| format!("bad-{number}")).collect();
    for namespace in &namespaces {
        lanes.push(item(namespace, "1"));
        lanes.next_turn();
        lanes.ended(namespace, Ended::Badly(None));
        assert_eq!(begun(&mut lanes), Vec::<String>::new());
    }
    let push = |lanes: &mut Lanes, namespace: &str| (0..400).filter(|_| lanes.push(item(namespace, "x"))).count();
    let taken: Vec<usize> = namespaces.iter().map(|namespace| push(&mut lanes, namespace)).collect();
    assert_eq!(taken[0], ROOM_OF_ONE);
    assert_eq!(taken.iter().sum::<usize>(), ROOM_IN_TROUBLE);
    assert!(lanes.have_room());
    let good = (0..ROOM)
        .take_while(|_| lanes.have_room() && lanes.push(item("good", "x")))
        .count();
    assert_eq!(good, ROOM - ROOM_IN_TROUBLE);
    assert_eq!(begun(&mut lanes).len(), 1 + PLACES_IN_TROUBLE);
}

#[test]
fn what_waits_is_cut_when_trouble_begins_and_counted() {
    let mut lanes = Lanes::default();
    for _ in 0..=1000 {
        lanes.push(item("a", "x"));
    }
    lanes.next_turn();
    let again = Item::Again(said("a", "1"), Write::Nothing);
    assert_eq!(lanes.ended("a", Ended::Badly(Some(again))), 1001 - ROOM_OF_ONE);
    assert_eq!(begun(&mut lanes), ["a/1"], "the one that failed is not among them");
    lanes.ended("a", Ended::Well);
    let rest = (0..ROOM).take_while(|_| lanes.next_turn().is_some_and(|_| lanes.ended("a", Ended::Well) == 0));
    assert_eq!(rest.count(), ROOM_OF_ONE - 1);
    assert!(lanes.lanes.is_empty());
}

#[test]
fn no_more_namespaces_in_trouble_are_remembered_than_a_cluster_may_have() {
    let mut lanes = Lanes::default();
    for number in 0..REMEMBERED + 10 {
        let namespace = number.to_string();
        lanes.push(item(&namespace, "x"));
        lanes.next_turn();
        lanes.ended(&namespace, Ended::Badly(None));
    }
    assert_eq!(lanes.lanes.len(), REMEMBERED);
}
