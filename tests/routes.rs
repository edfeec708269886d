//! The routing providers are the seam: what the program watches, may do and names of foreign kinds follows from the registry.

use coalmine::routing::{Resource, registry};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that may name foreign kinds: their own, and the fields that Flagger's definitions have.
const AT_HOME: [&str; 2] = ["crates/core/src/routing", "crates/api/src"];

#[test]
fn nothing_outside_the_providers_names_a_kind_of_theirs() {
    let mut files = Vec::new();
    for sources in ["src", "crates"] {
        files_below(Path::new(sources), &mut files).unwrap();
    }
    let words: Vec<&str> = kinds().flat_map(|kind| [kind.kind, kind.plural]).collect();
    let mut read = 0;
    for file in files {
        let path = file.to_string_lossy();
        if AT_HOME.iter().any(|home| path.starts_with(home)) || path.contains("test") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        read += 1;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let named = words.iter().find(|word| line.contains(**word));
            assert!(named.is_none(), "{path} names {}: {line}", named.unwrap());
        }
    }
    assert!(read > 200, "only {read} files were read");
}

#[test]
fn both_roles_may_do_with_every_kind_what_is_done_with_it() {
    for kind in kinds() {
        let of_controller = ["get", "list", "watch", "create", "patch", "delete"];
        assert!(
            may("coalmine-controller", kind, &of_controller),
            "the controller, {kind:?}"
        );
        assert!(
            may("coalmine-webhook", kind, &["get", "list", "watch"]),
            "the webhook, {kind:?}"
        );
        if let Some(definition) = kind.definition() {
            let rules = rules("coalmine-controller");
            let mut names = rules.iter().flat_map(|rule| of(rule, "resourceNames"));
            assert!(names.any(|name| *name == definition), "{definition} is not watched");
        }
    }
}

fn kinds() -> impl Iterator<Item = Resource> {
    registry::kinds().map(|kind| kind.resource())
}

fn may(role: &str, kind: Resource, verbs: &[&str]) -> bool {
    let rules = rules(role);
    let about = rules.iter().filter(|rule| {
        of(rule, "apiGroups").iter().any(|group| *group == kind.group)
            && of(rule, "resources").iter().any(|resource| *resource == kind.plural)
    });
    let granted: Vec<&Value> = about.flat_map(|rule| of(rule, "verbs")).collect();
    verbs.iter().all(|verb| granted.iter().any(|granted| *granted == verb))
}

fn rules(role: &str) -> Vec<Value> {
    let rendered = fs::read_to_string("manifests/coalmine.yaml").unwrap_or_default();
    let objects = rendered
        .split("\n---\n")
        .filter_map(|text| serde_saphyr::from_str::<Value>(text).ok());
    let is = |object: &Value, at: &str, text: &str| object.pointer(at).is_some_and(|found| found == text);
    let mut roles = objects.filter(|object| is(object, "/kind", "ClusterRole") && is(object, "/metadata/name", role));
    let rules = roles.next().and_then(|role| role.get("rules").cloned());
    rules.as_ref().map(|rules| list(rules).to_vec()).unwrap_or_default()
}

fn of<'a>(rule: &'a Value, field: &str) -> &'a [Value] {
    rule.get(field).map(list).unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
