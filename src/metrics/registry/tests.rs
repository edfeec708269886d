use super::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files besides a store's own folder and the registry that may name stores in code, and why.
const MAY_NAME: [(&str, &str); 2] = [
    (
        "crates/api/src/metric_template.rs",
        "the schema lists the types; this file's test compares",
    ),
    (
        "src/cli/serve.rs",
        "the default of --metrics-server is Flagger's, a host's name",
    ),
];
/// The library that writes our own metrics.
const OUR_OWN: &str = "prometheus_client";

fn built_names() -> impl Iterator<Item = &'static str> {
    STORES.iter().map(|store| store.rules.name)
}

fn names() -> impl Iterator<Item = &'static str> {
    built_names().chain(unbuilt::TABLE.iter().map(|rules| rules.name))
}

#[test]
fn every_type_of_the_schema_stands_in_exactly_one_list() {
    let all: BTreeSet<_> = names().collect();
    assert_eq!(all, MetricProvider::TYPES.into_iter().collect());
    assert_eq!(names().count(), all.len());
    for kind in MetricProvider::TYPES {
        assert_eq!(rules(kind).name, kind);
    }
    assert_eq!(rules("signoz").name, "");
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
            .all(|rules| waits(rules.name) && built(rules.name).is_none())
    );
    assert!(!waits("signoz"));
    assert!(built_names().any(|kind| kind == SERVER.rules().name));
}

#[test]
fn nobody_else_names_a_store() {
    let mut files = Vec::new();
    for sources in ["src", "crates"] {
        files_below(Path::new(sources), &mut files);
    }
    let (mut read, mut found) = (0, Vec::new());
    for file in files.iter().filter(|file| !may_name(file)) {
        read += 1;
        let text = std::fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().take_while(|line| *line != "mod tests {").enumerate() {
            let code = code(line);
            if names().any(|name| says(&code, name)) {
                found.push(format!("{}:{} {line}", file.display(), number + 1));
            }
        }
    }
    assert!(read > 200, "only {read} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_name_in_code_is_seen_and_one_in_a_comment_is_not() {
    let seen = |line: &str, name| says(&code(line), name);
    assert!(seen(r#"    "prometheus" => 1,"#, "prometheus") && seen("Prometheus::new()", "prometheus"));
    assert!(seen(r#"kind == "web""#, "web") && !seen("webhook.web", "web"));
    assert!(!seen("x(); // as Splunk does", "splunk") && !seen("/// Datadog", "datadog"));
    assert!(seen(r#"url("http://splunk:1")"#, "splunk"));
    assert!(!seen("use prometheus_client::registry::Registry;", "prometheus"));
    assert!(!seen("pub mod prometheus;", "prometheus"));
}

/// The line in lower case without comments, our own library and declarations of modules, without which no folder is one.
fn code(line: &str) -> String {
    let line = line.trim().to_lowercase();
    let comment = line.starts_with("//") || (line.starts_with("pub mod ") && line.ends_with(';'));
    let code = line.split(" // ").next().filter(|_| !comment).unwrap_or_default();
    code.replace(OUR_OWN, "")
}

// One name is also that of ports and of much else: it is a store's where a type is compared.
fn says(code: &str, name: &str) -> bool {
    match name {
        "web" => code.contains("= \"web\"") || code.contains("\"web\" =>"),
        name => code.contains(name),
    }
}

fn may_name(file: &Path) -> bool {
    let path = file.to_string_lossy();
    let own = |folder: &str| {
        let folder = format!("src/metrics/{folder}");
        file.starts_with(&folder) || path == format!("{folder}.rs")
    };
    let test = path.contains("tests/") || path.ends_with("tests.rs");
    test || own("registry") || built_names().any(own) || MAY_NAME.iter().any(|(exempt, _)| path == *exempt)
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
