//! A table of faults: how each is made, what was measured, and by which command.

use anyhow::Result;

use crate::figures;
use crate::machine;

const FILE: &str = "docs/reliability.md";
const COMMAND: &str = "`make storm`";

/// One section.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    note: String,
    moment: String,
    rows: Vec<String>,
    fell: Vec<String>,
}

impl Table {
    /// An empty one that begins now.
    pub fn begin(title: &str, note: &str) -> Self {
        println!("\n== {title}");
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            moment: machine::moment(),
            rows: Vec::new(),
            fell: Vec::new(),
        }
    }

    /// Adds a row, and tells it at once. One that did not survive says so.
    pub fn row(&mut self, fault: &str, made: &str, measured: &str, survived: &Result<()>) {
        let verdict = match survived {
            Ok(()) => String::new(),
            Err(error) => {
                self.fell.push(format!("{fault}: {error:#}"));
                String::from("**not survived**: ")
            }
        };
        let row = format!("| {fault} | {made} | {verdict}{measured} | {COMMAND} |");
        println!("{row}");
        self.rows.push(row);
    }

    /// Writes what there is of it into the document, and answers what did not survive, and why; that what was `played` could
    /// not go on to its end is among it.
    pub fn ended(mut self, played: Result<()>) -> Result<Vec<String>> {
        if !self.rows.is_empty() {
            let head = "| Fault | How it is made | What was measured | Command |\n| --- | --- | --- | --- |";
            let table = format!("{head}\n{}", self.rows.join("\n"));
            write(&self.title, &self.note, &self.moment, &table)?;
        }
        if let Err(error) = played {
            self.fell.push(format!("{}: {error:#}", self.title));
        }
        Ok(self.fell)
    }
}

/// Writes what was measured into the document, with when and on what.
pub fn write(title: &str, note: &str, moment: &str, table: &str) -> Result<()> {
    let machine = machine::description();
    let text = format!("{note}\n\nMeasured {moment}.\nOn {machine}.\n\n{table}");
    figures::record(FILE, title, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_row_names_the_command_and_says_what_was_not_survived() {
        let mut table = Table::begin("Title", "Note.");
        table.row("killed", "SIGKILL", "0 failed", &Ok(()));
        assert_eq!(table.rows, ["| killed | SIGKILL | 0 failed | `make storm` |"]);
        assert!(table.fell.is_empty());
        table.row("stopped", "SIGSTOP", "3 failed", &Err(anyhow!("3 of 9 failed")));
        assert_eq!(
            table.rows[1],
            "| stopped | SIGSTOP | **not survived**: 3 failed | `make storm` |"
        );
        assert_eq!(table.fell, ["stopped: 3 of 9 failed"]);
    }
}
