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
fn begun(queues: &mut NamespaceQueues) -> Vec<String> {
    let text = |item: Item| match item {
        Item::New(said) | Item::Again(said, _) => format!("{}/{}", namespace(&said), said.message),
        Item::Newest(write) => format!("{}/newest", write.namespace()),
    };
    std::iter::from_fn(|| queues.next_turn()).map(text).collect()
}

#[test]
fn one_at_a_time_of_a_namespace_in_their_order_and_some_namespaces_at_once() {
    let mut queues = NamespaceQueues::default();
    for message in ["1", "2"] {
        for namespace in ["a", "b"] {
            assert!(queues.push(item(namespace, message)));
        }
    }
    assert_eq!(begun(&mut queues), ["a/1", "b/1"]);
    assert_eq!(begun(&mut queues), Vec::<String>::new());
    assert_eq!(queues.ended("b", Ended::Well), 0);
    assert_eq!(begun(&mut queues), ["b/2"]);
    assert_eq!(queues.ended("a", Ended::Instead(item("a", "other"))), 0);
    assert_eq!(begun(&mut queues), ["a/other"]);
    queues.ended("a", Ended::Well);
    queues.ended("b", Ended::Well);
    assert_eq!(begun(&mut queues), ["a/2"]);
    queues.ended("a", Ended::Well);
    assert!(queues.queues.is_empty(), "nothing is kept of who has nothing to say");
    for number in 0..PLACES + 1 {
        queues.push(item(&number.to_string(), "1"));
    }
    assert_eq!(begun(&mut queues).len(), PLACES);
}

#[test]
fn namespaces_in_trouble_take_no_place_of_others() {
    let mut queues = NamespaceQueues::default();
    for number in 0..10 {
        let namespace = format!("bad-{number}");
        queues.push(item(&namespace, "1"));
        queues.push(item(&namespace, "2"));
        assert_eq!(queues.next_turn(), Some(item(&namespace, "1")));
        let left = Item::Again(said(&namespace, "1"), Write::Nothing);
        queues.ended(&namespace, Ended::Badly(Some(left)));
    }
    let tried = begun(&mut queues);
    assert_eq!(
        tried,
        ["bad-0/1", "bad-1/1"],
        "the same once more, and no more of them at once"
    );
    for number in 0..PLACES {
        queues.push(item(&number.to_string(), "1"));
    }
    assert_eq!(begun(&mut queues).len(), PLACES);
    queues.ended("bad-0", Ended::Badly(None));
    assert_eq!(begun(&mut queues), ["bad-2/1"], "each has its turn");
    queues.ended("0", Ended::Well);
    queues.ended("bad-1", Ended::Well);
    assert_eq!(begun(&mut queues), ["bad-1/2", "bad-3/1"], "it is as any other again");
}

#[test]
fn what_waits_for_namespaces_in_trouble_has_a_bound_and_leaves_others_room() {
    let mut queues = NamespaceQueues::default();
    let namespaces: Vec<String> = (0..20).map(|number| format!("bad-{number}")).collect();
    for namespace in &namespaces {
        queues.push(item(namespace, "1"));
        queues.next_turn();
        queues.ended(namespace, Ended::Badly(None));
        assert_eq!(begun(&mut queues), Vec::<String>::new());
    }
    let push =
        |queues: &mut NamespaceQueues, namespace: &str| (0..400).filter(|_| queues.push(item(namespace, "x"))).count();
    let taken: Vec<usize> = namespaces
        .iter()
        .map(|namespace| push(&mut queues, namespace))
        .collect();
    assert_eq!(taken[0], ROOM_OF_ONE);
    assert_eq!(taken.iter().sum::<usize>(), ROOM_IN_TROUBLE);
    assert!(queues.have_room());
    let good = (0..ROOM)
        .take_while(|_| queues.have_room() && queues.push(item("good", "x")))
        .count();
    assert_eq!(good, ROOM - ROOM_IN_TROUBLE);
    assert_eq!(begun(&mut queues).len(), 1 + PLACES_IN_TROUBLE);
}

#[test]
fn what_waits_is_cut_when_trouble_begins_and_counted() {
    let mut queues = NamespaceQueues::default();
    for _ in 0..=1000 {
        queues.push(item("a", "x"));
    }
    queues.next_turn();
    let again = Item::Again(said("a", "1"), Write::Nothing);
    assert_eq!(queues.ended("a", Ended::Badly(Some(again))), 1001 - ROOM_OF_ONE);
    assert_eq!(begun(&mut queues), ["a/1"], "the one that failed is not among them");
    queues.ended("a", Ended::Well);
    let rest = (0..ROOM).take_while(|_| queues.next_turn().is_some_and(|_| queues.ended("a", Ended::Well) == 0));
    assert_eq!(rest.count(), ROOM_OF_ONE - 1);
    assert!(queues.queues.is_empty());
}

#[test]
fn no_more_namespaces_in_trouble_are_remembered_than_a_cluster_may_have() {
    let mut queues = NamespaceQueues::default();
    for number in 0..REMEMBERED + 10 {
        let namespace = number.to_string();
        queues.push(item(&namespace, "x"));
        queues.next_turn();
        queues.ended(&namespace, Ended::Badly(None));
    }
    assert_eq!(queues.queues.len(), REMEMBERED);
}
