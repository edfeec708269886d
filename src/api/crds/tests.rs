use super::*;
use serde_json::Map;

const REFRESH: &str = "run: cargo run -- crds --write";
/// Cargo runs tests at the top of the package.
const ROOT: &str = ".";

fn schemas() -> Vec<(String, Value)> {
    let schema = |crd: CustomResourceDefinition| {
        let value = serde_json::to_value(&crd).unwrap();
        (
            crd.spec.names.kind,
            value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone(),
        )
    };
    all().into_iter().map(schema).collect()
}

#[test]
fn crds_are_not_stale() {
    let root = Path::new(ROOT);
    for directory in DIRECTORIES {
        for (name, yaml) in files() {
            let stored = std::fs::read_to_string(root.join(directory).join(&name)).unwrap_or_default();
            assert!(stored == yaml, "{directory}/{name} is stale; {REFRESH}");
        }
    }
}

#[test]
fn every_refinement_finds_its_path() {
    for (crd, changes) in [
        (Canary::crd(), refinements::canary()),
        (MetricTemplate::crd(), refinements::metric_template()),
        (AlertProvider::crd(), refinements::alert_provider()),
        (CanaryPolicy::crd(), refinements::policy()),
    ] {
        assert_eq!(refined(crd, &changes).1, Vec::<String>::new());
    }
}

#[test]
fn the_yaml_reads_back_as_the_same_definition() {
    for (crd, (_, yaml)) in all().into_iter().zip(files()) {
        let read: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, serde_json::to_value(&crd).unwrap());
    }
}

#[test]
fn schemas_are_structural() {
    for (kind, schema) in schemas() {
        structural(&kind, schema.as_object().unwrap());
    }
}

/// The rules of structural schemas, and what Kubernetes would warn of.
fn structural(path: &str, node: &Map<String, Value>) {
    let int_or_string = node.contains_key("x-kubernetes-int-or-string");
    assert_eq!(
        node.contains_key("type"),
        !int_or_string,
        "{path}: every value has a type"
    );
    assert!(!node.contains_key("nullable"), "{path}: null counts as left out");
    assert!(!node.contains_key("$ref"), "{path}: no references");
    assert!(
        !(node.contains_key("properties") && node.contains_key("additionalProperties")),
        "{path}"
    );
    if let Some(format) = node.get("format") {
        assert_eq!(format, "date-time", "{path}");
    }
    if node.get("type").is_some_and(|kind| kind == "array") {
        assert!(node.contains_key("items"), "{path}: a list has items");
    }
    for junctor in ["oneOf", "anyOf", "allOf", "not"] {
        let text = node.get(junctor).map(Value::to_string).unwrap_or_default();
        for word in ["\"type\"", "\"default\"", "\"description\"", "x-kubernetes"] {
            assert!(!text.contains(word), "{path}: {word} inside {junctor}");
        }
    }
    for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        structural(&format!("{path}.{name}"), child.as_object().unwrap());
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = node.get(key) {
            structural(&format!("{path}[{key}]"), child.as_object().unwrap());
        }
    }
}

#[test]
fn every_field_is_described() {
    fn described(path: &str, node: &Value) {
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(child.get("description").is_some(), "{path} has no description");
            described(&path, child);
        }
        for child in [node.get("items"), node.get("additionalProperties")]
            .into_iter()
            .flatten()
        {
            described(path, child);
        }
    }
    for (kind, schema) in schemas() {
        described(&kind, &schema);
    }
}

#[test]
fn helm_keeps_the_definitions() {
    for crd in all() {
        assert_eq!(crd.metadata.annotations.unwrap()["helm.sh/resource-policy"], "keep");
    }
}

#[test]
fn canaries_print_flaggers_columns() {
    let canary = all().remove(0);
    let columns = canary.spec.versions[0].additional_printer_columns.clone().unwrap();
    let names: Vec<_> = columns
        .iter()
        .map(|c| (c.name.as_str(), c.priority.unwrap_or(0)))
        .collect();
    assert_eq!(
        names,
        [
            ("Status", 0),
            ("Weight", 0),
            ("Suspended", 1),
            ("FailedChecks", 1),
            ("Interval", 1),
            ("Mirror", 1),
            ("StepWeight", 1),
            ("StepWeights", 1),
            ("MaxWeight", 1),
            ("LastTransitionTime", 0),
        ]
    );
}

#[test]
#[ignore = "writes the files; what `cargo run -- crds --write` does"]
fn refresh() {
    write(Path::new(ROOT)).unwrap();
}
