//! A Knative Service from the first look of its Canary to the last: what is seen, decided and written. Knative is played.

use super::*;
use crate::{
    analysis::{Checks, RunSettings, Stage, State, Verdict, step},
    api::{Canary, canary::Phase},
    controller::observe::{Thresholds, gather::selector, observe},
    plan::{self, Defaults, workload::revisions},
    routing::OwnRoute,
};
use jiff::{SignedDuration, Timestamp};

struct Played {
    canary: Canary,
    service: Value,
    state: State,
    now: Timestamp,
    checks: Option<Checks>,
    leaving: bool,
}

// What the author has in the list.
fn authors() -> Value {
    json!([{"latestRevision": true, "percent": 100, "tag": "newest"}])
}

impl Played {
    fn new() -> Self {
        let canary = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u-1"},
            "spec": {
                "provider": "knative", "progressDeadlineSeconds": 60,
                "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "web"},
                "analysis": {"interval": "10s", "threshold": 1, "stepWeights": [20, 50]},
            },
        }));
        let service = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "uid": "t-1", "resourceVersion": "1", "generation": 1},
            "spec": {"template": {"metadata": {}}, "traffic": authors()},
        });
        let now = Timestamp::UNIX_EPOCH;
        let mut new = Self {
            canary: canary.unwrap(),
            service,
            state: State::new(now),
            now,
            checks: None,
            leaving: false,
        };
        new.apply("web-v1", true);
        new
    }

    // Knative makes a revision of a template, and its ingress follows the list at once.
    fn apply(&mut self, revision: &str, ready: bool) {
        self.service["spec"]["template"]["metadata"]["name"] = json!(revision);
        self.service["status"]["latestCreatedRevisionName"] = json!(revision);
        if ready {
            self.service["status"]["latestReadyRevisionName"] = json!(revision);
        }
        self.changed();
    }

    fn changed(&mut self) {
        let next = self.service["metadata"]["generation"].as_i64().unwrap() + 1;
        self.service["metadata"]["generation"] = json!(next);
        self.service["status"]["observedGeneration"] = json!(next);
        self.service["status"]["conditions"] = json!([{"type": "RoutesReady", "status": "True"}]);
    }

    fn look(&mut self) {
        let mut blueprint = plan::blueprint(&self.canary, &Defaults::default()).unwrap();
        let workload = blueprint.workload;
        let tested = |state: &State| revisions::named(workload, state.last_applied.as_deref());
        blueprint.exposure.revision = tested(&self.state);
        let live = Live {
            target: Some(self.service.clone()),
            routes: vec![self.service.clone()],
            ..Live::default()
        };
        let pods = selector(&live, &blueprint, &Selector::default_keys()).unwrap();
        let thresholds = Thresholds {
            canary: 100,
            primary: 100,
        };
        let seen = observe(
            &live,
            &pods,
            &blueprint,
            thresholds,
            false,
            &self.state,
            self.checks.take(),
        );
        let rules = RunSettings::of(&self.canary, None, &Defaults::default(), self.leaving);
        let outcome = step(&rules, &self.state, &seen, self.now);
        blueprint.exposure.revision = tested(&outcome.state);
        let pair = Pair {
            live: &live,
            selector: &pods,
            blueprint: &blueprint,
            seen: &seen,
        };
        let (writes, conflicts) = difference(&outcome.desired, pair);
        assert_eq!(conflicts, []);
        self.checks = outcome.ask.map(|due| Checks {
            due,
            verdict: Verdict::Pass,
        });
        self.state = outcome.state;
        self.now += SignedDuration::from_secs(1);
        writes.iter().for_each(|write| self.take(write));
    }

    fn take(&mut self, write: &Write) {
        let own = OwnRoute::of(&self.service).unwrap().resource();
        assert_eq!(
            write.subject(),
            (Kind::Route(own), "shop", "web"),
            "nothing else is there"
        );
        let before = self.service["spec"].clone();
        match write {
            Write::Merge { body, .. } => json_patch::merge(&mut self.service, body),
            Write::Patch { operations, .. } => self.service = patches::applied(&self.service, operations).unwrap(),
            other => panic!("{other:?}"),
        }
        if self.service["spec"] != before {
            self.changed();
        }
    }

    // Looks until the stage is that; `always` holds after every look.
    fn until(&mut self, stage: Stage, always: impl Fn(&Self)) {
        for _ in 0..200 {
            self.look();
            always(self);
            if self.state.stage == stage {
                return;
            }
        }
        panic!("{stage:?} is never reached from {:?}", self.state);
    }

    fn serves(&self) -> &Value {
        &self.service["metadata"]["annotations"]["flagger.app/primary-revision"]
    }

    fn list(&self) -> &Value {
        &self.service["spec"]["traffic"]
    }
}

// The canary's entry, primary's, and the author's tag.
fn list(canary: &Value, primary: &str, share: u8) -> Value {
    let mut tested = json!({"latestRevision": canary.is_null(), "percent": share});
    if !canary.is_null() {
        tested["revisionName"] = canary.clone();
    }
    json!([
        tested,
        {"latestRevision": false, "revisionName": primary, "percent": 100 - share},
        {"tag": "newest", "latestRevision": true, "percent": 0},
    ])
}

fn at_rest() -> Played {
    let mut played = Played::new();
    played.until(Stage::Rest, |_| {});
    assert_eq!(played.state.phase, Phase::Initialized);
    assert_eq!(
        (played.serves(), played.list()),
        (&json!("web-v1"), &list(&Value::Null, "web-v1", 0))
    );
    played
}

#[test]
fn a_revision_is_shown_by_steps_and_promoted_by_its_name() {
    let mut played = at_rest();
    let settled = played.service.clone();
    played.look();
    assert_eq!(played.service, settled, "at rest nothing is written");
    played.apply("web-v2", true);
    let mut shares = Vec::new();
    for stage in [Stage::Analysing, Stage::Cutover, Stage::Rest] {
        played.until(stage, |_| {});
        shares.push(played.list().clone());
    }
    let tested = &json!("web-v2");
    assert_eq!(
        shares,
        [
            list(tested, "web-v1", 20),
            list(tested, "web-v1", 100),
            list(&Value::Null, "web-v2", 0)
        ]
    );
    assert_eq!(
        (played.state.phase, played.serves()),
        (Phase::Succeeded, &json!("web-v2"))
    );
}

#[test]
fn what_is_not_ready_gets_nobody_and_is_given_up() {
    let mut played = at_rest();
    played.apply("web-v2", false);
    played.until(Stage::Scaling, |_| {});
    played.until(Stage::Rest, |played| {
        assert_eq!(*played.list(), list(&Value::Null, "web-v1", 0))
    });
    assert_eq!((played.state.phase, played.serves()), (Phase::Failed, &json!("web-v1")));
}

#[test]
fn what_comes_while_another_is_promoted_gets_nobody_and_is_tried_afterwards() {
    let mut played = at_rest();
    played.apply("web-v2", true);
    played.until(Stage::Cutover, |_| {});
    played.apply("web-v3", true);
    played.look();
    assert_eq!(*played.list(), list(&json!("web-v2"), "web-v1", 100));
    let unseen = |played: &Played| {
        let newest = played.list()[0]["latestRevision"] == true;
        assert!(!newest || played.list()[0]["percent"] == 0, "{}", played.list());
    };
    played.until(Stage::Rest, unseen);
    assert_eq!(*played.serves(), json!("web-v2"));
    played.until(Stage::Analysing, |_| {});
    assert_eq!(*played.list(), list(&json!("web-v3"), "web-v2", 20));
}

#[test]
fn another_revision_in_mid_run_takes_the_share_away_first() {
    let mut played = at_rest();
    played.apply("web-v2", true);
    played.until(Stage::Analysing, |_| {});
    played.apply("web-v3", false);
    played.look();
    assert_eq!(played.state.stage, Stage::Restarting);
    assert_eq!(*played.list(), list(&Value::Null, "web-v1", 0));
}

#[test]
fn the_service_is_given_back_as_its_author_has_it_ready_or_not() {
    for ready in [true, false] {
        let mut played = at_rest();
        played.apply("web-v2", ready);
        played.until(Stage::Scaling, |_| {});
        played.leaving = true;
        played.until(Stage::Left, |_| {});
        played.look();
        assert_eq!(*played.list(), authors());
        assert_eq!(played.service["metadata"]["annotations"], json!({}));
    }
}

#[test]
fn a_revision_that_nothing_names_any_more_is_named_again_unless_the_service_is_another() {
    let mut played = at_rest();
    played.service["metadata"]["annotations"] = json!({});
    played.look();
    assert_eq!(*played.serves(), json!("web-v1"));
    played.look();
    assert_eq!(*played.list(), list(&Value::Null, "web-v1", 0));
    // Deleted, and made again with another template.
    played.service["metadata"]["annotations"] = json!({});
    played.service["spec"]["traffic"] = authors();
    played.apply("web-v7", true);
    played.look();
    assert_eq!(*played.serves(), json!("web-v7"));
}

// Somebody deleted it, or the Service was restored without its revisions.
#[test]
fn where_the_revision_that_serves_is_gone_the_newest_that_is_ready_serves() {
    let mut played = at_rest();
    played.apply("web-v2", false);
    played.until(Stage::Scaling, |_| {});
    played.until(Stage::Rest, |_| {});
    played.service["status"]["latestReadyRevisionName"] = json!("web-v2");
    let missing = json!([{
        "type": "RoutesReady", "status": "False", "reason": "RevisionMissing",
        "message": "Revision \"web-v1\" referenced in traffic not found.",
    }]);
    played.service["status"]["conditions"] = missing.clone();
    played.look();
    assert_eq!(*played.serves(), json!("web-v2"));
    played.look();
    assert_eq!(*played.list(), list(&Value::Null, "web-v2", 0));
    // Where Knative has none that is ready but the one that it misses, nothing is written again and again.
    let mut played = at_rest();
    played.service["status"]["conditions"] = missing;
    let before = played.service.clone();
    played.look();
    assert_eq!(played.service, before);
}
