//! Provider skipper: a real API server judges every object that is sent, and second Ingresses beside the author's carry a
//! release and an A/B test. What a real Skipper makes of their predicates is seen by `make test-gateways`.

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    SOON, ab_test, analysis, at_rest, failed, held, held_in_test, labelled_by, left, let_go, succeeded, way_in,
};

const PREDICATE: &str = "zalando.org/skipper-predicate";

#[tokio::test(flavor = "multi_thread")]
async fn second_ingresses_take_the_canarys_part_by_predicates() {
    play("skipper", async |scene| {
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "skipper").await?;
        together(vec![
            case("golden objects", judged(scene, "skipper", 8)),
            case("by shares", released(scene, &hooks)),
            case("by headers", tested(scene, &hooks)),
        ])
        .await?;
        scene.unlabel().await?;
        left(scene, "app").await?;
        // A Canary that somebody wrote stays until he takes it away.
        scene.kubectl(&["delete", "canary", "tested"]).await?.succeeded()?;
        left(scene, "tested").await?;
        wait_for("the authors' own Ingresses to be all", SOON, async || {
            let found = scene.objects().ingresses().list(&ListParams::default()).await?;
            let names: Vec<_> = found.into_iter().filter_map(|one| one.metadata.name).collect();
            Ok((names == ["app-front", "tested-front"]).then_some(()))
        })
        .await
    })
    .await;
}

fn ingress(app: &str) -> Value {
    let service = json!({"name": app, "port": {"number": 9898}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {
            "name": format!("{app}-front"),
            "annotations": {
                "cert-manager.io/cluster-issuer": "none", "zalando.org/skipper-filter": "compress()",
                PREDICATE: "Method(\"GET\")",
            },
        },
        "spec": {
            "ingressClassName": "skipper",
            "rules": [{"host": format!("{app}.example.com"), "http": {"paths": [path]}}],
        },
    })
}

/// Whom the Ingress of that name takes, and the Service that its first path leads to; nothing when it is not there.
async fn taken(scene: &Scene, name: &str) -> Result<Option<(String, String)>> {
    let Some(found) = scene.objects().ingresses().get_opt(name).await? else {
        return Ok(None);
    };
    let service = &found.data["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"];
    let service = service.as_str().unwrap_or_default().to_owned();
    let annotations = found.metadata.annotations.unwrap_or_default();
    Ok(Some((annotations.get(PREDICATE).cloned().unwrap_or_default(), service)))
}

/// Waits until the second Ingress of that name takes those, or is gone.
async fn takes(scene: &Scene, name: &str, wanted: Option<(&str, &str)>) -> Result<()> {
    wait_for(&format!("{name} to take {wanted:?}"), SOON, async || {
        let found = taken(scene, name).await?;
        let found = found
            .as_ref()
            .map(|(predicate, service)| (predicate.as_str(), service.as_str()));
        Ok((found == wanted).then_some(()))
    })
    .await
}

async fn released(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("app", "v1").replicas(1);
    let items = [app.service(), ingress("app"), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    let canary = scene.objects().canary("app").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "skipper", "{}", canary.0["spec"]);
    ensure!(
        canary.0["spec"]["ingressRef"]["name"] == "app-front",
        "{}",
        canary.0["spec"]
    );
    takes(scene, "app-front-canary", None).await?;
    held(scene, &app.at("v2"), hooks).await?;
    let half = Some(("Weight(100) && Traffic(0.50) && Method(\"GET\")", "app-canary"));
    takes(scene, "app-front-canary", half).await?;
    let found = scene.objects().ingresses().get("app-front-canary").await?;
    let annotations = found.metadata.annotations.unwrap_or_default();
    ensure!(
        annotations.get("zalando.org/skipper-filter").map(String::as_str) == Some("compress()")
            && !annotations.contains_key("cert-manager.io/cluster-issuer"),
        "{annotations:?}"
    );
    // Somebody's edit is undone within the run, and so is what another provider would read.
    let predicate = format!("{PREDICATE}=True()");
    let edit = [
        "annotate",
        "ingress/app-front-canary",
        predicate.as_str(),
        "nginx.ingress.kubernetes.io/canary=true",
        "--overwrite",
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    takes(scene, "app-front-canary", half).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    takes(scene, "app-front-canary", None).await?;
    failed(scene, &app.at("v3"), hooks).await?;
    takes(scene, "app-front-canary", None).await?;
    let own = scene.objects().ingresses().get("app-front").await?;
    ensure!(own.data["spec"] == ingress("app")["spec"], "{}", own.data["spec"]);
    Ok(())
}

/// Those who meet an entry have an Ingress of their own for as long as the test runs.
async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1").replicas(1);
    let users = json!([
        {"headers": {"x-canary": {"exact": "yes"}}}, {"headers": {"cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
    ]);
    let settings = ab_test(analysis(hooks), 1, &users);
    let mut canary = app.canary(&scene.host("tested"), &settings, 60);
    canary["spec"]["provider"] = json!("skipper");
    canary["spec"]["ingressRef"] =
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "tested-front"});
    canary["spec"]["service"] = json!({"port": 9898});
    let items = [canary, ingress("tested"), way_in(scene, &app), app.deployment()];
    at_rest(scene, &app, &items).await?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    let named = [
        "Header(\"x-canary\", \"yes\")",
        "HeaderRegexp(\"cookie\", \"^(.*;)?beta=1(;.*)?$\")",
    ];
    for (name, condition) in ["tested-front-canary--test-1", "tested-front-canary--test-2"]
        .iter()
        .zip(named)
    {
        let predicate = format!("Weight(100) && {condition} && Method(\"GET\")");
        takes(scene, name, Some((predicate.as_str(), "tested-canary"))).await?;
    }
    takes(scene, "tested-front-canary", None).await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    for name in ["", "--test-1", "--test-2"] {
        takes(scene, &format!("tested-front-canary{name}"), None).await?;
    }
    Ok(())
}
