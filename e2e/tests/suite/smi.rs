//! Providers smi: Open Service Mesh's definition, with two versions of a TrafficSplit served at once and nothing converted,
//! judges every object that is sent but those of v1alpha1, which it does not have, and TrafficSplits of both carry a release.
//! There is no mesh here: what its proxies make of them is theirs.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::definitions::judged_but;
use crate::quick::{SOON, apply, at_rest, held, labelled_by, left, let_go, succeeded, way_in};

#[tokio::test(flavor = "multi_thread")]
async fn traffic_splits_are_as_their_definition_has_them_and_carry_a_release() {
    play("smi", async |scene| {
        scene.smi_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "smi:v1alpha2").await?;
        together(vec![
            case(
                "golden objects",
                judged_but(scene, "smi", 4, "split.smi-spec.io/v1alpha1"),
            ),
            case("one of ours", made(scene, &hooks)),
            case("the author's", edited(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "edited").await?;
        // A Canary that somebody wrote stays until he takes it away, and what was made for it goes with it.
        scene.kubectl(&["delete", "canary", "made"]).await?.succeeded()?;
        left(scene, "made").await?;
        let own = splits(scene, "v1alpha2").get("front").await?;
        ensure!(own.data["spec"] == front()["spec"], "{}", own.data["spec"]);
        wait_for("what was made to go", SOON, async || {
            let found = splits(scene, "v1alpha3").get_opt("made").await?;
            Ok(found.is_none().then_some(()))
        })
        .await
    })
    .await;
}

fn splits(scene: &Scene, version: &str) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("split.smi-spec.io", version, "TrafficSplit", "trafficsplits")
}

/// The TrafficSplit of an author, with his weights.
fn front() -> Value {
    json!({
        "apiVersion": "split.smi-spec.io/v1alpha2", "kind": "TrafficSplit", "metadata": {"name": "front"},
        "spec": {
            "service": "edited",
            "backends": [{"service": "edited", "weight": 3}, {"service": "legacy", "weight": 1}],
        },
    })
}

fn backends(wanted: &[(&str, Value)]) -> Value {
    let backend = |(service, weight): &(&str, Value)| json!({"service": service, "weight": weight});
    wanted.iter().map(backend).collect()
}

/// Waits until it sends so much to each of these.
async fn split(scene: &Scene, (version, name): (&str, &str), wanted: &[(&str, Value)]) -> Result<()> {
    let wanted = backends(wanted);
    wait_for(&format!("{name} to be split as {wanted}"), SOON, async || {
        let found = splits(scene, version).get_opt(name).await?;
        let same = found.is_some_and(|found| found.data["spec"]["backends"] == wanted);
        Ok(same.then_some(()))
    })
    .await
}

/// A Canary as they are written for Flagger with such a mesh, in another version than the policy's.
async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let mut canary = app.canary(&scene.host(app.name()), &crate::quick::analysis(hooks), 60);
    canary["spec"]["provider"] = json!("smi:v1alpha3");
    canary["spec"]["service"] = json!({"port": 9898});
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    let place = ("v1alpha3", "made");
    let rest = [("made-canary", json!(0)), ("made-primary", json!(100))];
    split(scene, place, &rest).await?;
    let live = splits(scene, "v1alpha3").get("made").await?;
    ensure!(live.data["spec"]["service"] == "made", "{}", live.data);
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, place, &[("made-canary", json!(50)), ("made-primary", json!(50))]).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(scene, place, &rest).await
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [app.service(), front(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "smi:v1alpha2", "{}", canary.0["spec"]);
    held(scene, &app.at("v2"), hooks).await?;
    let place = ("v1alpha2", "front");
    let halves = [
        ("edited-canary", json!(450)),
        ("edited-primary", json!(450)),
        ("legacy", json!(300)),
    ];
    split(scene, place, &halves).await?;
    // Git says it again, in whichever version: the run's shares stay, and so does the rest of what it says.
    for version in ["v1alpha2", "v1alpha3"] {
        let mut said = front();
        said["apiVersion"] = json!(format!("split.smi-spec.io/{version}"));
        apply(scene, &[said]).await?;
        split(scene, place, &halves).await?;
    }
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}
