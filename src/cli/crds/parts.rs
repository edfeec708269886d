//! Parts of committed files that follow from the providers that are built. Each has its place in a file whose other lines people
//! write.

use crate::cli::leave;
use crate::routing::{RouteKind, Router, registry};
use anyhow::Context;
use std::io::ErrorKind;
use std::path::Path;

/// One of them.
pub struct Part {
    /// The file, below the root of the repository.
    path: &'static str,
    /// What stands before it there, and nowhere else in the file.
    before: &'static str,
    /// What stands after it.
    after: &'static str,
    text: fn() -> String,
}

/// All of them.
pub const ALL: [Part; 3] = [
    Part {
        path: "charts/coalmine/values.schema.json",
        before: "\"meshProvider\": {\"enum\": [",
        after: "]",
        text: named,
    },
    Part {
        path: "docs/uninstall.md",
        before: "<!-- `coalmine crds --write` writes these lines. -->\n\n```sh\n",
        after: "```\n",
        text: leave::rescue,
    },
    Part {
        path: "docs/providers.md",
        before: "<!-- `coalmine crds --write` writes this table. -->\n\n",
        after: "\n\n",
        text: kinds,
    },
];

impl Part {
    /// Writes it into its file below `root`. A folder that is no checkout has no such file, and needs none.
    pub fn write(&self, root: &Path) -> anyhow::Result<()> {
        let path = root.join(self.path);
        let whole = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.with_context(|| format!("cannot read {}", self.path))?,
        };
        std::fs::write(path, self.put_into(&whole)?).with_context(|| format!("cannot write {}", self.path))
    }

    // The whole file with the part as it is to be.
    fn put_into(&self, whole: &str) -> anyhow::Result<String> {
        let at = |text: &str| format!("{} has no place for what is written: {text:?} is missing", self.path);
        let (head, rest) = whole.split_once(self.before).with_context(|| at(self.before))?;
        let (_, tail) = rest.split_once(self.after).with_context(|| at(self.after))?;
        let text = (self.text)();
        Ok([head, self.before, text.as_str(), self.after, tail].concat())
    }
}

// What the chart's values may name: the providers, and nothing.
fn named() -> String {
    let names = registry::names().into_iter().map(|name| format!("\"{name}\", "));
    format!("\"\", {}null", names.collect::<String>())
}

// Which kinds carry traffic for whom, and what of them is ours.
fn kinds() -> String {
    let head = [
        String::from("| kind | provider | fields that are written in objects of yours | what is made beside them |"),
        String::from("|---|---|---|---|"),
    ];
    let rows: Vec<String> = head.into_iter().chain(registry::kinds().map(row)).collect();
    rows.join("\n")
}

fn row(kind: &dyn RouteKind) -> String {
    let resource = kind.resource();
    let moves = |router: &dyn Router| router.kinds().iter().any(|own| own.resource() == resource);
    let routers = registry::ROUTERS.iter().filter(|router| moves(**router));
    let providers = listed(routers.map(|router| format!("`{}`", router.name())));
    let fields = kind.fields().iter().map(|at| at.trim_start_matches('/'));
    let fields = listed(fields.map(|at| format!("`{}`", at.replace('/', "."))));
    // Where nothing is written in what the user has, another object of the kind says everything.
    let own = kind.fields().is_empty().then(|| format!("another {}", resource.kind));
    let others = kind.beside().iter().map(|beside| beside.resource().kind.to_owned());
    let beside = listed(own.into_iter().chain(others));
    format!(
        "| {} (`{}`) | {providers} | {fields} | {beside} |",
        resource.kind,
        resource.api_version()
    )
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = items.collect();
    match all.as_slice() {
        [] => String::from("none"),
        all => all.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_in_its_file_as_it_is_written() {
        for part in &ALL {
            let stored = std::fs::read_to_string(part.path).unwrap();
            assert_eq!(stored.matches(part.before).count(), 1, "{}", part.path);
            assert!(
                stored == part.put_into(&stored).unwrap(),
                "{} is stale; run: cargo run -- crds --write",
                part.path
            );
        }
    }

    #[test]
    fn a_part_is_written_over_what_stood_there_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let part = Part {
            path: "one",
            before: "before [",
            after: "]",
            text: || String::from("new"),
        };
        part.write(root.path()).unwrap();
        let path = root.path().join("one");
        assert!(!path.exists());
        std::fs::write(&path, "[a] before [old] after [b]").unwrap();
        part.write(root.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[a] before [new] after [b]");
        std::fs::write(&path, "nothing of it").unwrap();
        let error = part.write(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("one has no place") && error.contains("before ["),
            "{error}"
        );
    }
}
