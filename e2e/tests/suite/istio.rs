//! Provider istio: Istio's own definitions judge every object that is sent, and a VirtualService of the author's carries a
//! release. There is no mesh here: what its proxies make of it is Istio's.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{SOON, apply, at_rest, held, labelled_by, left, let_go, promoted, succeeded, way_in};

#[tokio::test(flavor = "multi_thread")]
async fn virtual_services_are_as_istio_takes_them_and_carry_a_release() {
    play("istio", async |scene| {
        scene.istio_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "istio").await?;
        together(vec![
            case("golden objects", judged(scene, "istio", 20)),
            case("one of ours", made(scene, &hooks)),
            case("the author's", edited(scene, &hooks)),
            case("one of connections", connected(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "edited").await?;
        // A Canary that somebody wrote stays until he takes it away.
        scene.kubectl(&["delete", "canary", "made"]).await?.succeeded()?;
        left(scene, "made").await?;
        scene.kubectl(&["delete", "canary", "connected"]).await?.succeeded()?;
        left(scene, "connected").await?;
        let own = routes(scene).get("front").await?;
        ensure!(own.data["spec"] == front()["spec"], "{}", own.data["spec"]);
        wait_for("what was made to go", SOON, async || {
            let rules = rules(scene).list(&ListParams::default()).await?;
            let ours = routes(scene).get_opt("made").await?;
            let ours = ours.or(routes(scene).get_opt("connected").await?);
            Ok((rules.items.is_empty() && ours.is_none()).then_some(()))
        })
        .await
    })
    .await;
}

fn routes(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("networking.istio.io", "v1", "VirtualService", "virtualservices")
}

fn rules(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("networking.istio.io", "v1", "DestinationRule", "destinationrules")
}

/// The destinations of the first rule of a list, with their weights.
async fn weights(scene: &Scene, route: &str, list: &str) -> Result<Vec<(String, u64)>> {
    let found = routes(scene).get(route).await?;
    let destinations = found.data["spec"][list][0]["route"].as_array().cloned();
    let of = |one: Value| {
        let host = one["destination"]["host"].as_str().unwrap_or_default().to_owned();
        (host, one["weight"].as_u64().unwrap_or_default())
    };
    Ok(destinations.into_iter().flatten().map(of).collect())
}

async fn split(scene: &Scene, route: &str, wanted: &[(&str, u64)]) -> Result<()> {
    shared(scene, (route, "http"), wanted).await
}

/// Waits until the first rule of a list of a route is split so.
async fn shared(scene: &Scene, (route, list): (&str, &str), wanted: &[(&str, u64)]) -> Result<()> {
    wait_for(
        &format!("{list} of {route} to be split as {wanted:?}"),
        SOON,
        async || {
            let found = weights(scene, route, list).await?;
            let same = found
                .iter()
                .map(|(host, weight)| (host.as_str(), *weight))
                .eq(wanted.iter().copied());
            Ok(same.then_some(()))
        },
    )
    .await
}

async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let mut canary = app.canary(&scene.host("made"), &crate::quick::analysis(hooks), 60);
    canary["spec"]["provider"] = json!("istio");
    canary["spec"]["service"] = json!({
        "port": 9898, "gateways": ["istio-system/public", "mesh"], "hosts": [scene.host("made")], "timeout": "30s",
        "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
    });
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    split(scene, "made", &[("made-primary", 100), ("made-canary", 0)]).await?;
    let live = routes(scene).get("made").await?;
    ensure!(live.data["spec"]["http"][0]["timeout"] == "30s", "{}", live.data);
    ensure!(
        live.data["spec"]["hosts"] == json!([scene.host("made"), "made"]),
        "{}",
        live.data
    );
    for half in ["made-primary", "made-canary"] {
        wait_for(&format!("the policy of {half}"), SOON, async || {
            let found = rules(scene).get_opt(half).await?;
            let policy = found.map(|rule| rule.data["spec"]["trafficPolicy"]["tls"]["mode"].clone());
            Ok((policy == Some(json!("ISTIO_MUTUAL"))).then_some(()))
        })
        .await?;
    }
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, "made", &[("made-primary", 50), ("made-canary", 50)]).await?;
    // Somebody's edits are undone within the run.
    let weaker = r#"[{"op": "replace", "path": "/spec/trafficPolicy/tls/mode", "value": "DISABLE"}]"#;
    let edit = [
        "patch",
        "destinationrules.networking.istio.io",
        "made-canary",
        "--type=json",
        "-p",
        weaker,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    wait_for("the policy to be put right", SOON, async || {
        let found = rules(scene).get("made-canary").await?;
        Ok((found.data["spec"]["trafficPolicy"]["tls"]["mode"] == "ISTIO_MUTUAL").then_some(()))
    })
    .await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(scene, "made", &[("made-primary", 100), ("made-canary", 0)]).await
}

/// Flagger's tutorial of TCP: a rule for connections, with shares of them.
async fn connected(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("connected", "v1").replicas(1);
    let mut canary = app.canary(&scene.host("connected"), &crate::quick::analysis(hooks), 60);
    canary["spec"]["provider"] = json!("istio");
    canary["spec"]["service"] = json!({
        "port": 9898, "targetPort": 9898, "appProtocol": "TCP", "portName": "tcp-service-port",
    });
    // The gateway of these tests knows no Service of such an appProtocol: nobody sends a request.
    apply(scene, &[canary, app.deployment()]).await?;
    scene.phase("connected", "Initialized", SOON).await?;
    let route = ("connected", "tcp");
    shared(scene, route, &[("connected-primary", 100), ("connected-canary", 0)]).await?;
    let live = routes(scene).get("connected").await?;
    ensure!(live.data["spec"].get("http").is_none(), "{}", live.data);
    held(scene, &app.at("v2"), hooks).await?;
    shared(scene, route, &[("connected-primary", 50), ("connected-canary", 50)]).await?;
    let_go(&app, hooks);
    promoted(scene, &app.at("v2")).await?;
    shared(scene, route, &[("connected-primary", 100), ("connected-canary", 0)]).await
}

/// In the words of the version before, as most manifests are.
fn front() -> Value {
    let destination = |host: &str, weight: u64| json!({"destination": {"host": host}, "weight": weight});
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": {"name": "front"},
        "spec": {
            "hosts": ["front.example.com"],
            "http": [
                {"route": [destination("edited", 3), destination("legacy", 1)], "retries": {"attempts": 2}},
                {"match": [{"uri": {"prefix": "/legacy"}}], "route": [{"destination": {"host": "legacy"}}]},
            ],
            "tcp": [{"match": [{"port": 5432}], "route": [{"destination": {"host": "edited"}}]}],
            "tls": [{"match": [{"port": 443, "sniHosts": ["front.example.com"]}], "route": [{"destination": {"host": "edited"}}]}],
        },
    })
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [app.service(), front(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "istio", "{}", canary.0["spec"]);
    held(scene, &app.at("v2"), hooks).await?;
    let halves = [("edited-primary", 150), ("edited-canary", 150), ("legacy", 100)];
    split(scene, "front", &halves).await?;
    // Git says it again: the run's shares stay, and so does the rest of what it says.
    apply(scene, &[front()]).await?;
    split(scene, "front", &halves).await?;
    let live = routes(scene).get("front").await?;
    shared(
        scene,
        ("front", "tcp"),
        &[("edited-primary", 50), ("edited-canary", 50)],
    )
    .await?;
    ensure!(live.data["spec"]["tls"] == front()["spec"]["tls"], "{}", live.data);
    ensure!(
        live.data["spec"]["http"][1] == front()["spec"]["http"][1],
        "{}",
        live.data
    );
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}
