use super::super::limits;
use super::*;
use serde_json::Map;

/// Which there are is not known here.
const PROVIDERS: [&str; 2] = ["one", "other"];
/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn all() -> Vec<CustomResourceDefinition> {
    super::all(&PROVIDERS)
}

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
fn canaries_and_policies_may_name_the_providers_that_are_said() {
    for (kind, schema) in schemas() {
        let said = &schema["properties"]["spec"]["properties"]["provider"]["enum"];
        match kind.as_str() {
            "Canary" | "CanaryPolicy" => assert_eq!(*said, json!(PROVIDERS), "{kind}"),
            _ => assert!(said.is_null(), "{kind}"),
        }
    }
}

#[test]
fn every_refinement_finds_its_path() {
    for (crd, changes) in [
        (Canary::crd(), refinements::canary(&PROVIDERS)),
        (MetricTemplate::crd(), refinements::metric_template()),
        (AlertProvider::crd(), refinements::alert_provider()),
        (CanaryPolicy::crd(), refinements::policy(&PROVIDERS)),
    ] {
        assert_eq!(refined(crd, &changes).1, Vec::<String>::new());
    }
}

#[test]
fn the_yaml_reads_back_as_the_same_definition() {
    for (crd, (_, yaml)) in all().into_iter().zip(files(&PROVIDERS)) {
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
fn every_text_list_and_map_of_a_spec_has_a_limit() {
    fn limited(path: &str, node: &Value) {
        let key = match node["type"].as_str() {
            Some("string") if node.get("enum").is_none() && node.get("format").is_none() => "maxLength",
            Some("array") => "maxItems",
            Some("object") if node.get("additionalProperties").is_some() => "maxProperties",
            _ => "type",
        };
        let free = node.get("x-kubernetes-int-or-string").is_some();
        assert!(free || node.get(key).is_some(), "{path} has no {key}");
        for (name, child) in node["properties"].as_object().into_iter().flatten() {
            limited(&format!("{path}.{name}"), child);
        }
        for child in [node.get("items"), node.get("additionalProperties")]
            .into_iter()
            .flatten()
        {
            limited(&format!("{path}[]"), child);
        }
    }
    for (kind, schema) in schemas() {
        limited(&kind, &schema["properties"]["spec"]);
    }
}

fn metric(name: usize, query: usize) -> Value {
    json!({"name": "n".repeat(name), "query": "q".repeat(query)})
}

fn hook(key: usize, value: usize) -> Value {
    json!({"name": "h", "url": "http://h/", "metadata": {"k".repeat(key): "v".repeat(value)}})
}

#[test]
fn what_is_as_large_as_it_may_be_is_not_found() {
    let users = json!([{"headers": {"cookie": {"regex": "é".repeat(limits::VALUE)}}}]);
    let fine = json!({"analysis": {"metrics": [metric(limits::NAME, limits::TEMPLATE)], "match": users,
        "webhooks": [hook(9, limits::TEMPLATE)], "stepWeights": vec![1; limits::STEPS]}});
    assert_eq!(measure("Canary", &fine).excess, []);
}

#[test]
fn what_is_larger_than_its_schema_allows_is_found() {
    let affinity = json!({"templateVariables": {"affinity": {"x": "y".repeat(limits::FOREIGN)}}});
    let large = json!({"analysis": {"metrics": [metric(254, 1), metric(1, 8193)], "webhooks": [hook(318, 8193)],
        "stepWeights": vec![1; 101], "interval": "1".repeat(65), "canaryAnalysis": affinity}});
    let found = measure("Canary", &large).excess;
    let found: Vec<_> = found.iter().map(|e| (e.field.as_str(), e.most, e.unit)).collect();
    let in_map = format!("spec.analysis.webhooks[0].metadata[{}]", "k".repeat(318));
    let expected = [
        (
            "spec.analysis.canaryAnalysis.templateVariables.affinity",
            limits::FOREIGN,
            Unit::Bytes,
        ),
        ("spec.analysis.interval", 64, Unit::Characters),
        ("spec.analysis.metrics[0].name", 253, Unit::Characters),
        ("spec.analysis.metrics[1].query", 8192, Unit::Characters),
        ("spec.analysis.stepWeights", 100, Unit::Entries),
        (in_map.as_str(), 317, Unit::Characters),
        (in_map.as_str(), 8192, Unit::Characters),
    ];
    assert_eq!(found, expected);
}

#[test]
fn measuring_looks_at_each_value_once_and_into_no_list_that_is_too_long() {
    let metrics = |count: usize| json!({"analysis": {"metrics": vec![json!({"name": "m", "query": "x"}); count]}});
    let visited = |count: usize| measure("Canary", &metrics(count)).visited;
    assert_eq!((visited(16), visited(32), visited(64)), (51, 99, 195));
    assert_eq!((visited(65), visited(40_000)), (3, 3));
}

#[test]
fn the_document_shows_the_limits_that_are_in_force() {
    let document = std::fs::read_to_string(format!("{ROOT}/docs/limits.md")).unwrap();
    for (name, most) in limits::TABLE {
        let row = format!("| {name} | {most} |");
        assert!(document.contains(&row), "docs/limits.md lacks: {row}");
    }
    assert_eq!(
        document.matches("\n| ").count() - 1,
        limits::TABLE.len(),
        "rows of something else"
    );
}
