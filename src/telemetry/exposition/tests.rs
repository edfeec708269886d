use super::*;
use crate::admission::metrics::Metrics as OfWebhook;
use std::collections::{BTreeMap, BTreeSet};

/// How names of families begin.
const PREFIXES: [&str; 3] = ["flagger_", "coalmine_", "admission_"];
/// Where they are named.
const SOURCES: [&str; 2] = [include_str!("families.rs"), include_str!("../../admission/metrics.rs")];

fn filled(encoding: StatusEncoding) -> Metrics {
    let metrics = Metrics::new("0.1.0", "gatewayapi:v1", encoding);
    metrics.canaries("test", 2);
    metrics.status("app", "test", RunState::Failed);
    metrics.weights("app", "test", 90, 10);
    metrics.check_took("app", "test", Duration::from_millis(20));
    metrics.measured("app", "test", "request-success-rate", 99.5);
    metrics.succeeded("app", "test", DeploymentStrategy::Canary, false);
    metrics.failed("app", "test", DeploymentStrategy::AbTesting);
    metrics.bypassed_change("test");
    metrics.event_dropped();
    metrics.leading(true);
    metrics.step_failed("conflict");
    metrics.watch_failures().count("Deployment");
    metrics.ask_for_backlog(|| Backlog {
        steps: 3,
        longest: Duration::from_millis(61_500),
        incomplete: 1,
    });
    metrics
}

#[test]
fn the_exposition_has_flaggers_names_and_labels() {
    insta::assert_snapshot!("exposition", ordered(&filled(StatusEncoding::default()).render()));
}

// The samples of a family come in the order of a hash map.
fn ordered(exposition: &str) -> String {
    let mut lines: Vec<&str> = exposition.lines().collect();
    for family in lines.chunk_by_mut(|a, b| a.starts_with('#') == b.starts_with('#')) {
        if !family[0].starts_with('#') && !family[0].contains("_bucket") {
            family.sort_unstable();
        }
    }
    lines.join("\n")
}

#[test]
fn the_status_is_encoded_as_asked() {
    let cases = [
        (StatusEncoding::Coalmine, RunState::Failed, 0),
        (StatusEncoding::Coalmine, RunState::Succeeded, 1),
        (StatusEncoding::Coalmine, RunState::Running, 2),
        (StatusEncoding::Flagger, RunState::Running, 0),
        (StatusEncoding::Flagger, RunState::Succeeded, 1),
        (StatusEncoding::Flagger, RunState::Failed, 2),
    ];
    for (encoding, state, number) in cases {
        let metrics = Metrics::new("0", "", encoding);
        metrics.status("app", "test", state);
        let line = format!("flagger_canary_status{{name=\"app\",namespace=\"test\"}} {number}\n");
        assert!(metrics.render().contains(&line), "{encoding:?} {state:?}");
    }
}

#[test]
fn a_deleted_canary_leaves_nothing() {
    let metrics = filled(StatusEncoding::default());
    metrics.forget("app", "test", &["request-success-rate"]);
    metrics.canaries("test", 0);
    let text = metrics.render();
    let left: Vec<_> = text.lines().filter(|l| l.contains("\"test\"")).collect();
    assert!(left.is_empty(), "{left:#?}");
}

// The families of an exposition, with the labels of their samples.
fn families(exposition: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut family = String::new();
    for line in exposition.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap();
            // Samples of counters are called so.
            let suffix = if kind == "counter" { "_total" } else { "" };
            family = format!("{name}{suffix}");
            all.entry(family.clone()).or_default();
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let labels = labels.split_once('}').unwrap().0.split(',');
            let names = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            let named = all.get_mut(&family).unwrap();
            named.extend(names.filter(|name| name != "le"));
        }
    }
    all
}

// Every text in a source that is the name of a family.
fn named_in(source: &str) -> impl Iterator<Item = &str> {
    let texts = source.split('"').skip(1).step_by(2);
    texts.filter(|text| {
        PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    })
}

#[test]
fn the_document_has_a_row_for_every_family_with_its_labels_and_no_others() {
    let metrics = filled(StatusEncoding::default());
    metrics.register(|registry| OfWebhook::filled().register(registry));
    let registered = families(&metrics.render());
    let named: BTreeSet<&str> = SOURCES.iter().copied().flat_map(named_in).collect();
    let bare = |name: &String| {
        let known = named.contains(name.as_str());
        let bare = name.strip_suffix("_total").filter(|_| !known);
        bare.unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = registered.keys().map(bare).collect();
    let named: BTreeSet<String> = named.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, named, "a family without a sample is not shown: make one here");

    let document = std::fs::read_to_string("docs/metrics.md").unwrap();
    let quoted = |text: &str| Some(text.strip_prefix('`')?.strip_suffix('`')?.to_owned());
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let name = quoted(cells.next()?)?;
        let labels: BTreeSet<String> = cells.next()?.split_whitespace().filter_map(quoted).collect();
        PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
            .then_some((name, labels))
    });
    let rows: BTreeMap<String, BTreeSet<String>> = rows.collect();
    assert_eq!(rows, registered);
}

#[test]
fn the_backlog_is_as_it_is_when_somebody_reads_it() {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let steps = Arc::new(RwLock::new(0));
    let look = steps.clone();
    metrics.ask_for_backlog(move || Backlog {
        steps: *look.read(),
        ..Backlog::default()
    });
    for waiting in [0, 7, 2] {
        *steps.write() = waiting;
        let line = format!("coalmine_steps_waiting {waiting}\n");
        assert!(metrics.render().contains(&line), "{waiting}");
    }
}
