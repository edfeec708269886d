//! Whatever points at an app's pods: it goes where everybody goes, or the app stays as it is and its author is told.

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Load, until_reachable};
use e2e::scene::invariants::{nothing_lost, serves_only_verified, whatever_points_at_the_pods_follows};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::quick::{
    SOON, apply, at_rest, failed, has_a_pod, inside, labelled, left, policy, says_why, shows, succeeded,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_service_of_an_app_follows_it_and_what_cannot_be_followed_is_told() {
    play("pointing", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("second, headless and routed twice", async {
                scene.apart("pointing-many", async |own| many(own, &hooks).await).await
            }),
            case("two Deployments behind one Service", two_behind_one(scene, false)),
            case("two that run before the label", async {
                scene
                    .apart("pointing-two", async |own| {
                        own.policy(&policy(&hooks)).await?;
                        two_behind_one(own, true).await
                    })
                    .await
            }),
            case("Services that only have a name", only_named(scene)),
            case("a Service that comes in mid-run and goes", comes_late(scene, &hooks)),
            case("blue/green by hand", blue_green(scene)),
            case("a route in another namespace", async {
                scene
                    .apart("pointing-edge", async |edge| elsewhere(scene, edge).await)
                    .await
            }),
        ])
        .await
    })
    .await;
}

fn one(name: &str) -> App {
    App::new(name, "v1").replicas(1)
}

/// A Service of another name on the pods of an app.
fn named(app: &App, name: &str) -> Value {
    let mut service = app.service();
    service["metadata"]["name"] = json!(name);
    service
}

fn headless(app: &App, name: &str) -> Value {
    let mut service = named(app, name);
    service["spec"]["clusterIP"] = json!("None");
    service
}

/// A route of that name to a Service, under a host of the scene.
fn route(scene: &Scene, app: &App, to: &str) -> Value {
    let mut route = app.route(&scene.host(to));
    route["metadata"]["name"] = json!(to);
    route["spec"]["rules"][0]["backendRefs"][0]["name"] = json!(to);
    route
}

async fn many(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = one("app");
    scene.policy(&policy(hooks)).await?;
    let mut service = app.service();
    let admin = json!({"name": "admin", "port": 9090, "targetPort": 9898});
    service["spec"]["ports"][0]["name"] = json!("http");
    service["spec"]["ports"].as_array_mut().context("ports")?.push(admin);
    let mut by_two_ports = route(scene, &app, "app");
    let rule = json!({
        "matches": [{"path": {"type": "PathPrefix", "value": "/version"}}],
        "backendRefs": [{"name": "app", "port": 9090}],
    });
    by_two_ports["spec"]["rules"]
        .as_array_mut()
        .context("rules")?
        .insert(0, rule);
    let items = [
        service,
        named(&app, "app-metrics"),
        named(&app, "inner"),
        headless(&app, "app-peers"),
        by_two_ports,
        route(scene, &app, "inner"),
        app.deployment(),
    ];
    apply(scene, &items).await?;
    for host in ["app", "inner"] {
        scene.reachable(host, SOON).await?;
    }
    let mut loads = vec![scene.light_load("app")?.start()?, scene.light_load("inner")?.start()?];
    let second_port = Load {
        path: "/version".to_owned(),
        ..scene.light_load("app")?
    };
    loads.push(second_port.start()?);
    let metrics = inside(scene, "app-metrics").await?;
    loads.push(inside(scene, "app").await?);
    scene.label().await?;
    scene.phase("app", "Initialized", SOON).await?;
    scene.rests("app", SOON).await?;
    one_endpoint(scene, "app-peers").await?;
    let good = app.at("v2");
    apply(scene, &[good.deployment()]).await?;
    succeeded(scene, &good).await?;
    failed(scene, &app.at("v3"), hooks).await?;
    for service in ["app", "app-metrics", "inner", "app-peers"] {
        whatever_points_at_the_pods_follows(scene, service, "app-primary").await?;
    }
    one_endpoint(scene, "app-peers").await?;
    scene.unlabel().await?;
    left(scene, "app").await?;
    let metrics = metrics.stop().await?;
    nothing_lost(&metrics).context("by the second Service")?;
    serves_only_verified(&metrics, &["v1", "v2"])?;
    for (number, load) in loads.into_iter().enumerate() {
        nothing_lost(&load.stop().await?).with_context(|| format!("load {number}"))?;
    }
    for name in ["app", "app-metrics", "inner", "app-peers"] {
        given_back(scene, &app, name).await?;
    }
    for name in ["inner-primary", "inner-canary", "app-primary", "app-canary"] {
        wait_for(&format!("{name} to go"), SOON, async || {
            let stays = scene.objects().services().get_opt(name).await?;
            Ok(stays.is_none().then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Endpoints follow a Service's selector, and its pods, a moment later.
async fn one_endpoint(scene: &Scene, service: &str) -> Result<()> {
    wait_for(&format!("{service} to have one endpoint"), SOON, async || {
        Ok((endpoints(scene, service).await? == 1).then_some(()))
    })
    .await
}

async fn endpoints(scene: &Scene, service: &str) -> Result<usize> {
    let slices: Api<EndpointSlice> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let of = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let found = slices.list(&of).await?;
    let ready = |one: &&k8s_openapi::api::discovery::v1::Endpoint| {
        one.conditions.as_ref().and_then(|conditions| conditions.ready) == Some(true)
    };
    Ok(found
        .items
        .iter()
        .flat_map(|slice| &slice.endpoints)
        .filter(ready)
        .count())
}

async fn given_back(scene: &Scene, app: &App, name: &str) -> Result<()> {
    let service = serde_json::to_value(scene.objects().services().get(name).await?)?;
    let own = app.service();
    ensure!(
        service["spec"]["selector"] == own["spec"]["selector"],
        "{name}: {service}"
    );
    let notes = service["metadata"]["annotations"].as_object();
    let ours = notes.is_some_and(|notes| notes.keys().any(|key| key.starts_with("coalmine.dev/")));
    ensure!(!ours, "{name}: {service}");
    Ok(())
}

/// New ones are told at their apply; those that run already, when their namespace is labelled.
async fn two_behind_one(scene: &Scene, live: bool) -> Result<()> {
    let part = |part: &str| {
        let app = App::new(&format!("auth-{part}"), part).replicas(1);
        app.labelled(&[("app", "auth"), ("part", part)])
    };
    let (server, worker) = (part("server"), part("worker"));
    let mut service = named(&server, "auth");
    service["spec"]["selector"] = json!({"app": "auth"});
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": [service, server.deployment(), worker.deployment()]});
    let said = scene.apply(&list.to_string()).await?.succeeded()?;
    if live {
        for name in ["auth-server", "auth-worker"] {
            has_a_pod(scene, name).await?;
        }
        scene.label().await?;
    } else {
        says_why(&said, "Service auth selects the pods of")?;
    }
    for name in ["auth-server", "auth-worker"] {
        told(
            scene,
            name,
            "Not released as a canary: Service auth selects the pods of",
        )
        .await?;
        wait_for(&format!("{name} to run as written"), SOON, async || {
            let canary = scene.objects().canary(name).await?;
            let found = scene.objects().deployments().get(name).await?;
            let ready = found
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or_default();
            let labels = found.metadata.labels.unwrap_or_default();
            let plain = !labels.contains_key("coalmine.dev/managed");
            Ok((canary.is_none() && ready == 1 && plain).then_some(()))
        })
        .await?;
    }
    let led = scene.service_load("auth").await?;
    for part in ["server", "worker"] {
        wait_for(&format!("auth to lead to the {part}"), SOON, async || {
            Ok((until_reachable(&led, SOON).await? == part).then_some(()))
        })
        .await?;
    }
    let load = inside(scene, "auth").await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.versions().len() == 2, "both answer: {:?}", report.versions());
    let live = serde_json::to_value(scene.objects().services().get("auth").await?)?;
    ensure!(live["spec"]["selector"] == json!({"app": "auth"}), "{live}");
    Ok(())
}

/// Whose name an app would need, and who points at other pods, or at none: they stay as they are, and so does the app.
async fn only_named(scene: &Scene) -> Result<()> {
    let (edge, ledger) = (one("edge"), one("ledger"));
    let mut of_others = edge.service();
    of_others["spec"]["selector"] = json!({"app": "proxy"});
    let mut of_nobody = ledger.service();
    of_nobody["spec"].as_object_mut().context("a spec")?.remove("selector");
    let items = [of_others, of_nobody, edge.deployment(), ledger.deployment()];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let said = scene.apply(&list.to_string()).await?.succeeded()?;
    for (name, selector) in [("edge", json!({"app": "proxy"})), ("ledger", Value::Null)] {
        let word = format!("Service {name} selects other pods or none");
        says_why(&said, &word)?;
        told(scene, name, &word).await?;
        has_a_pod(scene, name).await?;
        // Where the webhook was too busy to see it, the controller takes back what was generated.
        wait_for(&format!("{name} to have no Canary"), SOON, async || {
            Ok(scene.objects().canary(name).await?.is_none().then_some(()))
        })
        .await?;
        let live = serde_json::to_value(scene.objects().services().get(name).await?)?;
        ensure!(
            live["spec"].get("selector").unwrap_or(&Value::Null) == &selector,
            "{live}"
        );
    }
    Ok(())
}

/// Waits until an event about a Deployment says this.
async fn told(scene: &Scene, deployment: &str, text: &str) -> Result<()> {
    let about = ListParams::default().fields(&format!(
        "involvedObject.kind=Deployment,involvedObject.name={deployment}"
    ));
    wait_for(&format!("{deployment} to be told: {text}"), SOON, async || {
        let events = scene.objects().events().list(&about).await?.items;
        let said = |event: &k8s_openapi::api::core::v1::Event| {
            event.message.as_ref().is_some_and(|message| message.contains(text))
        };
        Ok(events.iter().any(said).then_some(()))
    })
    .await
}

async fn comes_late(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = one("late");
    at_rest(scene, &app, &[app.service(), app.deployment()]).await?;
    let next = app.at("v2");
    crate::quick::held(scene, &next, hooks).await?;
    scene
        .kubectl(&["expose", "deployment", "late", "--name=late-too", "--port=9898"])
        .await?
        .succeeded()?;
    follows(scene, "late-too", "late-primary").await?;
    // Until it was moved it led to the canary, which is what it selects; its rules reach the nodes a moment later.
    let led = scene.service_load("late-too").await?;
    wait_for("late-too to lead to who serves", SOON, async || {
        Ok((until_reachable(&led, SOON).await? == "v1").then_some(()))
    })
    .await?;
    shows().await;
    let load = inside(scene, "late-too").await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v1"])?;
    crate::quick::let_go(&next, hooks);
    succeeded(scene, &next).await?;
    scene.kubectl(&["delete", "service", "late-too"]).await?.succeeded()?;
    let last = app.at("v3");
    apply(scene, &[last.deployment()]).await?;
    succeeded(scene, &last).await
}

/// Waits until a Service is sent to the pods of that primary, and they are its endpoints.
async fn follows(scene: &Scene, service: &str, primary: &str) -> Result<()> {
    wait_for(&format!("{service} to follow {primary}"), SOON, async || {
        let live = serde_json::to_value(scene.objects().services().get(service).await?)?;
        let there = live["spec"]["selector"] == json!({"app": primary});
        Ok((there && endpoints(scene, service).await? > 0).then_some(()))
    })
    .await
}

async fn blue_green(scene: &Scene) -> Result<()> {
    let (blue, green) = (one("blue"), one("green"));
    let service = named(&blue, "colour");
    at_rest(scene, &green, &[green.deployment()]).await?;
    apply(scene, &[service, blue.deployment()]).await?;
    scene.phase("blue", "Initialized", SOON).await?;
    follows(scene, "colour", "blue-primary").await?;
    let load = inside(scene, "colour").await?;
    for (to, primary) in [("green", "green-primary"), ("blue", "blue-primary")] {
        let patch = json!({"spec": {"selector": {"app": to}}}).to_string();
        scene
            .kubectl(&["patch", "service", "colour", "-p", &patch])
            .await?
            .succeeded()?;
        follows(scene, "colour", primary).await?;
        shows().await;
    }
    nothing_lost(&load.stop().await?)?;
    for name in ["blue", "green"] {
        scene.phase(name, "Initialized", SOON).await?;
    }
    Ok(())
}

async fn elsewhere(scene: &Scene, edge: &Scene) -> Result<()> {
    let app = one("led");
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "edge"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": edge.namespace}],
            "to": [{"group": "", "kind": "Service"}],
        },
    });
    apply(scene, &[grant, app.service()]).await?;
    let mut led = app.route(&edge.host("led"));
    led["spec"]["rules"][0]["backendRefs"][0]["namespace"] = json!(scene.namespace);
    apply(edge, &[led]).await?;
    let try_out = ["apply", "--dry-run=server", "-f", "-"];
    // The webhook learns of the route a moment after it is stored.
    wait_for("the apply to tell of the route", SOON, async || {
        let said = scene.kubectl_with(&try_out, &app.manifest()).await?.succeeded()?;
        Ok(said
            .err
            .contains("leads to Service led from another namespace")
            .then_some(()))
    })
    .await?;
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.phase("led", "Initialized", SOON).await?;
    told(scene, "led", "leads to Service led from another namespace").await?;
    until_reachable(&edge.load("led")?, SOON).await?;
    let load: Load = edge.light_load("led")?;
    let load = load.start()?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    scene.phase("led", "Succeeded", SOON).await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    ensure!(
        scene.objects().routes().get_opt("led").await?.is_none(),
        "a second address was made"
    );
    Ok(())
}
