//! `AlertProvider.spec.messageTemplate`: the text of an alert in the words of its readers.

use super::{Alert, Measured};
use coalmine_core::template::{self, text};
use gotmpl::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Renders a template with `.Name .Namespace .Cluster .Status .Severity .Message`, the map `.Metadata` of titled values,
/// and `.CanaryAnalysis.Iterations` with `.Metric .Value .Threshold .Failed` of each.
///
/// # Errors
/// What is wrong with the template.
pub(super) fn render(source: &str, alert: &Alert, cluster: &str) -> Result<String, String> {
    let metadata = alert.fields.iter().map(|(title, value)| (title.as_str(), text(value)));
    let iterations = alert.measured.iter().map(measured).collect::<Vec<_>>();
    let dot = map([
        ("Name", text(&alert.name)),
        ("Namespace", text(&alert.namespace)),
        ("Cluster", text(cluster)),
        ("Status", text(alert.phase)),
        ("Severity", text(alert.severity.as_str())),
        ("Message", text(&alert.text)),
        ("Metadata", map(metadata)),
        ("CanaryAnalysis", map([("Iterations", Value::List(iterations.into()))])),
    ]);
    template::execute(source, &[], &dot).map_err(|error| error.to_string())
}

fn measured(one: &Measured) -> Value {
    map([
        ("Metric", text(&one.metric)),
        ("Value", one.value.map_or(Value::Nil, Value::Float)),
        ("Threshold", text(&one.threshold)),
        ("Failed", Value::Bool(one.failed)),
    ])
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries: BTreeMap<Arc<str>, Value> = entries
        .into_iter()
        .map(|(key, value)| (Arc::from(key), value))
        .collect();
    Value::Map(Arc::new(entries))
}
