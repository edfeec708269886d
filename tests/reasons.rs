//! Every reason that a Canary's conditions may give is explained in docs/status.md, and nothing is explained that none gives.

mod sources;

use sources::files_below;
use std::{collections::BTreeSet, fs, path::Path};

const DOCUMENT: &str = "docs/status.md";
/// Where reasons that more than one place asks for have their names.
const NAMED: &str = "crates/api/src/canary/status/conditions.rs";
/// Above the table of reasons.
const ABOVE: &str = "| reason | what it means |";

#[test]
fn every_reason_has_its_row_and_every_row_its_reason() {
    let mut files = Vec::new();
    for sources in ["src", "crates"] {
        files_below(Path::new(sources), &mut files).unwrap();
    }
    let names = fs::read_to_string(NAMED).unwrap();
    let mut given = BTreeSet::new();
    for file in files.iter().filter(|file| !file.to_string_lossy().contains("tests")) {
        given.extend(reasons(&fs::read_to_string(file).unwrap(), &names));
    }
    assert!(given.len() > 10, "only {given:?} were found");
    let document = fs::read_to_string(DOCUMENT).unwrap();
    assert_eq!(
        given,
        rows(&document),
        "left: given by the code; right: rows of {DOCUMENT}"
    );
}

#[test]
fn a_reason_is_found_by_its_word_and_by_its_name() {
    let names = "pub const AWAY: &str = \"Away\";";
    let troubles = "Trouble {\n reason: \"Lost\",\n}, Trouble {\n reason: AWAY,\n}";
    assert_eq!(
        reasons(troubles, names),
        BTreeSet::from(["Lost".to_owned(), "Away".to_owned()])
    );
    assert_eq!(reasons("Denial {\n reason: \"Invalid\",\n}", names), BTreeSet::new());
    let table = format!("| `Not` |\n{ABOVE}\n| --- | --- |\n| `Lost` | it is `gone` |\n\n| `Nor` |");
    assert_eq!(rows(&table), BTreeSet::from(["Lost".to_owned()]));
}

/// The reasons of all troubles that are made in `code`. `names` declares those that have a name.
fn reasons(code: &str, names: &str) -> BTreeSet<String> {
    let troubles = code.split("Trouble {").skip(1);
    let first = |trouble: &str| trouble.lines().nth(1).map(str::trim).map(str::to_owned);
    let said = troubles.filter_map(first);
    let said = said.filter_map(|line| line.strip_prefix("reason: ")?.strip_suffix(',').map(str::to_owned));
    said.map(|said| match said.strip_prefix('"') {
        Some(word) => word.trim_end_matches('"').to_owned(),
        None => declared(&said, names),
    })
    .collect()
}

fn declared(name: &str, names: &str) -> String {
    let declaration = format!("pub const {name}: &str = \"");
    // One that is declared nowhere is no row either, so it is told by the comparison.
    let Some((_, rest)) = names.split_once(&declaration) else {
        return format!("{name}, which {NAMED} does not declare");
    };
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The reasons that the table of the document explains.
fn rows(document: &str) -> BTreeSet<String> {
    let table = document.split_once(ABOVE).map_or("", |(_, table)| table);
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let word = |row: &str| {
        row.strip_prefix("| `")
            .and_then(|row| row.split_once('`'))
            .map(|(word, _)| word.to_owned())
    };
    rows.filter_map(word).collect()
}
