//! Sections of documents that measurements write: each replaces its own, and leaves the rest to people.

use std::fs;

use anyhow::{Context as _, Result};

use crate::install::root;

/// Writes the section of that title into a file of the repository, in the place of the one before or at the end.
pub fn record(file: &str, title: &str, text: &str) -> Result<()> {
    let path = root().join(file);
    let before = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    fs::write(&path, replaced(&before, title, text)).with_context(|| format!("cannot write {}", path.display()))?;
    println!("  written to {file}");
    Ok(())
}

fn replaced(before: &str, title: &str, text: &str) -> String {
    let section = format!("{title}\n\n{}", text.trim());
    let mut parts: Vec<&str> = before.split("\n## ").map(str::trim_end).collect();
    let mut sections = parts.iter_mut().skip(1);
    match sections.find(|part| part.lines().next() == Some(title)) {
        Some(part) => *part = &section,
        None => parts.push(&section),
    }
    let mut all = parts.join("\n\n## ");
    all.push('\n');
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_added_and_then_replaced_and_nothing_else_changes() {
        let before = "# Title\n\nText.\n\n## Own\n\nWritten by hand.\n";
        let added = replaced(before, "Measured", "one\n");
        assert_eq!(added, format!("{before}\n## Measured\n\none\n"));
        let followed = format!("{added}\n## Last\n\nToo.\n");
        let again = replaced(&followed, "Measured", "two");
        assert_eq!(again, followed.replace("one", "two"));
        assert_eq!(replaced(&again, "Measured", "two"), again);
    }
}
