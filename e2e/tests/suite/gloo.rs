//! Provider gloo: definitions made of Gloo's own messages judge every object that is sent, and RouteTables carry releases and an
//! A/B test. There is no Gloo here: the scene says of Upstreams what Gloo would, and what its proxies make of them is theirs.

mod objects;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    SOON, ab_test, apply, at_rest, held, held_in_test, labelled_by, left, let_go, marked, succeeded, way_in,
};
use objects::{DISCOVERED, discover, discovered, half, routes, split, tables, takes_up, upstreams};

#[tokio::test(flavor = "multi_thread")]
async fn route_tables_are_as_gloo_takes_them_and_carry_a_release() {
    play("gloo", async |scene| {
        scene.gloo_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "gloo").await?;
        discover(scene).await?;
        let played = tokio::select! {
            played = releases(scene, &hooks) => played,
            ended = takes_up(upstreams(scene, &scene.namespace)) => ended.and_then(|()| bail!("Upstreams are watched no more")),
        };
        let found = upstreams(scene, DISCOVERED);
        found.delete(&discovered(scene), &DeleteParams::default()).await?;
        played
    })
    .await;
}

async fn releases(scene: &Scene, hooks: &Hooks) -> Result<()> {
    together(vec![
        case("golden objects", judged(scene, "gloo", 20)),
        case("one of ours", made(scene, hooks)),
        case("the author's", edited(scene, hooks)),
        case("a test", tested(scene, hooks)),
    ])
    .await?;
    scene.unlabel().await?;
    left(scene, "edited").await?;
    let own = tables(scene).get("front").await?;
    ensure!(own.data["spec"] == front(scene)["spec"], "{}", own.data["spec"]);
    // A Canary that somebody wrote stays until he takes it away, and what was made for it goes with it.
    for name in ["made", "tested"] {
        scene.kubectl(&["delete", "canary", name]).await?.succeeded()?;
        left(scene, name).await?;
    }
    wait_for("the author's own objects to be all", SOON, async || {
        let all = tables(scene).list(&ListParams::default()).await?;
        let beside = upstreams(scene, &scene.namespace).list(&ListParams::default()).await?;
        let names: Vec<_> = all
            .into_iter()
            .chain(beside)
            .filter_map(|one| one.metadata.name)
            .collect();
        // Somebody edited one of those that were made, so that it is his: it stays, and leads to the app alone.
        ensure!(names == ["front", "made", "settings"], "{names:?}");
        Ok(Some(()))
    })
    .await?;
    let to = json!({"kube": {"ref": {"name": "made", "namespace": scene.namespace}, "port": 9898}});
    let left = routes(scene, "made").await?;
    ensure!(left[0]["routeAction"] == json!({ "single": to }), "{left:?}");
    Ok(())
}

/// A Canary as they are written for Flagger with Gloo.
fn canary(scene: &Scene, app: &App, analysis: &Value) -> Value {
    let mut canary = app.canary(&scene.host(app.name()), analysis, 60);
    canary["spec"]["provider"] = json!("gloo");
    canary["spec"]["service"] = json!({"port": 9898});
    canary
}

async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let kube = json!({"kube": {"ref": {"name": "made", "namespace": scene.namespace}, "port": 9898}});
    let settings = json!({
        "apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "settings"},
        "spec": {"static": {"hosts": [{"addr": "a.test", "port": 80}]}, "connectionConfig": {"connectTimeout": "5s"}},
    });
    let direct = json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": {"name": "direct"},
        "spec": {"virtualHost": {"domains": ["a.test"], "routes": [{"routeAction": {"single": kube}}]}},
    });
    apply(scene, &[settings, direct]).await?;
    let mut canary = canary(scene, &app, &crate::quick::analysis(hooks));
    canary["spec"]["upstreamRef"] = json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "settings"});
    // A busy API server is not waited for: then the apply tells nothing of it.
    wait_for("an apply to tell of the VirtualService", SOON, async || {
        let dry_run = ["apply", "--dry-run=server", "-f", "-"];
        let said = scene.kubectl_with(&dry_run, &canary.to_string()).await?.succeeded()?;
        let why = "VirtualService direct leads to Service made itself";
        ensure!(said.err.contains(why), "{}", said.err);
        Ok(Some(()))
    })
    .await?;
    apply(scene, &[canary]).await?;
    at_rest(scene, &app, &[way_in(scene, &app), app.deployment()]).await?;
    let [primary, canary] = ["primary", "canary"].map(|name| half(scene, "made", name));
    let share = |of_primary: u64| [(primary.clone(), of_primary), (canary.clone(), 100 - of_primary)];
    split(scene, "made", 0, &share(100)).await?;
    let beside = upstreams(scene, &scene.namespace).get(&canary).await?;
    let to = json!({"serviceName": "made-canary", "serviceNamespace": scene.namespace, "servicePort": 9898});
    let spec = json!({"connectionConfig": {"connectTimeout": "5s"}, "kube": to});
    ensure!(beside.data["spec"] == spec, "{}", beside.data);
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, "made", 0, &share(50)).await?;
    // Somebody's edit is undone within the run.
    let edit = r#"[{"op": "replace", "path": "/spec/routes/0/routeAction/multi/destinations/1/weight", "value": 5}]"#;
    let edit = [
        "patch",
        "routetables.gateway.solo.io",
        "made",
        "--type=json",
        "-p",
        edit,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    split(scene, "made", 0, &share(50)).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(scene, "made", 0, &share(100)).await
}

fn front(scene: &Scene) -> Value {
    let upstream = |name: String| json!({"upstream": {"name": name, "namespace": DISCOVERED}});
    let legacy = upstream(format!("{}-legacy-80", scene.namespace));
    json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable", "metadata": {"name": "front"},
        "spec": {"routes": [
            {
                "matchers": [{"prefix": "/app"}], "options": {"timeout": "15s"},
                "routeAction": {"multi": {"destinations": [
                    {"destination": upstream(discovered(scene)), "weight": 3}, {"destination": legacy, "weight": 1},
                ]}},
            },
            {"matchers": [{"prefix": "/legacy"}], "routeAction": {"single": legacy}},
        ]},
    })
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [app.service(), front(scene), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "gloo", "{}", canary.0["spec"]);
    let [primary, canary] = ["primary", "canary"].map(|name| format!("{}-{DISCOVERED}", half(scene, "edited", name)));
    let legacy = (format!("{}-legacy-80", scene.namespace), 100);
    let share = |of_canary: u64| {
        [
            (primary.clone(), 300 - of_canary),
            (canary.clone(), of_canary),
            legacy.clone(),
        ]
    };
    split(scene, "front", 0, &share(0)).await?;
    let beside = upstreams(scene, &scene.namespace).get(&primary).await?;
    let spec = &beside.data["spec"];
    ensure!(
        spec["circuitBreakers"] == json!({"maxRequests": 100}) && spec.get("discoveryMetadata").is_none(),
        "{spec}"
    );
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, "front", 0, &share(150)).await?;
    // Git says it again: the run's shares stay, and so does the rest of what it says.
    apply(scene, &[front(scene)]).await?;
    split(scene, "front", 0, &share(150)).await?;
    let live = routes(scene, "front").await?;
    let said = front(scene)["spec"]["routes"].clone();
    ensure!(live[1] == said[1], "{live:?}");
    for member in ["matchers", "options"] {
        ensure!(live[0][member] == said[0][member], "{live:?}");
    }
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}

/// Those who match have a route of their own, to the canary alone, for as long as the test runs; others are served as ever.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let analysis = ab_test(crate::quick::analysis(hooks), 1, &marked());
    let canary = canary(scene, &app, &analysis);
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    let [primary, canary] = ["primary", "canary"].map(|name| half(scene, "tested", name));
    let rest = [(primary.clone(), 100), (canary.clone(), 0)];
    split(scene, "tested", 0, &rest).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    split(scene, "tested", 0, &[(canary, 100), (primary, 0)]).await?;
    split(scene, "tested", 1, &rest).await?;
    let named = routes(scene, "tested").await?;
    let header = json!({"name": "x-canary", "value": "yes"});
    ensure!(
        named[0]["matchers"] == json!([{"prefix": "/", "headers": [header]}]) && named[1].get("matchers").is_none(),
        "{named:?}"
    );
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    ensure!(routes(scene, "tested").await?.len() == 1, "a route of the test is left");
    Ok(())
}
