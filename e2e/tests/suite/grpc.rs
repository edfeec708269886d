//! GRPCRoutes: calls of gRPC through Traefik by a route of the author's own, beside an HTTPRoute to the same app; and what is
//! made for an app that says that it speaks gRPC.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Load, until_reachable};
use e2e::scene::fronts::{H2C, grpc_route, h2c_service};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::policy::PATIENCE;
use crate::quick::{SOON, analysis, apply, held, left, let_go, own_canary, policy, promoted, shows};

/// As long as a share is looked at.
const LOOK: Duration = Duration::from_secs(15);
/// Points by which what users saw may differ from the share: Traefik begins its turns anew with every route that some other
/// scene changes, and of the pages no more than some 375 are counted.
const POINTS: f64 = 6.0;

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_pages_of_one_app_follow_its_weights_by_routes_of_both_kinds() {
    play("grpc", async |scene| {
        let hooks = scene.hooks().await?;
        let mut policy = policy(&hooks);
        policy["analysis"] = by_calls(&hooks);
        scene.policy(&policy).await?;
        scene.label().await?;
        together(vec![
            case("golden objects", judged(scene, "gateway_api/grpcroute", 5)),
            case("golden objects of HTTP", judged(scene, "gateway_api/httproute", 9)),
            case("both kinds", both(scene, &hooks)),
            case("one of ours", made(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "both").await?;
        // As the author wrote it, with what the API server adds to that.
        let own = scene.objects().grpc_routes().get("both-front").await?;
        let backend = json!({"group": "", "kind": "Service", "name": "both", "port": 9898, "weight": 1});
        let rules = &own.data["spec"]["rules"];
        ensure!(*rules == json!([{"backendRefs": [backend]}]), "{rules}");
        scene.kubectl(&["delete", "canary", "made"]).await?.succeeded()?;
        left(scene, "made").await
    })
    .await;
}

/// One step, judged by what pods say of their calls, which HTTP does not tell.
fn by_calls(hooks: &Hooks) -> Value {
    let calls = |codes: &str| {
        let pods = r#"kubernetes_namespace="{{ namespace }}", kubernetes_pod_name=~"{{ pods }}""#;
        format!("sum(rate(grpc_server_handled_total{{{pods}{codes}}}[{{{{ interval }}}}]))")
    };
    let failed = calls(r#", grpc_code!="OK""#);
    let query = format!("100 - ({failed} or vector(0)) / {} * 100", calls(""));
    let mut analysis = analysis(hooks);
    analysis["interval"] = json!("5s");
    analysis["threshold"] = json!(3);
    analysis["metrics"] = json!([{"name": "calls", "interval": "15s", "query": query, "thresholdRange": {"min": 99}}]);
    analysis
}

/// The backends of the first rule, with their weights.
async fn weights(routes: &Api<DynamicObject>, name: &str) -> Result<Vec<(String, u64)>> {
    let found = routes.get(name).await?;
    let backends = found.data["spec"]["rules"][0]["backendRefs"].as_array().cloned();
    let of = |one: Value| {
        let name = one["name"].as_str().unwrap_or_default().to_owned();
        (name, one["weight"].as_u64().unwrap_or_default())
    };
    Ok(backends.into_iter().flatten().map(of).collect())
}

async fn split(routes: &Api<DynamicObject>, name: &str, app: &str, canary: u64) -> Result<()> {
    let wanted = [
        (format!("{app}-primary"), 100 - canary),
        (format!("{app}-canary"), canary),
    ];
    wait_for(&format!("{name} to be split as {wanted:?}"), SOON, async || {
        Ok((weights(routes, name).await? == wanted).then_some(()))
    })
    .await
}

/// The author brings a Service, a GRPCRoute and an HTTPRoute under another host: a good release and a bad one.
async fn both(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("both", "v1");
    let pages_host = scene.host("pages");
    let (calls_by, pages_by) = (scene.objects().grpc_routes(), scene.objects().routes());
    let items = [
        h2c_service(&app),
        grpc_route(scene, "both"),
        app.route(&pages_host),
        app.deployment(),
    ];
    apply(scene, &items).await?;
    scene.phase("both", "Initialized", SOON).await?;
    let calls = scene.load("both")?.grpc();
    let pages = Load {
        host: pages_host,
        ..scene.light_load("both")?
    };
    for load in [&calls, &pages] {
        ensure!(until_reachable(load, SOON).await? == "v1", "another version answers");
    }
    split(&calls_by, "both-front", "both", 0).await?;
    split(&pages_by, "both", "both", 0).await?;
    ensure!(
        calls_by.get_opt("both").await?.is_none(),
        "one was made beside the author's"
    );
    let (calls, pages) = (calls.start()?, pages.start()?);

    held(scene, &app.at("v2"), hooks).await?;
    split(&calls_by, "both-front", "both", 50).await?;
    split(&pages_by, "both", "both", 50).await?;
    // A manifest from Git in mid-run moves nobody.
    apply(scene, &[grpc_route(scene, "both")]).await?;
    split(&calls_by, "both-front", "both", 50).await?;
    shows().await;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    let_go(&app, hooks);
    promoted(scene, &app.at("v2")).await?;

    // Nothing but what pods say of their calls tells that it is bad.
    apply(scene, &[app.at("v3").with("ERROR_RATE", "1").deployment()]).await?;
    scene.phase("both", "Failed", PATIENCE).await?;
    exits(scene, "both", SOON).await?;
    split(&calls_by, "both-front", "both", 0).await?;
    shows().await;
    for (what, running) in [("calls", calls), ("pages", pages)] {
        let report = running.stop().await?;
        nothing_lost(&report)?;
        let share = report.share_of("v2", from, until);
        println!(
            "{what}: 50 % asked for, {share:.1} % saw v2, {} in all",
            report.requests()
        );
        ensure!((share - 50.0).abs() <= POINTS, "{share:.1} % of the {what} saw v2");
        ensure!(report.errors_of("v3") > 0, "no {what} met v3: {:?}", report.versions());
    }
    Ok(())
}

/// A Canary that says `grpc` has a GRPCRoute, which Traefik cannot serve; told so, its author says it in Traefik's words, and
/// an HTTPRoute takes its place.
async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let mut canary = app.canary(&scene.host("made"), &analysis(hooks), 60);
    canary["spec"]["service"]["appProtocol"] = json!("grpc");
    // Before its Deployment, for which the policy alone would make an HTTPRoute.
    apply(scene, std::slice::from_ref(&canary)).await?;
    apply(scene, &[app.deployment()]).await?;
    scene.phase("made", "Initialized", SOON).await?;
    let (calls_by, pages_by) = (scene.objects().grpc_routes(), scene.objects().routes());
    split(&calls_by, "made", "made", 0).await?;
    wait_for("one kind alone to be made", SOON, async || {
        Ok(pages_by.get_opt("made").await?.is_none().then_some(()))
    })
    .await?;
    let words = ["GRPCRoute made is refused by gateway gateway", "UnsupportedProtocol"];
    scene.says("made", &words, SOON).await?;

    canary["spec"]["service"]["appProtocol"] = json!(H2C);
    own_canary(scene, &canary).await?;
    wait_for("the GRPCRoute to go", SOON, async || {
        Ok(calls_by.get_opt("made").await?.is_none().then_some(()))
    })
    .await?;
    split(&pages_by, "made", "made", 0).await?;
    let version = until_reachable(&scene.load("made")?.grpc(), SOON).await?;
    ensure!(version == "v1", "{version} answers a call");
    let live = scene.objects().canary("made").await?.context("the Canary")?;
    ensure!(live.phase() == "Initialized", "{}", live.0["status"]);
    Ok(())
}
