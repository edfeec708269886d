//! Histories of the real Flagger 1.44, recorded by `e2e record` into `tests/flagger`, replayed against our machine. Where
//! we say or do something else, the history lists it with the reason; nothing else may differ.

use crate::analysis::tests::model::{Happening, Model, seconds};
use crate::analysis::*;
use crate::api::Canary;
use crate::messages::{self, Side};
use crate::plan::{self, Defaults};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, fs, path::PathBuf};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    analysis: Value,
    #[serde(default)]
    skip_analysis: bool,
    script: VecDeque<Act>,
    answers: VecDeque<String>,
    until: String,
    flagger: Seen,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
struct Act {
    after: String,
    apply: String,
}

/// What was said, and the phases the Canary went through.
#[derive(Debug, Default, Deserialize, PartialEq)]
struct Seen {
    events: Vec<String>,
    phases: Vec<String>,
}

/// A deliberate difference: what Flagger says or does there, what we do instead (either may be nothing), and why.
#[derive(Deserialize)]
struct Difference {
    list: List,
    /// Where, in Flagger's list.
    at: usize,
    #[serde(default)]
    flagger: Vec<String>,
    #[serde(default)]
    coalmine: Vec<String>,
    why: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum List {
    Events,
    Phases,
}

impl History {
    // What we should be seen doing: Flagger's, with the differences put in.
    fn expected(&self, list: List) -> Vec<String> {
        let mut all = match list {
            List::Events => self.flagger.events.clone(),
            List::Phases => self.flagger.phases.clone(),
        };
        // From the end, so that places before stay what they are.
        for difference in self.differences.iter().rev().filter(|one| one.list == list) {
            assert!(difference.why.len() > 20, "a difference has a reason");
            assert_ne!(difference.flagger, difference.coalmine, "{}", difference.why);
            let place = difference.at..difference.at + difference.flagger.len();
            let replaced: Vec<String> = all.splice(place, difference.coalmine.clone()).collect();
            assert_eq!(replaced, difference.flagger, "{}", difference.why);
        }
        all
    }

    fn model(&self) -> Model {
        let canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "app", "namespace": "NS"},
            "spec": {
                "provider": "gatewayapi:v1", "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "progressDeadlineSeconds": 120, "service": {"port": 80}, "analysis": self.analysis,
                "skipAnalysis": self.skip_analysis,
            },
        });
        let canary: Canary = serde_json::from_value(canary).unwrap();
        let settings = RunSettings::of(&canary, None, &Defaults::default(), false);
        let mut model = Model::cold(settings.strategy.clone());
        model.settings = settings;
        model.settle();
        model.events.clear();
        model
    }

    fn replay(mut self) -> Seen {
        let mut model = self.model();
        let mut seen = Seen::default();
        let mut phase = model.state.phase;
        for _ in 0..2_000 {
            while let Some(act) = self.script.pop_front_if(|act| act.is_time(&seen.events)) {
                let template = act.apply.trim_start_matches('v').parse().unwrap();
                model.happen(&Happening::Apply(template));
            }
            let answer = self.answers.front().map_or("", String::as_str);
            model.answer = ["pass", "fail", "none"]
                .iter()
                .position(|word| *word == answer)
                .unwrap() as u8;
            let due = model.state.due.filter(|due| *due <= model.now);
            model.step();
            if due.is_some() && model.state.due != due && self.answers.len() > 1 {
                self.answers.pop_front();
            }
            seen.events.extend(model.events.drain(..).filter_map(text));
            if model.state.phase != phase {
                phase = model.state.phase;
                seen.phases.push(phase.as_str().to_owned());
            }
            if self.script.is_empty() && phase.as_str() == self.until && model.state.stage == Stage::Rest {
                return seen;
            }
            model.now += seconds(1);
        }
        panic!("it never was {}: {seen:?}", self.until);
    }
}

impl Act {
    fn is_time(&self, said: &[String]) -> bool {
        self.after.is_empty() || said.contains(&self.after)
    }
}

// As the recorder writes it: waiting for pods is left out, because how often it is said depends on the machine.
fn text(event: ReleaseEvent) -> Option<String> {
    let of = Subject {
        canary: "app".into(),
        namespace: "NS".into(),
        target: "app".into(),
        workload: plan::Workload::Deployment,
    };
    Some(match event {
        ReleaseEvent::CanaryNotReady(_) | ReleaseEvent::PrimaryNotReady(_) => return None,
        ReleaseEvent::Halt(why) if why == "bad" => {
            messages::custom_metric("app", "NS", "probe", "0.00", Side::Below, "1")
        }
        ReleaseEvent::Halt(why) if why == "none" => messages::no_values_template("probe", "no values found"),
        event => event.text(&of),
    })
}

fn histories() -> Vec<(String, History)> {
    let mut files: Vec<PathBuf> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/flagger"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).unwrap();
            (
                name,
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            )
        })
        .collect()
}

#[test]
fn only_deliberate_differences_from_flagger() {
    let mut wrong = Vec::new();
    for (name, history) in histories() {
        let expected = Seen {
            events: history.expected(List::Events),
            phases: history.expected(List::Phases),
        };
        let ours = history.replay();
        if ours != expected {
            wrong.push(format!("{name}: {ours:#?}, and expected is {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
