//! Two routing providers at once in one namespace, through the real gateway: each release moves the objects of its own Canary's
//! provider, and leaves alone those of the other one's kind, even where they lead to its own app.

use anyhow::{Result, ensure};
use e2e::scene::fronts::ingress_route;
use e2e::scene::invariants::{exits, nothing_lost, serves_only_verified};
use e2e::scene::{Answer, App, Hooks, Scene, play, wait_for};
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::quick::{SOON, VERDICT, analysis, apply, at_rest, held, labelled, let_go, routed, shows, succeeded};
use crate::traefik::{canary, half, leads, traefik_service};

/// An HTTPRoute carries its share.
const ROUTED: &str = "routed";
/// A TraefikService carries its share.
const LISTED: &str = "listed";
/// Of each kind one that leads to the other app: its author's, and nobody's to move.
const ASIDE: &str = "aside";

#[tokio::test(flavor = "multi_thread")]
async fn releases_by_two_providers_in_one_namespace_move_only_their_own_objects() {
    play("side-by-side", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        let (by_route, by_list) = (App::new(ROUTED, "v1"), App::new(LISTED, "v1"));
        by_gateway_api(scene, &by_route, &hooks).await?;
        by_traefik(scene, &by_list, &hooks).await?;
        let aside = both_aside(scene).await?;
        let (good, bad) = (scene.load(ROUTED)?.start()?, scene.load(LISTED)?.start()?);
        // Those who come to the second app past its release.
        let past = scene.light_load(ASIDE)?.start()?;

        released(
            scene,
            &by_route.at("v2"),
            &by_list.at("v2").with("ERROR_RATE", "1"),
            &hooks,
        )
        .await?;
        shows().await;
        let (good, bad, past) = (good.stop().await?, bad.stop().await?, past.stop().await?);
        for report in [&good, &bad, &past] {
            nothing_lost(report)?;
        }
        ensure!(good.first_all_on("v2").is_some(), "{:?}", good.versions());
        ensure!(bad.errors_of("v2") > 0, "nobody met the bad one: {:?}", bad.versions());
        ensure!(bad.first_all_on("v1").is_some(), "{:?}", bad.versions());
        serves_only_verified(&past, &["v1"])?;
        ensure!(
            both_aside(scene).await? == aside,
            "somebody moved what was nobody's to move"
        );
        Ok(())
    })
    .await;
}

/// Both have half of their users at the same time; then one is let go, and the other fails.
async fn released(scene: &Scene, good: &App, bad: &App, hooks: &Hooks) -> Result<()> {
    tokio::try_join!(held(scene, good, hooks), held(scene, bad, hooks))?;
    routed(scene, ROUTED, 50).await?;
    let halves = ["primary", "canary"].map(|of| half(scene, LISTED, of, 50));
    leads(scene, LISTED, &json!(halves)).await?;
    // Neither has made anything of the other one's kind.
    for (kind, own) in [(routes(scene), ROUTED), (lists(scene), LISTED)] {
        // By the policy it might have, had the webhook not heard of the author's Canary yet.
        wait_for(&format!("{own} to be alone of its kind"), SOON, async || {
            let mut names = names(&kind).await?;
            names.retain(|name| name != ASIDE);
            ensure!(names == [own], "{names:?} and not {own} alone");
            Ok(Some(()))
        })
        .await?;
    }
    let_go(good, hooks);
    hooks.answer_to(bad.name(), VERDICT, Answer::halt());
    let failed = async {
        scene.phase(bad.name(), "Failed", SOON).await?;
        exits(scene, bad.name(), SOON).await
    };
    tokio::try_join!(succeeded(scene, good), failed)?;
    routed(scene, ROUTED, 0).await?;
    leads(scene, LISTED, &json!([half(scene, LISTED, "primary", 100)])).await
}

fn routes(scene: &Scene) -> Api<DynamicObject> {
    scene.objects().routes()
}

fn lists(scene: &Scene) -> Api<DynamicObject> {
    scene.objects().traefik_services()
}

async fn names(kind: &Api<DynamicObject>) -> Result<Vec<String>> {
    let found = kind.list(&ListParams::default()).await?;
    Ok(found.into_iter().filter_map(|one| one.metadata.name).collect())
}

async fn by_gateway_api(scene: &Scene, app: &App, hooks: &Hooks) -> Result<()> {
    let canary = app.canary(&scene.host(ROUTED), &analysis(hooks), 60);
    let aside = traefik_service(
        ASIDE,
        json!({"weighted": {"services": [{"name": ROUTED, "port": 9898}]}}),
    );
    at_rest(scene, app, &[canary, aside, app.deployment()]).await
}

async fn by_traefik(scene: &Scene, app: &App, hooks: &Hooks) -> Result<()> {
    let canary = canary(scene, app, &analysis(hooks));
    let mut aside = app.route(&scene.host(ASIDE));
    aside["metadata"]["name"] = json!(ASIDE);
    // Before its Deployment, for which the policy would have another provider.
    apply(scene, &[canary, aside]).await?;
    at_rest(scene, app, &[ingress_route(scene, LISTED, LISTED), app.deployment()]).await?;
    scene.reachable(ASIDE, SOON).await.map(drop)
}

/// What is stored of both that are nobody's to move, and how often its spec has changed.
async fn both_aside(scene: &Scene) -> Result<[(Option<i64>, Value); 2]> {
    let stored = async |kind: Api<DynamicObject>| {
        let found = kind.get(ASIDE).await?;
        anyhow::Ok((found.metadata.generation, found.data["spec"].clone()))
    };
    Ok([stored(routes(scene)).await?, stored(lists(scene)).await?])
}
