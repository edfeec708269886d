//! Log lines as Flagger writes them: JSON on stderr with `level`, `ts`, `caller`, `msg` and `canary`.

use super::secrets::without_paths;
use crate::foreign::cut;
use serde_json::{Map, Value};
use std::str::FromStr;
use std::{fmt, io};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people; Flagger calls it `console`.
    #[value(alias = "console")]
    Text,
}

/// Which lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbosity(String);

impl FromStr for Verbosity {
    type Err = String;

    /// Flagger's levels: debug, info, warn (warning), error, fatal, panic; ours: trace, and directives of
    /// `tracing` such as `info,coalmine=trace`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = match text {
            "trace" | "debug" | "info" | "warn" | "error" => text,
            "warning" => "warn",
            "fatal" | "panic" => "error",
            directives if directives.contains('=') => {
                EnvFilter::try_new(directives).map_err(|e| e.to_string())?;
                return Ok(Self(directives.to_owned()));
            }
            other => return Err(format!("{other:?} is none of debug, info, warn, error")),
        };
        // What libraries have to say below warnings is of use only to those who ask for it by name.
        let rest = if matches!(level, "error") { "error" } else { "warn" };
        Ok(Self(format!("{rest},coalmine={level}")))
    }
}

/// Sends the process's logs to stderr. A second call changes nothing.
pub fn init(verbosity: &Verbosity, format: Format) {
    let filter = EnvFilter::new(&verbosity.0);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Clean);
    let _ = match format {
        Format::Json => builder.fmt_fields(JsonFields::new()).event_format(Json).try_init(),
        Format::Text => builder.try_init(),
    };
}

/// Standard error, without what must not be read there. A line comes in one piece.
struct Clean;

impl io::Write for Clean {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().write_all(without_paths(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes one JSON object a line, with Flagger's keys first.
struct Json;

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(formatted) = extensions.get::<FormattedFields<JsonFields>>() else {
                continue;
            };
            if let Ok(Value::Object(of_span)) = serde_json::from_str(&formatted.fields) {
                fields.extend(of_span);
            }
        }
        event.record(&mut Collect(&mut fields));
        let line = line(event, &jiff::Timestamp::now(), fields);
        writeln!(writer, "{line}")
    }
}

/// One line: Flagger's keys in Flagger's order, then the others.
fn line(event: &Event<'_>, now: &jiff::Timestamp, mut fields: Map<String, Value>) -> String {
    let metadata = event.metadata();
    let message = fields.remove("message").unwrap_or_else(|| Value::from(""));
    let caller = format!("{}:{}", metadata.file().unwrap_or("?"), metadata.line().unwrap_or(0));
    let mut pairs = vec![
        ("level", Value::from(level(*metadata.level()))),
        ("ts", Value::from(format!("{now:.3}"))),
        ("caller", Value::from(caller)),
        ("msg", message),
    ];
    pairs.extend(fields.remove("canary").map(|canary| ("canary", canary)));
    let pairs = pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .chain(fields);
    let texts: Vec<String> = pairs
        .map(|(key, value)| format!("{}:{value}", Value::from(key)))
        .collect();
    format!("{{{}}}", texts.join(","))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Longest text in a line, in bytes: whatever it is made of, it is for people.
const LONGEST: usize = 4096;

/// Takes the fields of an event as JSON values.
struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(cut(&format!("{value:?}"), LONGEST)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(cut(value, LONGEST)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests;
