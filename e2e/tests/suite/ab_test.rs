//! A/B tests: who matches is on the new version, nobody else is, and the route keeps it so.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::load::{Load, Record, Report, Running};
use e2e::scene::{App, Scene, http_client, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

/// A route whose first answer was seen is not in every answer yet.
const SETTLE: Duration = Duration::from_millis(500);
/// The gateway uses a written route within this, also on a machine that is busy with other things.
const LATEST: Duration = Duration::from_secs(8);
/// The least number of answers of one kind of users that say anything.
const ANSWERS: usize = 60;

/// Users who must see the new version, by one header each.
const MATCHING: [(&str, &str); 4] = [
    ("x-canary", "yes"),
    ("cookie", "theme=dark; beta=on; lang=en"),
    ("user-agent", "Fire.fox/140"),
    ("x-team", "payments-beta"),
];
/// Users who nearly match: the dot of a prefix is a dot, and a suffix stands at the end.
const OTHERS: [(&str, &str); 5] = [
    ("x-canary", "no"),
    ("cookie", "beta=off"),
    ("user-agent", "FireXfox/140"),
    ("x-team", "payments-beta2"),
    ("accept", "*/*"),
];

fn analysis() -> Value {
    json!({"interval": "4s", "threshold": 3, "iterations": 4, "match": [
        {"headers": {"x-canary": {"exact": "yes"}}},
        {"headers": {"cookie": {"regex": r"^(.*;\s*)?beta=on(;.*)?$"}}},
        {"headers": {"user-agent": {"prefix": "Fire.fox/"}}},
        {"headers": {"x-team": {"suffix": "-beta"}}},
    ]})
}

fn loads(scene: &Scene, users: &[(&str, &str)]) -> Result<Vec<(String, Running)>> {
    let one = |(name, value): &(&str, &str)| {
        let load = Load {
            rate: 15,
            ..scene.load("app")?.header(name, value)
        };
        Ok((format!("{name}: {value}"), load.start()?))
    };
    users.iter().map(one).collect()
}

async fn reports(loads: Vec<(String, Running)>) -> Result<Vec<(String, Report)>> {
    let mut reports = Vec::new();
    for (name, running) in loads {
        reports.push((name, running.stop().await?));
    }
    Ok(reports)
}

/// From when to when matching users were sent to the canary, `meanwhile` being done again and again.
async fn matched(scene: &Scene, mut meanwhile: impl AsyncFnMut() -> Result<()>) -> Result<(Instant, Instant)> {
    let objects = scene.objects();
    wait_for("matching users to be sent to the canary", PATIENCE, async || {
        let canary = objects.canary("app").await?.context("the canary")?;
        Ok((canary.0["status"]["run"]["intent"]["matched"] == true).then_some(()))
    })
    .await?;
    let from = Instant::now();
    let mut until = from;
    loop {
        let asked = Instant::now();
        let canary = objects.canary("app").await?.context("the canary")?;
        if canary.0["status"]["run"]["stage"] != "Analysing" {
            return Ok((from, until));
        }
        until = asked;
        meanwhile().await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn only_who_matches(
    matching: &[(String, Report)],
    others: &[(String, Report)],
    (from, until): (Instant, Instant),
) -> Result<()> {
    println!("matched for {:?}", until.saturating_duration_since(from));
    let seen = |name: &str, report: &Report, version: &str, from: Instant| {
        // What was answered later, on a busy machine, may have met the promotion.
        let within = |r: &&Record| r.sent >= from && r.sent + r.took < until;
        let asked = report.records().iter().filter(within).count();
        let by = |r: &&Record| r.version() == Some(version);
        let own = report.records().iter().filter(within).filter(by).count();
        let share = own as f64 * 100.0 / asked.max(1) as f64;
        println!(
            "{name}: {share} % of {asked} answers by {version}, {} in all",
            report.requests()
        );
        assert!(asked >= ANSWERS, "{asked} requests of {name}");
        assert!(share == 100.0, "{name} saw {version} in {share} %");
    };
    for (name, report) in matching {
        report.nothing_lost()?;
        // Once the gateway uses the route, every request that matches is the canary's.
        let first = report.first_seen("v2").context("the new version is seen")?;
        let took = first.saturating_duration_since(from);
        assert!(took <= LATEST, "the first answer of {name} by v2 came after {took:?}");
        seen(name, report, "v2", first + SETTLE);
    }
    for (name, report) in others {
        report.nothing_lost()?;
        seen(name, report, "v1", from);
    }
    Ok(())
}

/// The stored rules of the route.
async fn rules(scene: &Scene) -> Result<Value> {
    let route = scene.objects().routes().get("app").await?;
    Ok(route.data["spec"]["rules"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_who_match_see_the_new_version_on_a_generated_route() {
    play("ab", async |scene| {
        let app = App::new("app", "v1");
        scene.settled_under(&app, &analysis()).await?;
        let (matching, others) = (loads(scene, &MATCHING)?, loads(scene, &OTHERS)?);
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let window = matched(scene, async || Ok(())).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let (matching, others) = (reports(matching).await?, reports(others).await?);
        only_who_matches(&matching, &others, window)?;
        for (name, report) in matching.iter().chain(&others) {
            assert!(report.first_all_on("v2").is_some(), "{name} is on v2 at the end");
        }
        for iteration in 1..=4 {
            let line = format!("Advance app.{} canary iteration {iteration}/4", scene.namespace);
            scene.told("app", &line, |said| said == line).await?;
        }
        wait_for("the rules of the test to go", Duration::from_secs(60), async || {
            let rules = rules(scene).await?;
            anyhow::ensure!(rules.as_array().map(Vec::len) == Some(1), "left: {rules}");
            Ok(Some(()))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_route_applied_again_in_mid_test_keeps_it_and_is_given_back_as_it_was() {
    play("ab-gitops", async |scene| {
        let app = App::new("app", "v1");
        let mut analysis = analysis();
        // Time for several applies, however long each takes.
        analysis["iterations"] = json!(7);
        let own = app.with_service_and_route(&scene.host("app"));
        scene.apply(&own).await?.succeeded()?;
        scene.settled_under(&app, &analysis).await?;
        let (matching, others) = (loads(scene, &MATCHING[..2])?, loads(scene, &OTHERS[..2])?);
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let from_git = app.route(&scene.host("app")).to_string();
        let mut applied = 0;
        let window = matched(scene, async || {
            if applied == 0 {
                // What is intended is stored before it is written.
                wait_for("the rules of the test to be written", PATIENCE, async || {
                    let rules = rules(scene).await?;
                    Ok(rules.as_array().is_some_and(|rules| rules.len() > 1).then_some(()))
                })
                .await?;
            }
            applied += 1;
            scene.apply(&from_git).await?.succeeded()?;
            anyhow::ensure!(
                rules(scene).await?.as_array().is_some_and(|rules| rules.len() > 1) || analysed(scene).await?,
                "an apply from Git took the test's rules away"
            );
            Ok(())
        })
        .await?;
        println!("the route was applied {applied} times in mid-test");
        assert!(applied > 1, "{applied} applies");
        scene.phase("app", "Succeeded", PATIENCE).await?;
        only_who_matches(&reports(matching).await?, &reports(others).await?, window)?;
        given_back(scene).await
    })
    .await;
}

/// Whether the test is over; its rules may be gone then.
async fn analysed(scene: &Scene) -> Result<bool> {
    let canary = scene.objects().canary("app").await?.context("the canary")?;
    Ok(canary.0["status"]["run"]["stage"] != "Analysing")
}

/// Deletes the Canary and waits for the route to be the user's again, without a lost request.
async fn given_back(scene: &Scene) -> Result<()> {
    let running = scene.load("app")?.start()?;
    scene
        .kubectl(&["delete", "canary", "app", "--wait=false"])
        .await?
        .succeeded()?;
    let everything = json!([{"path": {"type": "PathPrefix", "value": "/"}}]);
    let app = json!([{"group": "", "kind": "Service", "name": "app", "port": 9898, "weight": 1}]);
    wait_for("the route to be the user's again", PATIENCE, async || {
        let rules = rules(scene).await?;
        Ok((rules == json!([{"backendRefs": app, "matches": everything}])).then_some(()))
    })
    .await?;
    running.stop().await?.nothing_lost()
}

/// One request of a browser that shows what it is told to.
async fn ask(scene: &Scene, headers: &[(&str, &str)]) -> Result<(String, Option<String>)> {
    let mut request = http_client()
        .get(format!("http://{}/", scene.cluster.gateway))
        .header("host", scene.host("app"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await?;
    let cookie = answer.headers().get("set-cookie").and_then(|line| line.to_str().ok());
    let cookie = cookie.map(str::to_owned);
    let text = answer.text().await?;
    Ok((text.split_whitespace().next().unwrap_or_default().to_owned(), cookie))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_keeps_a_user_who_matched_once_on_the_new_version() {
    play("ab-cookie", async |scene| {
        let app = App::new("app", "v1");
        let mut analysis = analysis();
        analysis["iterations"] = json!(6);
        analysis["sessionAffinity"] = json!({"cookieName": "canary-session", "maxAge": 300, "path": "/"});
        scene.settled_under(&app, &analysis).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let mut asked = 0;
        let (mut first, mut routed) = (None, None);
        matched(scene, async || {
            let began = *first.get_or_insert_with(Instant::now);
            let (version, cookie) = ask(scene, &[("x-canary", "yes")]).await?;
            if version == "v2" {
                routed.get_or_insert_with(Instant::now);
            }
            // The route is written, and the gateway uses it a moment later.
            if routed.map_or(began.elapsed() < LATEST, |at| at.elapsed() < SETTLE) {
                return Ok(());
            }
            asked += 1;
            let line = cookie.unwrap_or_default();
            let pair = line.split(';').next().unwrap_or_default().to_owned();
            let (kept, again) = ask(scene, &[("cookie", &format!("a=b; {pair}"))]).await?;
            let (plain, none) = ask(scene, &[]).await?;
            let (forged, _) = ask(scene, &[("cookie", &format!("{pair}x"))]).await?;
            if analysed(scene).await? {
                return Ok(());
            }
            // A user who matches is given one.
            assert_eq!(line, format!("{pair}; Max-Age=300; Path=/"));
            assert!(pair.starts_with("canary-session="), "{pair}");
            assert_eq!((version.as_str(), kept.as_str()), ("v2", "v2"));
            assert_eq!((plain.as_str(), forged.as_str()), ("v1", "v1"));
            assert_eq!(
                (again, none),
                (None, None),
                "who has the cookie, or does not match, gets none"
            );
            Ok(())
        })
        .await?;
        assert!(asked > 2, "asked {asked} times");
        scene.phase("app", "Succeeded", PATIENCE).await?;
        running.stop().await?.nothing_lost()
    })
    .await;
}
