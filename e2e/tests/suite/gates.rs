//! Gates and hooks of a release under load: who is asked when and told what, and what a closed gate means.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::scene::{Answer, App, Call, CanaryView, Hooks, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

/// Spacing of the checks of these canaries.
const INTERVAL: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(120);

/// A hook of that type at the path of the same name.
pub fn hook(hooks: &Hooks, kind: &str) -> Value {
    json!({"name": kind, "type": kind, "url": hooks.url(&format!("/{kind}"))})
}

/// An analysis in two steps without metrics: hooks decide.
pub fn analysis(webhooks: &[Value]) -> Value {
    json!({"interval": "2s", "threshold": 3, "stepWeights": [20, 50], "webhooks": webhooks})
}

async fn canary(scene: &Scene) -> Result<CanaryView> {
    let found = scene.objects().canary("app").await?;
    found.ok_or_else(|| anyhow::anyhow!("the canary is there"))
}

/// Waits for this weight, and no other: it is that of a gate.
async fn weight_of_gate(scene: &Scene, wanted: u64) -> Result<CanaryView> {
    wait_for(&format!("weight {wanted}"), SOON, async || {
        let seen = canary(scene).await?;
        Ok((seen.weight() == wanted).then_some(seen))
    })
    .await
}

fn gate<'a>(seen: &'a CanaryView, member: &str) -> &'a str {
    seen.0["status"]["run"]["gate"][member].as_str().unwrap_or_default()
}

async fn route_weight(scene: &Scene) -> Result<u64> {
    let weights = scene.objects().weights("app").await?.unwrap_or_default();
    let of = weights.iter().find(|(name, _)| name == "app-canary");
    Ok(of.map_or(0, |(_, weight)| *weight))
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_open_close_and_reopen_under_load_and_nobody_is_lost() {
    play("gates", async |scene| {
        let hooks = scene.hooks().await?;
        let kinds = [
            "confirm-rollout",
            "pre-rollout",
            "rollout",
            "confirm-traffic-increase",
            "confirm-promotion",
            "post-rollout",
            "event",
        ];
        let app = App::new("app", "v1");
        let all: Vec<Value> = kinds.iter().map(|kind| hook(&hooks, kind)).collect();
        scene.settled_under(&app, &analysis(&all)).await?;
        let running = scene.load("app")?.start()?;

        hooks.answer("/confirm-rollout", Answer::halt());
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Waiting", SOON).await?;
        hooks.called("/confirm-rollout", 3, SOON).await?;
        let waiting = canary(scene).await?;
        assert_eq!(gate(&waiting, "type"), "confirm-rollout");
        assert_eq!(gate(&waiting, "hook"), "confirm-rollout");
        assert_eq!(
            waiting.condition("Promoted").unwrap()["message"],
            "Waiting for approval."
        );
        assert!(
            scene.objects().pods_of("app").await?.is_empty(),
            "nothing was scaled up"
        );
        scene
            .told_times("app", "advancement waiting for approval confirm-rollout", 1)
            .await?;

        hooks.once("/confirm-traffic-increase", Answer::approve());
        hooks.answer("/confirm-traffic-increase", Answer::halt());
        hooks.answer("/confirm-rollout", Answer::approve());
        weight_of_gate(scene, 20).await?;
        hooks.called("/confirm-traffic-increase", 4, SOON).await?;
        let held = canary(scene).await?;
        assert_eq!((held.weight(), held.failed_checks()), (20, 0));
        assert_eq!(gate(&held, "type"), "confirm-traffic-increase");
        scene
            .told_times("app", "waiting for traffic increase approval", 1)
            .await?;

        hooks.answer("/confirm-promotion", Answer::halt());
        hooks.answer("/confirm-traffic-increase", Answer::approve());
        scene.phase("app", "WaitingPromotion", SOON).await?;
        let before = hooks.calls("/rollout").len();
        hooks.called("/confirm-promotion", 2, SOON).await?;
        hooks.called("/rollout", before + 2, SOON).await?;
        let held = canary(scene).await?;
        assert_eq!(
            (held.weight(), route_weight(scene).await?),
            (50, 50),
            "the status tells the truth"
        );
        assert_eq!(held.0["status"]["iterations"], 0);
        hooks.answer("/confirm-promotion", Answer::approve());
        scene.phase("app", "Succeeded", PATIENCE).await?;
        hooks.called("/post-rollout", 1, SOON).await?;
        // Nothing waits for those who only listen.
        wait_for("the event hook to be told of the end", SOON, async || {
            let mut events = hooks.calls("/event").into_iter();
            let message = |call: &Call| call.body["metadata"]["eventMessage"].to_string();
            Ok(events
                .any(|call| message(&call).contains("Promotion completed"))
                .then_some(()))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        payloads(scene, &hooks);
        Ok(())
    })
    .await;
}

fn payloads(scene: &Scene, hooks: &Hooks) {
    let phases = |path: &str| -> Vec<String> {
        let calls = hooks.calls(path);
        calls
            .iter()
            .map(|call| call.body["phase"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert!(
        phases("/rollout")
            .iter()
            .all(|p| p == "Progressing" || p == "WaitingPromotion")
    );
    assert_eq!(phases("/pre-rollout"), ["Progressing"]);
    assert_eq!(phases("/post-rollout"), ["Succeeded"]);
    let mut sums = Vec::new();
    for call in hooks.all_calls() {
        assert_eq!(
            (&call.body["name"], &call.body["namespace"]),
            (&json!("app"), &json!(scene.namespace))
        );
        assert!(call.body["canaryWeight"].is_u64(), "{}", call.body);
        if call.path != "/event" {
            sums.push(call.body["checksum"].as_str().unwrap_or_default().to_owned());
            assert_eq!(call.body.get("metadata"), None, "{}", call.body);
        }
    }
    sums.dedup();
    assert!(
        sums.len() == 1 && !sums[0].is_empty(),
        "one checksum for one revision: {sums:?}"
    );
    let events = hooks.calls("/event");
    let order: Vec<&str> = events
        .iter()
        .map(|call| call.body["metadata"]["eventMessage"].as_str().unwrap_or_default())
        .collect();
    let at = |part: &str| {
        order
            .iter()
            .position(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part}: {order:?}"))
    };
    assert!(at("Initialization done") < at("waiting for approval"));
    assert!(at("canary weight 20") < at("canary weight 50"));
    assert!(at("canary weight 50") < at("Promotion completed"));
    for gate in ["approval", "traffic increase approval", "promotion approval"] {
        let said = order
            .iter()
            .filter(|line| line.contains(&format!("waiting for {gate} ")));
        assert_eq!(said.count(), 1, "said once: {gate} in {order:?}");
    }
    let waiting = &events[at("waiting for approval")].body["metadata"];
    assert_eq!(waiting["eventType"], "Warning");
    assert!(
        waiting["timestamp"]
            .as_str()
            .is_some_and(|text| text.parse::<u64>().is_ok())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_hangs_for_minutes_delays_its_own_canary_and_no_other() {
    play("hanging", async |scene| {
        let hooks = scene.hooks().await?;
        let mut slow = hook(&hooks, "pre-rollout");
        slow["timeout"] = json!("600s");
        hooks.answer("/pre-rollout", Answer::approve().after(Duration::from_secs(600)));
        let (hung, quick) = (App::new("hung", "v1"), App::new("quick", "v1"));
        scene.settled_under(&hung, &analysis(&[slow])).await?;
        scene.settled_under(&quick, &analysis(&[])).await?;
        scene.apply(&hung.at("v2").manifest()).await?.succeeded()?;
        hooks.called("/pre-rollout", 1, SOON).await?;
        let applied = Instant::now();
        scene.apply(&quick.at("v2").manifest()).await?.succeeded()?;
        scene.phase("quick", "Progressing", SOON).await?;
        scene.phase("quick", "Succeeded", PATIENCE).await?;
        println!("beside a hanging hook a release took {:?}", applied.elapsed());
        let held = scene.phase("hung", "Progressing", Duration::from_secs(1)).await?;
        assert_eq!((held.weight(), gate(&held, "type")), (0, "pre-rollout"));
        assert_eq!(hooks.calls("/pre-rollout").len(), 1, "asked once, and waited for");
        // Going back to what is promoted ends the run although the hook never answered.
        scene.apply(&hung.manifest()).await?.succeeded()?;
        scene.phase("hung", "Succeeded", PATIENCE).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_hooks_count_as_failed_checks_and_roll_back_with_their_own_words() {
    play("failing-hook", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        let all = [hook(&hooks, "rollout"), hook(&hooks, "post-rollout")];
        scene.settled_under(&app, &analysis(&all)).await?;
        let running = scene.load("app")?.start()?;
        hooks.answer("/rollout", Answer::status(400).body("acceptance says no"));
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let failed = scene.phase("app", "Failed", PATIENCE).await?;
        assert_eq!(failed.failed_checks(), 3);
        let called = hooks.called("/post-rollout", 1, SOON).await?;
        assert_eq!(called[0].body["phase"], "Failed");
        let halt = format!(
            "Halt app.{} advancement external check rollout failed acceptance says no",
            scene.namespace
        );
        // One event, repeated.
        scene.told_times("app", &halt, 1).await?;
        let calls = hooks.calls("/rollout");
        let gaps = calls.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
        assert!(
            gaps.clone().all(|gap| gap >= INTERVAL / 4),
            "{:?}",
            gaps.collect::<Vec<_>>()
        );
        running.stop().await?.nothing_lost()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_hook_ends_a_run_that_waits_for_promotion() {
    play("rollback-hook", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        hooks.answer("/rollback", Answer::halt());
        hooks.answer("/confirm-promotion", Answer::halt());
        let all = [hook(&hooks, "rollback"), hook(&hooks, "confirm-promotion")];
        scene.settled_under(&app, &analysis(&all)).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "WaitingPromotion", PATIENCE).await?;
        hooks.answer("/rollback", Answer::approve());
        scene.phase("app", "Failed", PATIENCE).await?;
        running.stop().await?.nothing_lost()?;
        scene.told_times("app", "Rollback check rollback passed", 1).await?;
        scene.told_times("app", "manual webhook invoked", 1).await?;
        Ok(())
    })
    .await;
}
