use super::*;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::Arc;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(verbosity: &str, say: impl FnOnce()) -> Vec<String> {
    let buffer = Buffer::default();
    let sink = buffer.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&verbosity.parse::<Verbosity>().unwrap().0))
        .with_writer(move || sink.clone())
        .fmt_fields(JsonFields::new())
        .event_format(Json)
        .finish();
    tracing::subscriber::with_default(subscriber, say);
    let text = String::from_utf8(buffer.0.lock().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_line_has_flaggers_keys_in_flaggers_order() {
    let lines = logged("info", || {
        let span = tracing::info_span!("run", canary = "app.test");
        let _inside = span.enter();
        tracing::info!(weight = 10, "Advance \"app\"");
    });
    let line = lines.first().unwrap();
    let order: Vec<_> = ["level", "ts", "caller", "msg", "canary", "weight"]
        .map(|key| line.find(&format!("\"{key}\":")).unwrap())
        .into();
    assert!(order.is_sorted(), "{line}");
    let value: Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["level"], "info");
    assert_eq!(value["msg"], "Advance \"app\"");
    assert_eq!(value["canary"], "app.test");
    assert_eq!(value["weight"], 10);
    let ts = value["ts"].as_str().unwrap();
    assert!(
        ts.len() == "2026-01-02T03:04:05.678Z".len() && ts.ends_with('Z'),
        "{ts}"
    );
}

#[test]
fn levels_are_flaggers_and_libraries_stay_quiet() {
    let say = || {
        tracing::debug!("d");
        tracing::warn!("w");
        tracing::debug!(target: "hyper", "noise");
    };
    for (level, count) in [
        ("debug", 2),
        ("info", 1),
        ("warning", 1),
        ("fatal", 0),
        ("hyper=debug", 1),
    ] {
        assert_eq!(logged(level, say).len(), count, "{level}");
    }
    assert!("loud".parse::<Verbosity>().is_err());
}
