//! Provider contour: Contour's own definition judges every object that is sent, and an HTTPProxy of the author's carries a
//! release and an A/B test. What a real Contour makes of it is seen by `make test-gateways`.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    SOON, ab_test, apply, at_rest, held, held_in_test, labelled_by, left, let_go, marked, succeeded, way_in,
};

#[tokio::test(flavor = "multi_thread")]
async fn http_proxies_are_as_contour_takes_them_and_carry_a_release() {
    play("contour", async |scene| {
        scene.contour_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "contour").await?;
        together(vec![
            case("golden objects", judged(scene, "contour", 6)),
            case("one of ours", made(scene, &hooks)),
            case("the author's", edited(scene, &hooks)),
            case("a test", tested(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "edited").await?;
        // A Canary that somebody wrote stays until he takes it away.
        for name in ["made", "tested"] {
            scene.kubectl(&["delete", "canary", name]).await?.succeeded()?;
            left(scene, name).await?;
        }
        let own = proxies(scene).get("front").await?;
        ensure!(own.data["spec"] == front()["spec"], "{}", own.data["spec"]);
        // Somebody edited the other one of those that were made, so that it is his: it stays, and leads to the app alone.
        let named: Vec<String> = routes(scene, "made")
            .await?
            .iter()
            .flat_map(weights)
            .map(|(name, _)| name)
            .collect();
        ensure!(named == ["made"], "{named:?}");
        wait_for("what was made to go", SOON, async || {
            Ok(proxies(scene).get_opt("tested").await?.is_none().then_some(()))
        })
        .await
    })
    .await;
}

fn proxies(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("projectcontour.io", "v1", "HTTPProxy", "httpproxies")
}

async fn routes(scene: &Scene, name: &str) -> Result<Vec<Value>> {
    let found = proxies(scene).get(name).await?;
    Ok(found.data["spec"]["routes"].as_array().cloned().unwrap_or_default())
}

/// The Services of a route, with their weights.
fn weights(route: &Value) -> Vec<(String, u64)> {
    let of = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default().to_owned();
        (name, one["weight"].as_u64().unwrap_or_default())
    };
    route["services"].as_array().into_iter().flatten().map(of).collect()
}

/// Waits until the route at that place sends so much to each of these.
async fn split(scene: &Scene, name: &str, at: usize, wanted: &[(&str, u64)]) -> Result<()> {
    wait_for(&format!("{name} to be split as {wanted:?}"), SOON, async || {
        let found = routes(scene, name).await?.get(at).map(weights).unwrap_or_default();
        let same = found
            .iter()
            .map(|(name, weight)| (name.as_str(), *weight))
            .eq(wanted.iter().copied());
        Ok(same.then_some(()))
    })
    .await
}

/// A Canary as they are written for Flagger with Contour.
fn canary(scene: &Scene, app: &App, analysis: &Value) -> Value {
    let mut canary = app.canary(&scene.host(app.name()), analysis, 60);
    canary["spec"]["provider"] = json!("contour");
    canary["spec"]["service"] = json!({
        "port": 9898, "timeout": "15s", "match": [{"uri": {"prefix": "/api"}}],
        "retries": {"attempts": 3, "perTryTimeout": "5s", "retryOn": "gateway-error"},
    });
    canary
}

async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let canary = canary(scene, &app, &crate::quick::analysis(hooks));
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    split(scene, "made", 0, &[("made-primary", 100), ("made-canary", 0)]).await?;
    let live = proxies(scene).get("made").await?;
    let route = &live.data["spec"]["routes"][0];
    ensure!(
        live.data["spec"].get("virtualhost").is_none() && route["conditions"] == json!([{"prefix": "/api"}]),
        "{}",
        live.data
    );
    ensure!(
        route["retryPolicy"] == json!({"count": 3, "perTryTimeout": "5s", "retryOn": ["gateway-error"]}),
        "{route}"
    );
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, "made", 0, &[("made-primary", 50), ("made-canary", 50)]).await?;
    // Somebody's edit is undone within the run.
    let edit = r#"[{"op": "replace", "path": "/spec/routes/0/services/1/weight", "value": 5}]"#;
    let edit = [
        "patch",
        "httpproxies.projectcontour.io",
        "made",
        "--type=json",
        "-p",
        edit,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    split(scene, "made", 0, &[("made-primary", 50), ("made-canary", 50)]).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(scene, "made", 0, &[("made-primary", 100), ("made-canary", 0)]).await
}

fn front() -> Value {
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "front"},
        "spec": {
            "virtualhost": {"fqdn": "front.example.com"},
            "routes": [
                {"services": [{"name": "edited", "port": 9898, "weight": 3}, {"name": "legacy", "port": 80, "weight": 1}]},
                {"conditions": [{"prefix": "/legacy"}], "services": [{"name": "legacy", "port": 80}]},
            ],
            "includes": [{"name": "blog", "namespace": "elsewhere", "conditions": [{"prefix": "/blog"}]}],
        },
    })
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [app.service(), front(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "contour", "{}", canary.0["spec"]);
    held(scene, &app.at("v2"), hooks).await?;
    let halves = [("edited-primary", 150), ("edited-canary", 150), ("legacy", 100)];
    split(scene, "front", 0, &halves).await?;
    // Git says it again: the run's shares stay, and so does the rest of what it says.
    apply(scene, &[front()]).await?;
    split(scene, "front", 0, &halves).await?;
    let live = proxies(scene).get("front").await?;
    for at in ["/virtualhost", "/includes", "/routes/1"] {
        ensure!(
            live.data["spec"].pointer(at) == front()["spec"].pointer(at),
            "{at}: {}",
            live.data
        );
    }
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}

/// Those who match have a route of their own, to the canary alone, for as long as the test runs.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let analysis = ab_test(crate::quick::analysis(hooks), 1, &marked());
    let canary = canary(scene, &app, &analysis);
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    split(scene, "tested", 0, &[("tested-canary", 100), ("tested-primary", 0)]).await?;
    split(scene, "tested", 1, &[("tested-primary", 100), ("tested-canary", 0)]).await?;
    let named = routes(scene, "tested").await?;
    let header = json!({"header": {"name": "x-canary", "exact": "yes"}});
    ensure!(
        named[0]["conditions"] == json!([header, {"prefix": "/api"}]),
        "{named:?}"
    );
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    ensure!(routes(scene, "tested").await?.len() == 1, "a route of the test is left");
    Ok(())
}
