//! One program with every target; `FUZZ_TARGET` names the one that runs. `fuzz/README.md` says how it is built and run.
#![no_main]

mod memory;
mod objects;
mod samples;
mod texts;

use std::sync::LazyLock;

/// What a target is given, and must answer without a panic.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 11] = [
    ("review", samples::review),
    ("canary", objects::canary),
    ("metric_template", objects::metric_template),
    ("alert_provider", objects::alert_provider),
    ("canary_policy", objects::canary_policy),
    ("template", texts::template),
    ("duration", texts::duration),
    ("regex", texts::regex),
    ("schedule", texts::schedule),
    ("hook_answer", texts::hook_answer),
    ("store_answer", texts::store_answer),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("FUZZ_TARGET names none of {:?}", TARGETS.map(|(name, _)| name)))
        .1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = *TARGET;
    memory::bounded(|| target(data));
});
