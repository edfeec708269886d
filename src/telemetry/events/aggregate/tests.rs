use super::*;
use k8s_openapi::api::core::v1::ObjectReference;

fn occurrence(message: &str) -> Occurrence {
    let object = ObjectReference {
        kind: Some("Canary".into()),
        name: Some("app".into()),
        namespace: Some("test".into()),
        uid: Some("u".into()),
        ..ObjectReference::default()
    };
    Occurrence {
        object,
        severity: Severity::Warning,
        message: message.into(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

#[test]
fn an_event_looks_like_flaggers() {
    let Write::Create(event) = Aggregate::default().next(&occurrence("halt"), at(0)) else {
        panic!()
    };
    insta::assert_json_snapshot!("event", event);
}

#[test]
fn repeating_a_text_raises_the_count_while_it_is_fresh() {
    let mut aggregate = Aggregate::default();
    assert!(matches!(aggregate.next(&occurrence("halt"), at(0)), Write::Create(_)));
    assert!(matches!(aggregate.next(&occurrence("other"), at(1)), Write::Create(_)));
    let repeated = aggregate.next(&occurrence("halt"), at(599));
    assert!(matches!(repeated, Write::Repeat { count: 2, .. }), "{repeated:?}");
    assert!(matches!(
        aggregate.next(&occurrence("halt"), at(1198)),
        Write::Repeat { count: 3, .. }
    ));
    assert!(matches!(
        aggregate.next(&occurrence("halt"), at(1798)),
        Write::Create(_)
    ));
}

#[test]
fn a_forgotten_event_is_made_anew() {
    let mut aggregate = Aggregate::default();
    aggregate.next(&occurrence("halt"), at(0));
    aggregate.forget(&occurrence("halt"));
    assert!(matches!(aggregate.next(&occurrence("halt"), at(1)), Write::Create(_)));
}

#[test]
fn memory_is_bounded() {
    let mut aggregate = Aggregate::default();
    for n in 0..3 * REMEMBERED {
        aggregate.next(&occurrence(&n.to_string()), at(0));
    }
    assert!(aggregate.texts.len() <= REMEMBERED);
    for n in 0..3 * REMEMBERED {
        let mut occurrence = occurrence("halt");
        occurrence.object.uid = Some(n.to_string());
        aggregate.next(&occurrence, at(0));
    }
    assert!(aggregate.objects.len() <= REMEMBERED && aggregate.texts.len() <= REMEMBERED);
}

// Everything that is written of texts said each second, and what is not is asked for when it is due.
fn written(texts: impl Iterator<Item = String>) -> Vec<Write> {
    let mut aggregate = Aggregate::default();
    let mut all = Vec::new();
    for (second, text) in (0..).zip(texts) {
        while let Some(write) = aggregate.overdue(at(second)) {
            all.push(write);
        }
        all.push(aggregate.next(&occurrence(&text), at(second)));
    }
    let end = aggregate.next_due().unwrap_or(at(0));
    all.extend(aggregate.overdue(end));
    assert_eq!(aggregate.next_due(), None);
    all.retain(|write| *write != Write::Nothing);
    all
}

fn bytes(write: &Write) -> usize {
    match write {
        Write::Create(event) => event.message.as_ref().map_or(0, String::len),
        Write::Repeat { message, .. } => message.as_ref().map_or(0, String::len),
        Write::Nothing => 0,
    }
}

#[test]
fn an_hour_of_another_text_each_second_is_a_bounded_number_of_events_and_bytes() {
    let text = |n: i32| format!("{n}{}", "x".repeat(SAID - 8));
    let all = written((0..3600).map(text));
    let created = all.iter().filter(|write| matches!(write, Write::Create(_))).count();
    assert!((64..=64 + 60 + 1).contains(&created), "{created}");
    assert!(all.len() <= created + 360, "{}", all.len());
    assert!(all.iter().all(|write| bytes(write) <= SAID));
    let Some(Write::Repeat { count, message, .. }) = all.last() else {
        panic!("{:?}", all.last())
    };
    assert!(
        message.as_ref().unwrap().starts_with(&format!("{COMBINED}3599")),
        "the last word is said"
    );
    // Each second is counted, by an Event of its own or by the one that stands for the others.
    assert_eq!(usize::try_from(*count).unwrap() + created - 1, 3600);
}

#[test]
fn an_hour_of_one_text_is_one_event_that_is_written_now_and_then() {
    let all = written((0..3600).map(|_| String::from("halt")));
    let created = all.iter().filter(|write| matches!(write, Write::Create(_))).count();
    assert_eq!(created, 1);
    assert!(all.len() <= 10 + 360, "{}", all.len());
}

#[test]
fn one_object_that_says_much_takes_nothing_from_another() {
    let mut aggregate = Aggregate::default();
    for n in 0..1000 {
        aggregate.next(&occurrence(&n.to_string()), at(0));
    }
    let mut other = occurrence("halt");
    other.object.uid = Some("v".into());
    assert!(matches!(aggregate.next(&other, at(0)), Write::Create(_)));
    // What is not a warning has a budget of its own.
    let good = Occurrence {
        severity: Severity::Normal,
        ..occurrence("Promotion completed!")
    };
    let Write::Create(event) = aggregate.next(&good, at(0)) else {
        panic!()
    };
    assert_eq!(event.message.as_deref(), Some("Promotion completed!"));
}

#[test]
fn the_event_that_stands_for_others_is_made_anew_when_it_is_gone() {
    let mut aggregate = Aggregate::default();
    let said: Vec<Write> = (0..100)
        .map(|n| aggregate.next(&occurrence(&n.to_string()), at(0)))
        .collect();
    assert_eq!(said.iter().filter(|write| **write == Write::Nothing).count(), 35);
    aggregate.forget(&occurrence("99"));
    assert!(matches!(aggregate.next(&occurrence("100"), at(1)), Write::Create(_)));
}
