//! Providers appmesh: definitions that are made of the Go types of App Mesh's controller (v1beta1) and of Flagger (v1beta2) judge
//! every object that is sent, and routers of both versions carry a release. There is no App Mesh here, as there is none anywhere:
//! what its proxies made of them was theirs.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    SOON, ab_test, analysis, apply, at_rest, held, held_in_test, labelled_by, left, let_go, marked, succeeded, way_in,
};

const GROUP: &str = "appmesh.k8s.aws";

#[tokio::test(flavor = "multi_thread")]
async fn routers_are_as_app_mesh_took_them_and_carry_a_release() {
    play("appmesh", async |scene| {
        scene.appmesh_crds().await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "appmesh:v1beta2").await?;
        together(vec![
            case("golden objects", judged(scene, "appmesh", 60)),
            case("one of ours", made(scene, &hooks)),
            case("one of the older version", older(scene, &hooks)),
            case("a test", tested(scene, &hooks)),
            case("the author's", edited(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "edited").await?;
        // A Canary that somebody wrote stays until he takes it away, and what was made for it goes with it.
        for name in ["made", "older", "tested"] {
            scene.kubectl(&["delete", "canary", name]).await?.succeeded()?;
            left(scene, name).await?;
        }
        let own = routers(scene).get("front").await?;
        ensure!(own.data["spec"] == front()["spec"], "{}", own.data["spec"]);
        wait_for("what was made to go", SOON, async || {
            let all = names(&routers(scene)).await? == ["front"]
                && names(&nodes(scene, "v1beta2")).await?.is_empty()
                && names(&services(scene, "v1beta2")).await?.is_empty();
            Ok(all.then_some(()))
        })
        .await
    })
    .await;
}

fn routers(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic(GROUP, "v1beta2", "VirtualRouter", "virtualrouters")
}

fn nodes(scene: &Scene, version: &str) -> Api<DynamicObject> {
    scene.objects().dynamic(GROUP, version, "VirtualNode", "virtualnodes")
}

fn services(scene: &Scene, version: &str) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic(GROUP, version, "VirtualService", "virtualservices")
}

async fn names(all: &Api<DynamicObject>) -> Result<Vec<String>> {
    let all = all.list(&ListParams::default()).await?;
    Ok(all.into_iter().filter_map(|one| one.metadata.name).collect())
}

/// Whom each route sends to, with the weights: of the newer version's words, or of the older one's.
fn shares(router: &DynamicObject) -> Vec<(String, Vec<(String, u64)>)> {
    let routes = router.data["spec"]["routes"].as_array().cloned().unwrap_or_default();
    let of = |route: Value| {
        let request = [&route["httpRoute"], &route["http"]]
            .into_iter()
            .find(|one| one.is_object());
        let targets = request.and_then(|one| one["action"]["weightedTargets"].as_array().cloned());
        let target = |one: Value| {
            let named = [&one["virtualNodeRef"]["name"], &one["virtualNodeName"]];
            let name = named.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned();
            (name, one["weight"].as_u64().unwrap_or_default())
        };
        let targets = targets.into_iter().flatten().map(target).collect();
        (route["name"].as_str().unwrap_or_default().to_owned(), targets)
    };
    routes.into_iter().map(of).collect()
}

/// Waits until the router has these routes, each with the canary's share of an app.
async fn split(all: &Api<DynamicObject>, router: &str, app: &str, wanted: &[(&str, u64)]) -> Result<()> {
    let halves = |canary: u64| {
        vec![
            (format!("{app}-canary"), canary),
            (format!("{app}-primary"), 100 - canary),
        ]
    };
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(route, canary)| ((*route).to_owned(), halves(*canary)))
        .collect();
    wait_for(&format!("{router} to have {wanted:?}"), SOON, async || {
        let found = all.get_opt(router).await?.map(|found| shares(&found));
        let ours = found.map(|mut found| {
            found.retain(|(_, targets)| targets.iter().any(|(node, _)| node.starts_with(app)));
            found
        });
        Ok((ours.as_ref() == Some(&wanted)).then_some(()))
    })
    .await
}

/// Waits until an object is as it should be.
async fn found(all: &Api<DynamicObject>, name: &str, is: impl Fn(&Value) -> bool) -> Result<()> {
    wait_for(&format!("{name} to be as it should"), SOON, async || {
        let found = all.get_opt(name).await?;
        Ok(found.is_some_and(|found| is(&found.data["spec"])).then_some(()))
    })
    .await
}

/// As they are written for Flagger with App Mesh.
fn canary(scene: &Scene, hooks: &Hooks, app: &App, provider: &str) -> Value {
    let mut canary = app.canary(&scene.host(app.name()), &analysis(hooks), 60);
    canary["spec"]["provider"] = json!(provider);
    canary["spec"]["service"] = json!({"port": 9898, "timeout": "15s", "meshName": "global", "backends": ["auth"]});
    canary
}

async fn made(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("made", "v1").replicas(1);
    let canary = canary(scene, hooks, &app, "appmesh:v1beta2");
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    split(&routers(scene), "made", "made", &[("made", 0)]).await?;
    split(&routers(scene), "made-canary", "made", &[("made-canary", 100)]).await?;
    for name in ["made", "made-canary"] {
        let behind = json!({"virtualRouter": {"virtualRouterRef": {"name": name}}});
        found(&services(scene, "v1beta2"), name, |spec| spec["provider"] == behind).await?;
    }
    let (nodes, host) = (nodes(scene, "v1beta2"), |name: &str| {
        json!(format!("{name}.{}.svc.cluster.local.", scene.namespace))
    });
    for (name, half) in [("made-primary", "made-primary"), ("made-canary", "made")] {
        let deployment = serde_json::to_value(scene.objects().deployments().get(half).await?)?;
        let pods = deployment["spec"]["selector"]["matchLabels"].clone();
        let is = |spec: &Value| {
            spec["podSelector"]["matchLabels"] == pods
                && spec["serviceDiscovery"]["dns"]["hostname"] == host(name)
                && spec["listeners"][0]["timeout"]["http"]["perRequest"]["value"] == 15_000
                && spec["backends"][0]["virtualService"]["virtualServiceRef"]["name"] == "auth"
        };
        found(&nodes, name, is).await?;
    }
    found(&nodes, "made", |spec| {
        spec["serviceDiscovery"]["dns"]["hostname"] == host("made")
    })
    .await?;
    held(scene, &app.at("v2"), hooks).await?;
    split(&routers(scene), "made", "made", &[("made", 50)]).await?;
    // Somebody's edit is undone within the run; what App Mesh's own webhook says stays.
    let edit = r#"[
        {"op": "replace", "path": "/spec/listeners/0/portMapping/port", "value": 5},
        {"op": "add", "path": "/spec/awsName", "value": "made-canary_shop"}
    ]"#;
    let edit = [
        "patch",
        "virtualnodes.v1beta2.appmesh.k8s.aws",
        "made-canary",
        "--type=json",
        "-p",
        edit,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    let right =
        |spec: &Value| spec["listeners"][0]["portMapping"]["port"] == 9898 && spec["awsName"] == "made-canary_shop";
    found(&nodes, "made-canary", right).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(&routers(scene), "made", "made", &[("made", 0)]).await
}

async fn older(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("older", "v1").replicas(1);
    let canary = canary(scene, hooks, &app, "appmesh");
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    let (services, router) = (services(scene, "v1beta1"), format!("older.{}", scene.namespace));
    split(&services, &router, "older", &[("older", 0)]).await?;
    let of_canary = format!("older-canary.{}", scene.namespace);
    split(&services, &of_canary, "older", &[("older-canary", 100)]).await?;
    for name in ["older", "older-primary", "older-canary"] {
        let host = json!(format!("{name}.{}", scene.namespace));
        let is = |spec: &Value| spec["meshName"] == "global" && spec["serviceDiscovery"]["dns"]["hostName"] == host;
        found(&nodes(scene, "v1beta1"), name, is).await?;
    }
    held(scene, &app.at("v2"), hooks).await?;
    split(&services, &router, "older", &[("older", 50)]).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(&services, &router, "older", &[("older", 0)]).await
}

/// Those who match have a route of their own, to the canary alone, for as long as the test runs.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let mut canary = canary(scene, hooks, &app, "appmesh:v1beta2");
    canary["spec"]["analysis"] = ab_test(analysis(hooks), 1, &marked());
    at_rest(scene, &app, &[canary, way_in(scene, &app), app.deployment()]).await?;
    split(&routers(scene), "tested", "tested", &[("tested", 0)]).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    split(
        &routers(scene),
        "tested",
        "tested",
        &[("tested-test-1", 100), ("tested", 0)],
    )
    .await?;
    let live = routers(scene).get("tested").await?;
    let routes = &live.data["spec"]["routes"];
    let headers = json!([{"name": "x-canary", "match": {"exact": "yes"}}]);
    ensure!(routes[0]["httpRoute"]["match"]["headers"] == headers, "{routes}");
    ensure!(routes[0]["priority"] == 19 && routes[1]["priority"] == 20, "{routes}");
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    split(&routers(scene), "tested", "tested", &[("tested", 0)]).await
}

/// The router of an author, whose app has been in the mesh before.
fn front() -> Value {
    let route = |name: &str, prefix: &str, node: &str| {
        let target = json!({"virtualNodeRef": {"name": node}, "weight": 100});
        json!({"name": name, "httpRoute": {"match": {"prefix": prefix}, "action": {"weightedTargets": [target]}}})
    };
    json!({
        "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualRouter", "metadata": {"name": "front"},
        "spec": {
            "listeners": [{"portMapping": {"port": 9898, "protocol": "http"}}],
            "routes": [route("old", "/old", "legacy"), route("root", "/", "edited")],
        },
    })
}

async fn edited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edited", "v1").replicas(1);
    let items = [app.service(), front(), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("edited").await?.context("the Canary")?;
    ensure!(
        canary.0["spec"]["provider"] == "appmesh:v1beta2",
        "{}",
        canary.0["spec"]
    );
    held(scene, &app.at("v2"), hooks).await?;
    split(&routers(scene), "front", "edited", &[("root", 50)]).await?;
    // Git says it again: the run's shares stay, and so does the rest of what it says.
    apply(scene, &[front()]).await?;
    split(&routers(scene), "front", "edited", &[("root", 50)]).await?;
    let live = routers(scene).get("front").await?;
    let routes = &live.data["spec"]["routes"];
    ensure!(routes[0] == front()["spec"]["routes"][0], "{routes}");
    // The pods are members by what their author says.
    for half in ["edited-primary", "edited-canary"] {
        found(&nodes(scene, "v1beta2"), half, |spec| spec["podSelector"].is_null()).await?;
    }
    ensure!(
        nodes(scene, "v1beta2").get_opt("edited").await?.is_none(),
        "that is the author's to make"
    );
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await
}
