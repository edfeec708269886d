//! The table in the docs of [`crate::analysis`], checked against what histories really go through.

use crate::analysis::*;
use crate::api::canary::Phase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

static SEEN: Mutex<BTreeSet<(&'static str, &'static str, &'static str)>> = Mutex::new(BTreeSet::new());

/// Notes that a step led from one state to another.
pub(in crate::analysis::tests) fn note(old: &State, new: &State) {
    let step = (old.stage.as_str(), new.phase.as_str(), new.stage.as_str());
    SEEN.lock().unwrap().insert(step);
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    phases: BTreeSet<String>,
    next: BTreeSet<String>,
}

fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn documented() -> BTreeMap<String, Row> {
    let docs = include_str!("../../../analysis.rs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| Stage::parse(cells[0]).is_some())
        .map(|cells| {
            let next = words(cells[4]).filter(|word| Stage::parse(word).is_some());
            let phases = words(cells[1]).filter(|word| Phase::parse(word).is_some());
            let row = Row {
                phases: phases.map(str::to_owned).collect(),
                next: next.map(str::to_owned).collect(),
            };
            (cells[0].to_owned(), row)
        })
        .collect()
}

fn seen() -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (old, phase, new) in SEEN.lock().unwrap().iter() {
        rows.entry((*new).to_owned())
            .or_default()
            .phases
            .insert((*phase).to_owned());
        if old != new {
            rows.entry((*old).to_owned())
                .or_default()
                .next
                .insert((*new).to_owned());
        }
    }
    rows
}

/// Compares the table with all steps noted so far.
pub(in crate::analysis::tests) fn assert_true() {
    let (documented, seen) = (documented(), seen());
    assert_eq!(documented.len(), Stage::ALL.len(), "every stage has a row");
    let mut wrong = Vec::new();
    for (stage, row) in &documented {
        let none = Row::default();
        let really = seen.get(stage).unwrap_or(&none);
        for (what, said, is) in [
            ("phase", &row.phases, &really.phases),
            ("next", &row.next, &really.next),
        ] {
            wrong.extend(
                is.difference(said)
                    .map(|name| format!("{stage}: {what} {name} is not in the table")),
            );
            wrong.extend(
                said.difference(is)
                    .map(|name| format!("{stage}: {what} {name} never happens")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
