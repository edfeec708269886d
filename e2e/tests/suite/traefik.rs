//! Provider traefik: an IngressRoute leads to a TraefikService, whose weights carry the share, through Traefik's provider of its
//! own kinds. By default that gives up a whole list of which one Service has no endpoints.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::load::Load;
use e2e::scene::fronts::ingress_route;
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::policy::PATIENCE;
use crate::quick::{
    SOON, ab_test, analysis, apply, at_rest, held, labelled_by, left, let_go, marked, shows, succeeded,
};
use crate::stage::ask;

/// As long as a share is looked at, and how often it is asked for: 5,000 requests.
const LOOK: Duration = Duration::from_secs(25);
const RATE: u32 = 200;
/// Points by which what users saw may differ from the share.
const POINTS: f64 = 3.0;

#[tokio::test(flavor = "multi_thread")]
async fn the_weights_of_a_traefikservice_carry_the_share_and_a_users_own_is_given_back() {
    play("traefik", async |scene| {
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "traefik").await?;
        // One after the other: both are looked at closely.
        made(scene, &hooks).await?;
        let own = own(scene, &hooks).await?;
        together(vec![
            case("golden objects", judged(scene, "traefik", 3)),
            case("without weights", undivided(scene, &hooks)),
            case("what it cannot do", refused(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        for name in ["own", "copied"] {
            left(scene, name).await?;
        }
        let live = scene.objects().traefik_services().get("own-front").await?;
        ensure!(live.data["spec"] == own["spec"], "{}", live.data["spec"]);
        // The author's Canary is on without the label. What was made for it goes with it.
        let delete = ["delete", "canary", "made", "--timeout=120s"];
        scene.kubectl(&delete).await?.succeeded()?;
        wait_for("the TraefikService to go", SOON, async || {
            let found = scene.objects().traefik_services().get_opt("made").await?;
            Ok(found.is_none().then_some(()))
        })
        .await?;
        left(scene, "made").await
    })
    .await;
}

/// A TraefikService of the author's.
pub fn traefik_service(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "traefik.io/v1alpha1", "kind": "TraefikService", "metadata": {"name": name}, "spec": spec})
}

/// A Canary of the author's own, as Flagger's are for Traefik.
pub fn canary(scene: &Scene, app: &App, analysis: &Value) -> Value {
    let mut canary = app.canary(&scene.host(app.name()), analysis, 60);
    canary["spec"]["provider"] = json!("traefik");
    canary["spec"]["service"] = json!({"port": 9898});
    canary
}

async fn services(scene: &Scene, name: &str) -> Result<Value> {
    let live = scene.objects().traefik_services().get(name).await?;
    Ok(live.data["spec"]["weighted"]["services"].clone())
}

/// As the TraefikService that is made for an app names one of its halves.
pub fn half(scene: &Scene, app: &str, half: &str, weight: u64) -> Value {
    let name = format!("{app}-{half}");
    json!({"kind": "Service", "name": name, "namespace": scene.namespace, "port": 9898, "weight": weight})
}

/// Waits until a TraefikService leads there: a stage is stored before what it brings is written.
pub async fn leads(scene: &Scene, name: &str, wanted: &Value) -> Result<()> {
    wait_for(&format!("{name} to lead where it is meant to"), SOON, async || {
        let found = services(scene, name).await?;
        ensure!(found == *wanted, "{found}");
        Ok(Some(()))
    })
    .await
}

/// The usual load, often enough for the points above.
fn load(scene: &Scene, app: &str) -> Result<Load> {
    Ok(Load {
        rate: RATE,
        ..scene.load(app)?
    })
}

/// None is there, so one is made. What decides is read from Traefik's own series.
async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1");
    let entry = |of: &str, weight: u64| half(scene, "made", of, weight);
    let mut judged = analysis(hooks);
    judged["interval"] = json!("5s");
    judged["threshold"] = json!(3);
    judged["metrics"] = json!([
        {"name": "request-success-rate", "interval": "15s", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "interval": "15s", "thresholdRange": {"max": 5000}},
    ]);
    let items = [
        canary(scene, &app, &judged),
        ingress_route(scene, "made", "made"),
        app.deployment(),
    ];
    at_rest(scene, &app, &items).await?;
    let rest = json!([entry("primary", 100)]);
    leads(scene, "made", &rest).await?;
    let running = load(scene, "made")?.start()?;

    held(scene, &app.at("v2"), hooks).await?;
    let found = services(scene, "made").await?;
    ensure!(found == json!([entry("primary", 50), entry("canary", 50)]), "{found}");
    shows().await;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    let series = format!(
        "sum(rate(traefik_service_request_duration_seconds_bucket{{service=~\"{}-made-canary-[0-9a-zA-Z-]+@kubernetescrd\",\
         le=\"+Inf\"}}[15s]))",
        scene.namespace
    );
    let half = f64::from(RATE) / 2.0;
    // The share stays as it is, and Prometheus may miss a scrape.
    wait_for("Traefik to count them", Duration::from_secs(45), async || {
        let counted = ask(&scene.cluster.prometheus, &series).await?.unwrap_or_default();
        ensure!(
            (counted - half).abs() < half / 5.0,
            "Traefik counts {counted} of {half} a second"
        );
        Ok(Some(()))
    })
    .await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    leads(scene, "made", &rest).await?;

    // Nothing but Traefik's series says that it is bad.
    apply(scene, &[app.at("v3").with("ERROR_RATE", "1").deployment()]).await?;
    scene.phase("made", "Failed", PATIENCE).await?;
    exits(scene, "made", SOON).await?;
    shows().await;
    leads(scene, "made", &rest).await?;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.errors_of("v3") > 0, "nobody met v3: {:?}", report.versions());
    let share = report.share_of("v2", from, until);
    println!("50 % asked for, {share:.1} % of {} requests seen", report.requests());
    ensure!((share - 50.0).abs() <= POINTS, "{share:.1} % saw v2");
    Ok(())
}

/// Of the author's own list only the app's part is cut; answers the manifest.
async fn own(scene: &Scene, hooks: &Hooks) -> Result<Value> {
    let app = App::new("own", "v1");
    // A pod that nobody releases, behind a Service of its own.
    let old = App::new("old", "v0");
    let sticky = json!({"cookie": {"name": "side", "httpOnly": true}});
    let mine = json!([
        {"name": "old", "port": 9898, "weight": 1},
        {"name": "own", "port": "http", "weight": 3, "passHostHeader": true},
    ]);
    let front = traefik_service("own-front", json!({"weighted": {"services": mine, "sticky": sticky}}));
    let items = [
        old.service(),
        old.pod(),
        app.service(),
        front.clone(),
        ingress_route(scene, "own", "own-front"),
        app.deployment(),
    ];
    apply(scene, &items).await?;
    scene.phase("own", "Initialized", SOON).await?;
    let canary = scene.objects().canary("own").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "traefik", "{}", canary.0["spec"]);
    ensure!(
        scene.objects().traefik_services().get_opt("own").await?.is_none(),
        "one was made beside the author's"
    );
    scene.reachable("own", SOON).await?;
    // The author's own leads to the app before ours do.
    wait_for("the author's own to lead to primary", SOON, async || {
        let rest = services(scene, "own-front").await?;
        ensure!(rest[1]["name"] == "own-primary" && rest[1]["weight"] == 3, "{rest}");
        Ok(Some(()))
    })
    .await?;
    let running = load(scene, "own")?.start()?;

    held(scene, &app.at("v2"), hooks).await?;
    let split = json!([
        {"name": "old", "port": 9898, "weight": 200},
        {"name": "own-primary", "port": "http", "weight": 300, "passHostHeader": true},
        {"name": "own-canary", "port": "http", "weight": 300, "passHostHeader": true},
    ]);
    let found = services(scene, "own-front").await?;
    ensure!(found == split, "{found}");
    // A manifest from Git in mid-run moves nobody.
    apply(scene, std::slice::from_ref(&front)).await?;
    let live = scene.objects().traefik_services().get("own-front").await?;
    let found = &live.data["spec"]["weighted"];
    ensure!(found["services"] == split && found["sticky"] == sticky, "{found}");
    shows().await;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    let_go(&app, hooks);
    scene.phase("own", "Succeeded", PATIENCE).await?;
    exits(scene, "own", SOON).await?;
    shows().await;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    for (version, wanted) in [("v0", 25.0), ("v1", 37.5), ("v2", 37.5)] {
        let share = report.share_of(version, from, until);
        println!("{wanted} % asked for, {share:.1} % saw {version}");
        ensure!(
            (share - wanted).abs() <= POINTS,
            "{share:.1} % saw {version}, not {wanted} %"
        );
    }
    Ok(front)
}

/// One that leads to the app without weights cannot be moved: it is said, and nothing is shown to anybody.
async fn undivided(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("copied", "v1").replicas(1);
    let front = traefik_service("copied-front", json!({"mirroring": {"name": "copied", "port": 9898}}));
    let items = [
        app.service(),
        front,
        ingress_route(scene, "copied", "copied-front"),
        app.deployment(),
    ];
    at_rest(scene, &app, &items).await?;
    let running = scene.light_load("copied")?.start()?;
    hooks.answer_to("copied", crate::quick::GATE, e2e::scene::Answer::halt());
    apply(scene, &[app.at("v2").deployment()]).await?;
    let words = ["TraefikService copied-front", "spec.mirroring"];
    scene.says("copied", &words, SOON).await?;
    shows().await;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.first_seen("v2").is_none(), "{:?}", report.versions());
    Ok(())
}

/// What is said when a Canary is applied.
async fn refused(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("told", "v1");
    let mut past = ingress_route(scene, "told", "told");
    past["spec"]["routes"][0]["services"] = json!([{"name": "told", "port": 9898}]);
    apply(scene, &[past]).await?;
    let dry_run = ["apply", "--dry-run=server", "-f", "-"];
    let sound = canary(scene, &app, &analysis(hooks)).to_string();
    // The webhook learns of the IngressRoute a moment after it is stored.
    wait_for("the apply to tell of the IngressRoute", SOON, async || {
        let said = scene.kubectl_with(&dry_run, &sound).await?.succeeded()?;
        let why = "IngressRoute told-front leads to Service told itself";
        ensure!(said.err.contains(why), "{}", said.err);
        Ok(Some(()))
    })
    .await?;
    let settings = ab_test(analysis(hooks), 2, &marked());
    let said = scene
        .apply(&canary(scene, &app, &settings).to_string())
        .await?
        .refused()?;
    let why = "provider traefik cannot tell requests apart";
    ensure!(
        said.err.contains(why) && said.err.contains("gatewayapi:v1"),
        "{}",
        said.err
    );
    Ok(())
}
