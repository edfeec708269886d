//! A good release under load: every share is seen, nobody is lost, and it is in time.

use std::time::{Duration, Instant};

use e2e::load::{Load, Report};
use e2e::scene::{App, Moment, Scene, Seen, Timeline, plateaus, play, play_alone};

use crate::policy::{PATIENCE, STEPS, all_users_within, finished_within};

/// The least number of requests that releases are seen with.
const REQUESTS: u64 = 10_000;
/// How far a step's share in the traffic may be from its weight, in points.
const POINTS: f64 = 5.0;
/// A weight that was just written is not in every answer yet.
const SETTLE: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread")]
async fn a_good_release_is_seen_step_by_step_and_is_in_time() {
    play_alone("good", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        let timeline = Timeline::follow(scene, "app");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let applied = Instant::now();
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let finished = applied.elapsed();
        let moments = timeline.stop().await?;
        let report = running.stop().await?;

        report.nothing_lost()?;
        assert_eq!(report.errors_of("v2"), 0);
        shares_are_seen(&report, &moments);
        let all_on = report.first_all_on("v2").expect("everybody is on v2 at the end");
        let all_users = all_on.saturating_duration_since(applied);
        println!("all users on v2 after {all_users:?}, Succeeded after {finished:?}");
        for moment in &moments {
            println!(
                "{:>8.2?} {:?}",
                moment.at.saturating_duration_since(applied),
                moment.seen
            );
        }
        assert!(all_users <= all_users_within(), "all users on v2 took {all_users:?}");
        assert!(finished <= finished_within(), "Succeeded took {finished:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_through_one_release_after_the_other_lose_none() {
    play("good-many", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        let live = running.live();
        let mut number = 1;
        while live.borrow().requests < REQUESTS {
            number += 1;
            let next = app.at(&format!("v{number}"));
            scene.apply(&next.manifest()).await?.succeeded()?;
            scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
            scene.phase("app", "Succeeded", PATIENCE).await?;
        }
        let report = running.stop().await?;
        println!("{} requests through {} releases", report.requests(), number - 1);
        report.nothing_lost()?;
        assert!(
            report.first_all_on(&format!("v{number}")).is_some(),
            "{:?}",
            report.versions()
        );
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_applied_again_from_git_in_mid_run_never_moves_a_weight() {
    play("good-gitops", async |scene| {
        let app = App::new("app", "v1");
        let host = scene.host("app");
        scene.apply(&app.with_service_and_route(&host)).await?.succeeded()?;
        scene.label().await?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        let timeline = Timeline::follow(scene, "app");
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let from_git = app.route(&host).to_string();
        while !ended(scene).await? {
            scene.apply(&from_git).await?.succeeded()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let moments = timeline.stop().await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        scene.phase("app", "Succeeded", Duration::from_secs(30)).await?;
        let weights: Vec<u64> = plateaus(&moments).into_iter().map(|(weight, ..)| weight).collect();
        let climb: Vec<u64> = weights.iter().copied().take_while(|weight| *weight < 100).collect();
        assert!(climb.is_sorted(), "a weight went back: {weights:?}");
        for step in STEPS {
            assert!(climb.contains(&step), "{step} is missing in {weights:?}");
        }
        Ok(())
    })
    .await;
}

async fn ended(scene: &Scene) -> anyhow::Result<bool> {
    let canary = scene.objects().canary("app").await?;
    Ok(canary.is_some_and(|canary| matches!(canary.phase(), "Succeeded" | "Failed")))
}

fn shares_are_seen(report: &Report, moments: &[Moment]) {
    for moment in moments {
        if let Seen::Route { primary, canary } = moment.seen {
            assert_eq!(primary + canary, 100, "the weights sum to 100");
        }
    }
    let plateaus = plateaus(moments);
    for step in STEPS {
        let (_, from, to) = plateaus
            .iter()
            .find(|(weight, ..)| *weight == step)
            .unwrap_or_else(|| panic!("no weight of {step} in {plateaus:?}"));
        let share = report.share_of("v2", *from + SETTLE, *to);
        println!("weight {step}: {share:.1} % of the answers");
        assert!(
            (share - step as f64).abs() <= POINTS,
            "weight {step} gave a share of {share:.1} %"
        );
    }
}

/// Ten histories, each another order of good and bad releases, at ten times the usual load; by hand, for it takes minutes:
/// `make up`, then `cargo test -p coalmine-e2e --test suite -- --ignored thousand --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten releases at 1,000 requests a second, each about half a minute"]
async fn a_thousand_requests_a_second_lose_none_over_ten_seeds() {
    play_alone("thousand", async |scene| {
        for seed in 1u32..=10 {
            let app = App::new(&format!("app-{seed}"), "v1").replicas(1 + seed % 3);
            scene.settled(&app).await?;
            let load = Load {
                rate: 1_000,
                ..scene.load(app.name())?
            };
            let running = load.start()?;
            // Where in the load's second, and of which kind, the release comes is what a seed decides.
            tokio::time::sleep(Duration::from_millis(1_000 + u64::from(seed) * 137)).await;
            let bad = seed % 3 == 0;
            let next = app.at("v2").with("ERROR_RATE", if bad { "1" } else { "0" });
            scene.apply(&next.manifest()).await?.succeeded()?;
            let end = if bad { "Failed" } else { "Succeeded" };
            scene.phase(app.name(), end, PATIENCE).await?;
            let report = running.stop().await?;
            println!(
                "seed {seed}: {end}, {} requests, {} lost",
                report.requests(),
                report.lost()
            );
            report.nothing_lost()?;
        }
        Ok(())
    })
    .await;
}
