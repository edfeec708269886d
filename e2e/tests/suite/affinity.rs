//! Session affinity: a user who saw the new version stays on it, by a cookie with the attributes that were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::load::{Load, Report};
use e2e::scene::sessions::{by_user, cookies, since_first, users_told};
use e2e::scene::{App, Scene, http_client, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::quick::own_canary;

const USERS: u32 = 40;

fn analysis(host: &str) -> Value {
    json!({"interval": "8s", "threshold": 3, "stepWeights": [30, 60], "sessionAffinity": {
        "cookieName": "canary-session", "primaryCookieName": "stable-session", "maxAge": 600, "domain": host, "path": "/",
        "httpOnly": true, "partitioned": true, "secure": true, "sameSite": "None",
    }})
}

async fn released(scene: &Scene, own_route: bool) -> Result<()> {
    let app = App::new("app", "v1");
    let host = scene.host("app");
    if own_route {
        scene.apply(&app.with_service_and_route(&host)).await?.succeeded()?;
    }
    scene.label().await?;
    own_canary(scene, &app.canary(&host, &analysis(&host), 60)).await?;
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
    scene.reachable("app", Duration::from_secs(60)).await?;
    let running = scene.load("app")?.users(USERS).start()?;
    scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
    let cookie = wait_for("the run's cookie", PATIENCE, async || {
        Ok(cookies(scene, "app").await?.0)
    })
    .await?;
    let from_git = app.route(&host).to_string();
    wait_for("the run to succeed", PATIENCE, async || {
        if own_route {
            scene.apply(&from_git).await?.succeeded()?;
        }
        let canary = scene.objects().canary("app").await?.context("the canary")?;
        Ok((canary.phase() == "Succeeded").then_some(()))
    })
    .await?;
    assert_eq!(
        cookies(scene, "app").await?,
        (None, Some(cookie.clone())),
        "the run's cookie is the previous one"
    );
    // Everybody comes once more and is told to forget, when the gateway uses the route that says so.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let report = running.stop().await?;
    report.nothing_lost()?;
    stays(&report);
    lines(&report, &cookie, &host);
    Ok(())
}

/// Who saw v2 once never saw v1 again.
fn stays(report: &Report) {
    let mut paths: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for (_, asked) in by_user(report) {
        let back = since_first(&asked, |one| one.version() == Some("v2"));
        assert!(back.iter().all(|version| *version == "v2"), "went back: {asked:#?}");
        assert!(back.len() > 1, "never saw v2, or only at last: {asked:#?}");
    }
    for versions in report.by_user().into_values() {
        *paths.entry(versions).or_default() += 1;
    }
    println!("{} requests, versions by user: {paths:?}", report.requests());
}

/// Every cookie line as it was asked for, and as many as there are reasons.
fn lines(report: &Report, cookie: &str, host: &str) {
    let attributes = format!("; Domain={host}; HttpOnly; Partitioned; Path=/; SameSite=None; Secure");
    let lines = report.set_cookies();
    println!("{lines:#?}");
    let keep = users_told(report, &format!("{cookie}; Max-Age=600{attributes}"));
    let forget = users_told(report, &format!("{cookie}; Max-Age=-1{attributes}"));
    let primaries: Vec<&String> = lines
        .keys()
        .filter(|line| line.starts_with("stable-session="))
        .collect();
    assert!(
        primaries
            .iter()
            .all(|line| line.ends_with(&format!("; Max-Age=8{attributes}"))),
        "{primaries:?}"
    );
    assert_eq!(primaries.len(), 2, "primary's cookie is another one in every step");
    assert_eq!(lines.len(), 4, "no other cookie is set");
    println!("{} users were kept on the canary: {keep:?}", keep.len());
    assert!((1..=USERS as usize).contains(&keep.len()), "{keep:?}");
    assert_eq!(
        forget, keep,
        "every user who was kept is told to forget, and nobody else"
    );
}

/// Waits until somebody without a cookie is given one of primary's: that is one of the run's route.
async fn drawn(scene: &Scene) -> Result<()> {
    wait_for("the gateway to draw users", Duration::from_secs(10), async || {
        let asked = http_client().get(format!("http://{}/", scene.cluster.gateway));
        let answer = asked.header("host", scene.host("app")).send().await?;
        let cookies = answer.headers().get_all("set-cookie").iter();
        let mut cookies = cookies.filter_map(|line| line.to_str().ok());
        Ok(cookies.any(|line| line.starts_with("stable-session=")).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_saw_the_new_version_stays_on_it() {
    play("affinity", async |scene| released(scene, false).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_applied_again_from_git_keeps_every_user_on_their_side() {
    play("affinity-gitops", async |scene| released(scene, true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn primarys_cookie_holds_the_share_of_users_at_the_weight() {
    play("affinity-share", async |scene| {
        let app = App::new("app", "v1");
        let host = scene.host("app");
        let mut analysis = analysis(&host);
        analysis["interval"] = json!("20s");
        analysis["stepWeights"] = json!([25]);
        scene.label().await?;
        scene
            .apply(&app.canary(&host, &analysis, 60).to_string())
            .await?
            .succeeded()?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        wait_for("the run's cookie", PATIENCE, async || {
            Ok(cookies(scene, "app").await?.0)
        })
        .await?;
        // Within one interval every user is drawn once, from when on the gateway uses the route.
        drawn(scene).await?;
        let load = Load {
            at_most: Duration::from_secs(8),
            ..scene.load("app")?.users(USERS)
        };
        let running = load.start()?;
        tokio::time::sleep(Duration::from_secs(8)).await;
        let report = running.stop().await?;
        report.nothing_lost()?;
        let users = by_user(&report);
        let sides: Vec<_> = users.values().map(|asked| since_first(asked, |_| true)).collect();
        let on = |version| {
            sides
                .iter()
                .filter(|side| side.iter().all(|one| *one == version))
                .count()
        };
        let (on_canary, on_primary) = (on("v2"), on("v1"));
        println!(
            "{on_canary} users on v2, {on_primary} on v1, of {USERS}, with {} requests",
            report.requests()
        );
        assert_eq!(on_canary + on_primary, USERS as usize, "{:?}", report.by_user());
        assert!(
            (4..=16).contains(&on_canary),
            "{on_canary} of {USERS} users at a weight of 25"
        );
        Ok(())
    })
    .await;
}
