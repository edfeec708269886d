//! Provider kuma: a definition of what is used of Kuma's MeshHTTPRoute judges every object that is sent, and MeshHTTPRoutes
//! carry a release and an A/B test. There is no mesh here: what its proxies make of them is Kuma's.

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
async fn mesh_http_routes_are_as_their_definition_has_them_and_carry_a_release() {
    play("kuma", async |scene| {
        scene.kuma_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "kuma").await?;
        together(vec![
            case("golden objects", judged(scene, "kuma", 6)),
            case("one of ours", made(scene, &hooks)),
            case("the author's", edited(scene, &hooks)),
            case("a test", tested(scene, &hooks)),
            case("a port that says nothing", silent(scene)),
        ])
        .await?;
        scene.unlabel().await?;
        for name in ["edited", "silent"] {
            left(scene, name).await?;
        }
        let own = routes(scene).get("front").await?;
        ensure!(own.data["spec"] == front()["spec"], "{}", own.data["spec"]);
        // A Canary that somebody wrote stays until he takes it away, and what was made for it goes with it.
        for name in ["made", "tested"] {
            scene.kubectl(&["delete", "canary", name]).await?.succeeded()?;
            left(scene, name).await?;
            wait_for("what was made to go", SOON, async || {
                Ok(routes(scene).get_opt(name).await?.is_none().then_some(()))
            })
            .await?;
        }
        Ok(())
    })
    .await;
}

fn routes(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("kuma.io", "v1alpha1", "MeshHTTPRoute", "meshhttproutes")
}

/// The rules for requests to the first Service that a route is about.
async fn rules(scene: &Scene, name: &str) -> Result<Vec<Value>> {
    let found = routes(scene).get_opt(name).await?;
    let rules = found.and_then(|found| found.data["spec"]["to"][0]["rules"].as_array().cloned());
    Ok(rules.unwrap_or_default())
}

/// Waits until the rule at that place sends so much to each of these.
async fn split(scene: &Scene, (name, at): (&str, usize), wanted: &[(&str, u64)]) -> Result<()> {
    wait_for(&format!("{name} to be split as {wanted:?}"), SOON, async || {
        let rules = rules(scene, name).await?;
        let backends = rules.get(at).and_then(|rule| rule["default"]["backendRefs"].as_array());
        let of = |one: &Value| (one["name"].as_str().map(str::to_owned), one["weight"].as_u64());
        let found: Vec<_> = backends.into_iter().flatten().map(of).collect();
        let wanted = wanted
            .iter()
            .map(|(name, weight)| (Some((*name).to_owned()), Some(*weight)));
        Ok(wanted.eq(found).then_some(()))
    })
    .await
}

/// A Canary as they are written for Flagger with Kuma.
fn canary(scene: &Scene, app: &App, analysis: &Value) -> Value {
    let mut canary = app.canary(&scene.host(app.name()), analysis, 60);
    canary["metadata"]["annotations"] = json!({"kuma.io/mesh": "payments"});
    canary["spec"]["provider"] = json!("kuma");
    canary["spec"]["service"] =
        json!({"port": 9898, "apex": {"annotations": {"9898.service.kuma.io/protocol": "http"}}});
    canary
}

async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let canary = canary(scene, &app, &crate::quick::analysis(hooks));
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    let (rest, half) = (
        [("made-primary", 100), ("made-canary", 0)],
        [("made-primary", 50), ("made-canary", 50)],
    );
    split(scene, ("made", 0), &rest).await?;
    let live = routes(scene).get("made").await?;
    let mesh = live
        .metadata
        .labels
        .and_then(|labels| labels.get("kuma.io/mesh").cloned());
    ensure!(mesh.as_deref() == Some("payments"), "it is in mesh {mesh:?}");
    let about = &live.data["spec"]["to"][0]["targetRef"];
    ensure!(about["name"] == "made" && about["sectionName"] == "http", "{about}");
    // A MeshService is told by this what its port speaks.
    for service in ["made", "made-primary", "made-canary"] {
        let path = "jsonpath={.spec.ports[0].appProtocol}";
        let get = ["get", "service", service, "-o", path];
        wait_for(&format!("{service} to say what it speaks"), SOON, async || {
            let said = scene.kubectl(&get).await?.succeeded()?;
            ensure!(said.out == "http", "{service} speaks {:?}", said.out);
            Ok(Some(()))
        })
        .await?;
    }
    held(scene, &app.at("v2"), hooks).await?;
    split(scene, ("made", 0), &half).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(scene, ("made", 0), &rest).await
}

/// The MeshHTTPRoute of an author, with his weights.
fn front() -> Value {
    let service =
        |name: &str, weight: u64| json!({"kind": "MeshService", "name": name, "port": 9898, "weight": weight});
    let rule = |path: &str, backends: Value| {
        let matches = json!([{"path": {"type": "PathPrefix", "value": path}}]);
        json!({"matches": matches, "default": {"backendRefs": backends}})
    };
    json!({
        "apiVersion": "kuma.io/v1alpha1", "kind": "MeshHTTPRoute", "metadata": {"name": "front"},
        "spec": {
            "targetRef": {"kind": "Mesh"},
            "to": [
                {
                    "targetRef": {"kind": "MeshService", "name": "edited", "sectionName": "http"},
                    "rules": [
                        rule("/", json!([service("edited", 3), service("legacy", 1)])),
                        rule("/legacy", json!([service("legacy", 1)])),
                    ],
                },
                {
                    "targetRef": {"kind": "MeshService", "name": "shop"},
                    "rules": [rule("/edited", json!([{
                        "kind": "MeshService", "port": 9898, "weight": 1, "labels": {"kuma.io/display-name": "edited"},
                    }]))],
                },
            ],
        },
    })
}

/// The Service of an app that says what it speaks.
fn speaking(app: &App) -> Value {
    let mut service = app.service();
    service["spec"]["ports"][0]["appProtocol"] = json!("http");
    service
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [speaking(&app), front(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "kuma", "{}", canary.0["spec"]);
    held(scene, &app.at("v2"), hooks).await?;
    let halves = [("edited-primary", 150), ("edited-canary", 150), ("legacy", 100)];
    split(scene, ("front", 0), &halves).await?;
    // Git says it again: the run's shares stay, and so does the rest of what it says.
    apply(scene, &[front()]).await?;
    split(scene, ("front", 0), &halves).await?;
    let live = routes(scene).get("front").await?;
    for at in ["/targetRef", "/to/0/targetRef", "/to/0/rules/1", "/to/1/targetRef"] {
        ensure!(
            live.data["spec"].pointer(at) == front()["spec"].pointer(at),
            "{at}: {}",
            live.data
        );
    }
    let others = &live.data["spec"]["to"][1]["rules"][0]["default"]["backendRefs"];
    ensure!(
        others[1]["labels"] == json!({"kuma.io/display-name": "edited-canary"}) && others[1]["weight"] == 50,
        "{others}"
    );
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}

/// Those who match have a rule of their own, to the canary alone, for as long as the test runs.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let analysis = ab_test(crate::quick::analysis(hooks), 1, &marked());
    let canary = canary(scene, &app, &analysis);
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    split(scene, ("tested", 0), &[("tested-canary", 100), ("tested-primary", 0)]).await?;
    split(scene, ("tested", 1), &[("tested-primary", 100), ("tested-canary", 0)]).await?;
    let named = rules(scene, "tested").await?;
    let header = json!({"name": "x-canary", "type": "Exact", "value": "yes"});
    let wanted = json!([{"path": {"type": "PathPrefix", "value": "/"}, "headers": [header]}]);
    ensure!(named[0]["matches"] == wanted, "{named:?}");
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    ensure!(rules(scene, "tested").await?.len() == 1, "a rule of the test is left");
    Ok(())
}

/// Kuma would take such a port for connections, which have no shares.
async fn silent(scene: &Scene) -> Result<()> {
    let app = App::new("silent", "v1").replicas(1);
    let items = [app.service(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("silent").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "kubernetes", "{}", canary.0["spec"]);
    ensure!(routes(scene).get_opt("silent").await?.is_none(), "it has a route");
    Ok(())
}
