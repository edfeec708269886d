//! What a hook is told.

use serde::Serialize;
use std::collections::BTreeMap;

/// The run a hook is called for.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Name of the Canary.
    pub name: &'a str,
    /// Namespace of the Canary.
    pub namespace: &'a str,
    /// The phase by its name in the status, such as `Progressing`.
    pub phase: &'a str,
    /// Constant for a revision and its configs, another one for each run.
    pub checksum: &'a str,
    /// Share of the traffic at the canary, percent.
    pub canary_weight: i32,
}

/// The body of the request. `canaryWeight` is Coalmine's, the rest is Flagger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// Name of the Canary.
    pub name: String,
    /// Namespace of the Canary.
    pub namespace: String,
    /// Phase of the Canary, such as `Progressing`.
    pub phase: String,
    /// See [`Run::checksum`].
    pub checksum: String,
    /// Share of the traffic at the canary, percent.
    pub canary_weight: i32,
    /// The hook's own, with the weight filled in.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Payload {
    /// The payload of a hook with this metadata.
    pub fn new(run: &Run<'_>, metadata: Option<&BTreeMap<String, String>>) -> Self {
        let filled = |(key, value): (&String, &String)| (key.clone(), fill_in(value, run.canary_weight));
        Self {
            name: run.name.to_owned(),
            namespace: run.namespace.to_owned(),
            phase: run.phase.to_owned(),
            checksum: run.checksum.to_owned(),
            canary_weight: run.canary_weight,
            metadata: metadata.into_iter().flatten().map(filled).collect(),
        }
    }
}

/// Replaces `{{ canaryWeight }}` and leaves all else as it is: metadata holds commands, and those have
/// braces of their own (`docker inspect -f '{{ .State }}'`) that Flagger never touched.
fn fill_in(text: &str, weight: i32) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        output.push_str(before);
        match after.split_once("}}") {
            Some((inside, behind)) if inside.trim() == "canaryWeight" => {
                output.push_str(&weight.to_string());
                rest = behind;
            }
            _ => {
                output.push_str("{{");
                rest = after;
            }
        }
    }
    output.push_str(rest);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run<'static> = Run {
        name: "app",
        namespace: "test",
        phase: "Progressing",
        checksum: "abc",
        canary_weight: 20,
    };

    #[test]
    fn the_body_is_flaggers_and_leaves_empty_metadata_out() {
        let json = serde_json::to_value(Payload::new(&RUN, None)).unwrap();
        let expected = serde_json::json!({
            "name": "app", "namespace": "test", "phase": "Progressing", "checksum": "abc", "canaryWeight": 20
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn only_the_weight_is_filled_in() {
        let cases = [
            ("hey -q {{ canaryWeight }} x", "hey -q 20 x"),
            ("{{canaryWeight}}{{ canaryWeight}}", "2020"),
            (
                "docker inspect -f '{{ .State }}' {{canaryWeight}}",
                "docker inspect -f '{{ .State }}' 20",
            ),
            ("{{ {{ canaryWeight }} }}", "{{ 20 }}"),
            ("{{ canaryWeight", "{{ canaryWeight"),
            ("{{{{ canaryWeights }}", "{{{{ canaryWeights }}"),
        ];
        for (text, expected) in cases {
            let metadata = BTreeMap::from([("cmd".to_owned(), text.to_owned())]);
            assert_eq!(Payload::new(&RUN, Some(&metadata)).metadata["cmd"], expected);
        }
    }
}
