//! Provider apisix: the definition of APISIX's ingress controller judges every object that is sent, and a second ApisixRoute
//! beside the author's carries a release and an A/B test. There is no APISIX here: what it makes of them is its own.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    GATE, SOON, ab_test, apply, at_rest, failed, held, held_in_test, labelled_by, left, let_go, marked, succeeded,
    way_in,
};

#[tokio::test(flavor = "multi_thread")]
async fn apisix_routes_are_as_apisix_takes_them_and_carry_a_release() {
    play("apisix", async |scene| {
        scene.apisix_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "apisix").await?;
        together(vec![
            case("golden objects", judged(scene, "apisix", 7)),
            case("by shares", released(scene, &hooks)),
            case("a test", tested(scene, &hooks)),
            case("one that is taken", taken(scene, &hooks)),
        ])
        .await?;
        // One of them is in mid-run.
        scene.unlabel().await?;
        for name in ["app", "taken"] {
            left(scene, name).await?;
        }
        // A Canary that somebody wrote stays until he takes it away.
        scene.kubectl(&["delete", "canary", "tested"]).await?.succeeded()?;
        left(scene, "tested").await?;
        let own = ["app-front", "taken-front", "taken-front-taken-canary", "tested-front"];
        wait_for("the authors' own ApisixRoutes to be all", SOON, async || {
            let all = routes(scene).list(&ListParams::default()).await?;
            let names: Vec<_> = all.into_iter().filter_map(|one| one.metadata.name).collect();
            ensure!(names == own, "{names:?}");
            Ok(Some(()))
        })
        .await?;
        for name in ["app", "tested"] {
            untouched(scene, name).await?;
        }
        Ok(())
    })
    .await;
}

fn routes(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes")
}

/// The author's route to an app, and to something else.
fn front(app: &str) -> Value {
    let entry = |name: &str, path: &str, service: &str| {
        json!({
            "name": name, "match": {"hosts": [format!("{app}.example.com")], "paths": [path]},
            "backends": [{"serviceName": service, "servicePort": 9898}],
        })
    };
    let mut root = entry("root", "/*", app);
    root["priority"] = json!(3);
    root["plugins"] = json!([{"name": "prometheus", "enable": true, "config": {"prefer_name": true}}]);
    json!({
        "apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "metadata": {"name": format!("{app}-front")},
        "spec": {"ingressClassName": "apisix", "http": [entry("old", "/old/*", "legacy"), root]},
    })
}

async fn untouched(scene: &Scene, app: &str) -> Result<()> {
    let live = routes(scene).get(&format!("{app}-front")).await?;
    ensure!(live.data["spec"] == front(app)["spec"], "{}", live.data["spec"]);
    Ok(())
}

/// The entries of the second route of an app.
async fn beside(scene: &Scene, app: &str) -> Result<Option<Vec<Value>>> {
    let found = routes(scene).get_opt(&format!("{app}-front-{app}-canary")).await?;
    Ok(found.map(|found| found.data["spec"]["http"].as_array().cloned().unwrap_or_default()))
}

async fn gone(scene: &Scene, app: &str) -> Result<()> {
    wait_for("the second ApisixRoute to go", SOON, async || {
        Ok(beside(scene, app).await?.is_none().then_some(()))
    })
    .await
}

/// The backends that an entry would have, by name and weight.
fn backends(of: &[(&str, u64)]) -> Value {
    let one = |(name, weight): &(&str, u64)| json!({"serviceName": name, "servicePort": 9898, "weight": weight});
    of.iter().map(one).collect()
}

async fn released(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("app", "v1").replicas(1);
    let items = [app.service(), front("app"), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("app").await?.context("the Canary")?;
    let spec = &canary.0["spec"];
    ensure!(
        spec["provider"] == "apisix" && spec["routeRef"]["name"] == "app-front",
        "{spec}"
    );
    ensure!(
        beside(scene, "app").await?.is_none(),
        "there is a second ApisixRoute at rest"
    );
    held(scene, &app.at("v2"), hooks).await?;
    let entries = beside(scene, "app").await?.context("the second ApisixRoute")?;
    let mut wanted = front("app")["spec"]["http"][1].clone();
    wanted["priority"] = json!(4);
    wanted["backends"] = backends(&[("app-primary", 50), ("app-canary", 50)]);
    ensure!(entries == [wanted.clone()], "{entries:?}");
    // Somebody's edit is undone within the run.
    let edit = r#"[{"op": "replace", "path": "/spec/http/0/backends/1/weight", "value": 5}]"#;
    let edit = [
        "patch",
        "apisixroutes.apisix.apache.org",
        "app-front-app-canary",
        "--type=json",
        "-p",
        edit,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    wait_for("the share to be put right", SOON, async || {
        let entries = beside(scene, "app").await?.context("the second ApisixRoute")?;
        Ok((entries == [wanted.clone()]).then_some(()))
    })
    .await?;
    // Git says the author's own again, as at any time.
    apply(scene, &[front("app")]).await?;
    untouched(scene, "app").await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    gone(scene, "app").await?;
    failed(scene, &app.at("v3"), hooks).await?;
    gone(scene, "app").await
}

/// Those who match have an entry of their own, to the canary alone, for as long as the test runs; others go by the author's.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let analysis = ab_test(crate::quick::analysis(hooks), 1, &marked());
    // As they are written for Flagger with APISIX.
    let mut canary = app.canary(&scene.host("tested"), &analysis, 60);
    canary["spec"]["provider"] = json!("apisix");
    canary["spec"]["routeRef"] =
        json!({"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "tested-front"});
    canary["spec"]["service"] = json!({"port": 9898});
    let items = [canary, front("tested"), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    let entries = beside(scene, "tested").await?.context("the second ApisixRoute")?;
    let header = json!({"subject": {"scope": "Header", "name": "x-canary"}, "op": "Equal", "value": "yes"});
    let mut wanted = front("tested")["spec"]["http"][1].clone();
    wanted["name"] = json!("root-match-0");
    wanted["priority"] = json!(5);
    wanted["match"]["exprs"] = json!([header]);
    wanted["backends"] = backends(&[("tested-canary", 100)]);
    ensure!(entries == [wanted], "{entries:?}");
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    gone(scene, "tested").await
}

/// An ApisixRoute of the author's own has the name that the second one would have.
async fn taken(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("taken", "v1").replicas(1);
    let mut own = front("preview");
    own["metadata"]["name"] = json!("taken-front-taken-canary");
    let items = [
        app.service(),
        front("taken"),
        own.clone(),
        way_in(scene, &app),
        app.deployment(),
    ];
    at_rest(scene, &app, &items).await?;
    hooks.answer_to("taken", GATE, e2e::scene::Answer::halt());
    apply(scene, &[app.at("v2").deployment()]).await?;
    scene
        .says("taken", &["ApisixRoute", "taken-front-taken-canary"], SOON)
        .await?;
    let live = routes(scene).get("taken-front-taken-canary").await?;
    ensure!(live.data["spec"] == own["spec"], "{}", live.data);
    Ok(())
}
