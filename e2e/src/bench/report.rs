//! `docs/benchmarks.md`: one section for each part; a part that runs again replaces its own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::install::root;
use crate::machine;

const INTRO: &str = "# Benchmarks

`make bench` writes this file. Each section says when it was measured, at which commit and on what: figures of two sections
may be those of two machines, ours and the other column of one are of the same run on the same one. \"Flagger\" is the real Flagger 1.44.0, built from its own source, on the same
cluster with the same apps.
";

/// The sections in their order.
const ORDER: [&str; 5] = [
    "The webhook in process",
    "The webhook over HTTPS",
    "The webhook as the API server sees it",
    "300 Canaries",
    "1,000 Canaries",
];

/// A measured figure beside another.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Coalmine's figure.
    pub ours: String,
    /// The baseline's or the peer's.
    pub other: String,
    /// What Coalmine must reach.
    pub target: String,
}

impl Row {
    /// A row of four cells.
    pub fn new(what: &str, ours: impl Into<String>, other: impl Into<String>, target: &str) -> Self {
        Self {
            what: what.to_owned(),
            ours: ours.into(),
            other: other.into(),
            target: target.to_owned(),
        }
    }
}

/// A table with what is to be known about it.
#[derive(Clone, Debug)]
pub struct Section {
    title: String,
    moment: String,
    other: &'static str,
    note: String,
    rows: Vec<Row>,
}

impl Section {
    /// An empty section that begins now; `other` heads the column beside ours.
    pub fn begin(title: &str, other: &'static str, note: &str) -> Self {
        println!("\n== {title}");
        Self {
            title: title.to_owned(),
            moment: machine::moment(),
            other,
            note: note.to_owned(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, and tells it at once.
    pub fn row(&mut self, row: Row) {
        println!("  {}: {} | {} | target {}", row.what, row.ours, row.other, row.target);
        self.rows.push(row);
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}\n\n{}\n\nMeasured {}.\nOn {}.\n\n| | Coalmine | {} | target |\n| --- | --- | --- | --- |\n",
            self.title,
            self.note,
            self.moment,
            machine::description(),
            self.other
        );
        for row in &self.rows {
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                row.what, row.ours, row.other, row.target
            ));
        }
        text
    }

    /// Writes it into the file.
    pub fn write(&self) -> Result<()> {
        let file = file();
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, merged(&before, &self.title, &self.text()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("  written to {}", file.display());
        Ok(())
    }
}

fn file() -> PathBuf {
    root().join("docs/benchmarks.md")
}

/// The file with one section in its place.
fn merged(before: &str, title: &str, text: &str) -> String {
    let rank = |section: &str| {
        ORDER
            .iter()
            .position(|known| section.starts_with(known))
            .unwrap_or(ORDER.len())
    };
    let mut sections: Vec<&str> = before
        .split("\n## ")
        .skip(1)
        .map(str::trim_end)
        .filter(|section| section.lines().next() != Some(title))
        .collect();
    sections.push(text.trim_end());
    sections.sort_by_key(|section| rank(section));
    let mut all = String::from(INTRO);
    for section in sections {
        all.push_str("\n## ");
        all.push_str(section);
        all.push('\n');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_its_own_and_leaves_the_others_in_order() {
        let later = merged("", "1,000 Canaries", "1,000 Canaries\n\nold");
        let both = merged(&later, "The webhook in process", "The webhook in process\n\nquick\n");
        let again = merged(&both, "1,000 Canaries", "1,000 Canaries\n\nnew");
        let sections: Vec<&str> = again.split("\n## ").skip(1).collect();
        assert_eq!(
            sections,
            ["The webhook in process\n\nquick\n", "1,000 Canaries\n\nnew\n"]
        );
    }
}
