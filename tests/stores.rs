//! The metrics stores are a seam: what differs from one to another is said by the store, and nobody else names one.

mod sources;

use coalmine_core::api::metric_template::MetricProvider;
use coalmine_core::metrics::registry::STORES;
use sources::files_below;
use std::{fs, path::Path};

/// Files besides a store's own folder and the registry that may name stores in code, and why.
const MAY_NAME: [(&str, &str); 2] = [
    (
        "crates/api/src/metric_template.rs",
        "the schema lists the types; a test of the registry compares",
    ),
    (
        "src/cli/serve.rs",
        "the default of --metrics-server is Flagger's, a host's name",
    ),
];
/// The library that writes our own metrics.
const OUR_OWN: &str = "prometheus_client";

#[test]
fn nobody_else_names_a_store() {
    let mut files = Vec::new();
    for sources in ["src", "crates"] {
        files_below(Path::new(sources), &mut files).unwrap();
    }
    let (mut read, mut found) = (0, Vec::new());
    for file in files.iter().filter(|file| !may_name(file)) {
        read += 1;
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().take_while(|line| *line != "mod tests {").enumerate() {
            let code = code(line);
            if MetricProvider::TYPES.iter().any(|name| says(&code, name)) {
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
        let folder = format!("crates/core/src/metrics/{folder}");
        file.starts_with(&folder) || path == format!("{folder}.rs")
    };
    let test = path.contains("tests/") || path.ends_with("tests.rs");
    test || own("registry")
        || STORES.iter().any(|store| own(store.requirements.name))
        || MAY_NAME.iter().any(|(exempt, _)| path == *exempt)
}
