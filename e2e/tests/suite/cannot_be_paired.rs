//! Apps that cannot be one half of a pair run as they are, and their authors are told; apps whose primary is refused
//! later get their pods back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::scene::invariants::the_hold_never_outruns_the_pair;
use e2e::scene::{App, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::quick::{SOON, apply, labelled, policy, put, replicas, room_again, room_for, says_why, succeeded};

/// A refused write is tried again within a minute, and then the pair has to be built.
const AFTERWARDS: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_paired_runs_as_it_is_and_says_why() {
    play("unpaired", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        apply(scene, &[wall(), claim("data"), other("taken-primary")]).await?;
        together(vec![
            case(
                "a volume of one pod's",
                left_alone(scene, mounting("notes", "data"), "ReadWriteOnce"),
            ),
            case(
                "a claim that is not there",
                left_alone(scene, mounting("early", "later"), "does not exist yet"),
            ),
            case(
                "a port of the node's",
                left_alone(scene, on_host("fixed"), "host ports"),
            ),
            case("Recreate", left_alone(scene, recreated("single"), "Recreate")),
            case("a network policy", left_alone(scene, plain("walled"), "NetworkPolicy")),
            case(
                "a name that is taken",
                left_alone(scene, plain("taken"), "Deployment taken-primary"),
            ),
            case(
                "too long a name",
                left_alone(scene, plain(&"n".repeat(56)), "longer than 63"),
            ),
            case("keys that come twice", released(scene, twice)),
            case("a dot in the name", dotted(scene)),
            case(
                "as long a name as there may be",
                released(scene, |version| {
                    App::new(&"l".repeat(55), version).replicas(1).deployment()
                }),
            ),
        ])
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_a_primary_gets_its_pods_back() {
    play("refused", async |scene| {
        let hooks = scene.hooks().await?;
        together(vec![
            case(
                "by a policy",
                scene.apart("refused-policy", async |own| {
                    labelled(own, &hooks).await?;
                    by_a_policy(own).await
                }),
            ),
            case(
                "by a quota",
                scene.apart("refused-quota", async |own| {
                    labelled(own, &hooks).await?;
                    by_a_quota(own).await
                }),
            ),
            case(
                "by its Canary",
                scene.apart("refused-canary", async |own| {
                    labelled(own, &hooks).await?;
                    by_its_canary(own).await
                }),
            ),
            case(
                "by its Service",
                scene.apart("refused-service", async |own| {
                    labelled(own, &hooks).await?;
                    by_its_service(own).await
                }),
            ),
            case(
                "told before the label",
                scene.apart("refused-told", async |own| {
                    own.policy(&policy(&hooks)).await?;
                    told_before(own).await
                }),
            ),
        ])
        .await
    })
    .await;
}

fn plain(name: &str) -> Value {
    App::new(name, "v1").replicas(1).deployment()
}

fn mounting(name: &str, claim: &str) -> Value {
    let mut app = plain(name);
    app["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    app
}

fn on_host(name: &str) -> Value {
    let mut app = plain(name);
    app["spec"]["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(28_998);
    app
}

fn recreated(name: &str) -> Value {
    let mut app = plain(name);
    app["spec"]["strategy"] = json!({"type": "Recreate"});
    app
}

fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}}},
    })
}

fn wall() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "wall"},
        "spec": {"podSelector": {"matchLabels": {"app": "walled"}}, "ingress": [{}]},
    })
}

// Somebody's own app that has the name of a primary, and leaves itself alone: it has no label that tells halves apart.
fn other(name: &str) -> Value {
    App::new(name, "v1")
        .replicas(0)
        .labelled(&[("part", "other")])
        .deployment()
}

/// It is told at the apply and by an event, runs with the replicas it asked for, and nothing of ours is on it.
async fn left_alone(scene: &Scene, app: Value, word: &str) -> Result<()> {
    let name = app["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let said = scene.apply(&app.to_string()).await?.succeeded()?;
    says_why(&said, word)?;
    if said.err.contains(word) {
        // Then nothing of it was ever begun.
        let canary = scene.objects().canary(&name).await?;
        ensure!(canary.is_none(), "{name} has a Canary");
    }
    left_as_it_is(scene, &name, word).await
}

async fn left_as_it_is(scene: &Scene, name: &str, word: &str) -> Result<()> {
    let objects = scene.objects();
    is_told(scene, name, word).await?;
    // Where the webhook was too busy to see it, the controller says so first, and then lets go of it.
    wait_for(&format!("{name} to be left as it is"), SOON, async || {
        let found = objects.deployments().get(name).await?;
        let labels = found.metadata.labels.unwrap_or_default();
        let ours = labels.keys().any(|key| key.starts_with("coalmine.dev/"));
        ensure!(!ours, "{name}: {labels:?}");
        ensure!(replicas(scene, name).await? == 1, "{name} has no replicas");
        ensure!(objects.canary(name).await?.is_none(), "{name} has a Canary");
        Ok(Some(()))
    })
    .await
}

// Events follow what is stored a moment later.
async fn is_told(scene: &Scene, deployment: &str, word: &str) -> Result<()> {
    wait_for(
        &format!("an event that tells {deployment} of {word:?}"),
        SOON,
        async || {
            let told = told_of(scene, deployment).await?;
            Ok(told.iter().any(|line| line.contains(word)).then_some(()))
        },
    )
    .await
}

// Events on the Deployment of that name.
async fn told_of(scene: &Scene, deployment: &str) -> Result<Vec<String>> {
    let all = scene.objects().events().list(&Default::default()).await?;
    let of = all.items.into_iter().filter(|event| {
        let of = &event.involved_object;
        of.kind.as_deref() == Some("Deployment") && of.name.as_deref() == Some(deployment)
    });
    Ok(of.filter_map(|event| event.message).collect())
}

// The API server takes a list with a key twice, so primary has to take it too.
fn twice(version: &str) -> Value {
    let mut app = App::new("twice", version).replicas(1).deployment();
    let container = &mut app["spec"]["template"]["spec"]["containers"][0];
    let again = json!({"name": "VERSION", "value": version});
    container["env"].as_array_mut().expect("env").push(again);
    let port = json!({"name": "also", "containerPort": 9898});
    container["ports"].as_array_mut().expect("ports").push(port);
    app
}

/// It is enrolled, and its next version is released as a canary.
async fn released(scene: &Scene, app: impl Fn(&str) -> Value) -> Result<()> {
    let first = app("v1");
    let name = first["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    scene
        .kubectl_with(&["create", "-f", "-"], &first.to_string())
        .await?
        .succeeded()?;
    scene.phase(&name, "Initialized", SOON).await?;
    put(scene, &name, &app("v2").to_string()).await?.succeeded()?;
    succeeded(scene, &App::new(&name, "v2")).await?;
    let shown = "canary weight 50";
    scene.told(&name, shown, |said| said.contains(shown)).await?;
    Ok(())
}

// No Service may be called so: released without traffic.
async fn dotted(scene: &Scene) -> Result<()> {
    apply(scene, &[plain("report.v2")]).await?;
    scene.phase("report.v2", "Initialized", SOON).await?;
    let next = App::new("report.v2", "v2").replicas(1);
    apply(scene, &[next.deployment()]).await?;
    scene.phase("report.v2", "Succeeded", AFTERWARDS).await?;
    Ok(())
}

async fn by_a_policy(scene: &Scene) -> Result<()> {
    let name = refuse_primaries(scene).await?;
    let app = App::new("shop", "v1").replicas(1);
    let applied = Instant::now();
    apply(scene, &[app.deployment()]).await?;
    the_hold_never_outruns_the_pair(scene, "shop", applied).await?;
    scene.says("shop", &["NotBuilt", "no primaries here"], SOON).await?;
    is_told(scene, "shop", "no primaries here").await?;
    // Nothing is held meanwhile, as the webhook knows a moment after it is stored.
    let next = app.at("v2");
    let try_out = ["apply", "--dry-run=server", "-f", "-"];
    wait_for("the apply to tell of the policy", SOON, async || {
        let said = scene.kubectl_with(&try_out, &next.manifest()).await?.succeeded()?;
        Ok(said.err.contains("no primaries here").then_some(()))
    })
    .await?;
    let said = scene.apply(&next.manifest()).await?.succeeded()?;
    ensure!(
        said.err.contains("not analysed") && said.err.contains("no primaries here"),
        "{}",
        said.err
    );
    rolls_out_by_itself(scene).await?;
    scene
        .kubectl(&["delete", "validatingadmissionpolicybinding", &name])
        .await?
        .succeeded()?;
    scene.phase("shop", "Initialized", AFTERWARDS).await?;
    let version = scene.reachable("shop", SOON).await?;
    ensure!(version == "v2", "{version}");
    Ok(())
}

async fn rolls_out_by_itself(scene: &Scene) -> Result<()> {
    let objects = scene.objects();
    wait_for("v2 to roll out by itself", SOON, async || {
        let found = objects.deployments().get("shop").await?;
        let paused = found.spec.as_ref().and_then(|spec| spec.paused).unwrap_or(false);
        let updated = found
            .status
            .and_then(|status| status.updated_replicas)
            .unwrap_or_default();
        Ok((!paused && updated == 1).then_some(()))
    })
    .await
}

/// A ValidatingAdmissionPolicy under which nobody makes a primary in the scene's namespace; it goes with it.
async fn refuse_primaries(scene: &Scene) -> Result<String> {
    let namespace = &scene.namespace;
    let found = scene
        .kubectl(&["get", "namespace", namespace, "-o", "jsonpath={.metadata.uid}"])
        .await?;
    let uid = found.succeeded()?.out;
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": uid}]);
    let metadata = json!({"name": namespace, "ownerReferences": owner});
    let version = "admissionregistration.k8s.io/v1";
    let policy = json!({
        "apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}],
            },
            "validations": [{"expression": "!object.metadata.name.endsWith('-primary')", "message": "no primaries here"}],
        },
    });
    let binding = json!({
        "apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": metadata,
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    });
    apply(scene, &[policy, binding]).await?;
    let probe = plain("probe-primary").to_string();
    wait_for("the policy to be in force", SOON, async || {
        let said = scene
            .kubectl_with(&["create", "--dry-run=server", "-f", "-"], &probe)
            .await?;
        Ok(said.err.contains("no primaries here").then_some(()))
    })
    .await?;
    Ok(namespace.clone())
}

async fn by_a_quota(scene: &Scene) -> Result<()> {
    room_for(scene, 0).await?;
    let applied = Instant::now();
    apply(scene, &[plain("shop")]).await?;
    the_hold_never_outruns_the_pair(scene, "shop", applied).await?;
    scene.says("shop", &["NotBuilt", "exceeded quota"], SOON).await?;
    room_again(scene).await?;
    scene.phase("shop", "Initialized", AFTERWARDS).await?;
    scene.reachable("shop", SOON).await?;
    Ok(())
}

async fn by_its_canary(scene: &Scene) -> Result<()> {
    let app = App::new("shop", "v1").replicas(1);
    let canary = app.canary(
        &scene.host("shop"),
        &json!({"interval": "5s", "threshold": 2, "stepWeights": [50]}),
        60,
    );
    apply(scene, &[canary, app.service()]).await?;
    let applied = Instant::now();
    apply(scene, &[by_its_tier(&app)]).await?;
    the_hold_never_outruns_the_pair(scene, "shop", applied).await?;
    scene
        .says("shop", &["NotReleased", "must contain one of"], SOON)
        .await?;
    apply(scene, &[by_its_tier(&app.at("v2"))]).await?;
    rolls_out_by_itself(scene).await
}

// Its pods are found by a label that no primary may change.
fn by_its_tier(app: &App) -> Value {
    let mut deployment = app.deployment();
    let tier = json!({"tier": app.name()});
    deployment["spec"]["template"]["metadata"]["labels"]["tier"] = tier["tier"].clone();
    deployment["spec"]["selector"]["matchLabels"] = tier;
    deployment
}

// Of the Service's name and without a selector: its endpoints are its author's, and it is never given ours.
async fn by_its_service(scene: &Scene) -> Result<()> {
    let app = App::new("shop", "v1").replicas(1);
    let canary = app.canary(
        &scene.host("shop"),
        &json!({"interval": "5s", "threshold": 2, "stepWeights": [50]}),
        60,
    );
    let mut service = app.service();
    service["spec"].as_object_mut().expect("a spec").remove("selector");
    apply(scene, &[service, canary]).await?;
    let applied = Instant::now();
    apply(scene, &[app.deployment()]).await?;
    the_hold_never_outruns_the_pair(scene, "shop", applied).await?;
    scene.says("shop", &["NameConflict", "shop"], SOON).await?;
    let live = scene.objects().services().get("shop").await?;
    let selector = live.spec.and_then(|spec| spec.selector);
    ensure!(selector.is_none(), "{selector:?}");
    scene
        .kubectl(&["delete", "canary", "shop", "--timeout=120s"])
        .await?
        .succeeded()?;
    ensure!(replicas(scene, "shop").await? == 1, "it runs on");
    Ok(())
}

// What a label would do is shown before it is there, and done when it is.
async fn told_before(scene: &Scene) -> Result<()> {
    apply(
        scene,
        &[
            claim("data"),
            mounting("notes", "data"),
            plain("shop"),
            recreated("single"),
        ],
    )
    .await?;
    let label = [
        "label",
        "namespace",
        &scene.namespace,
        "coalmine.dev/enabled=true",
        "--dry-run=server",
    ];
    // Said within the time that a label may take, and again where the API server was too busy for it.
    wait_for("the label to tell what it would do", SOON, async || {
        let said = scene.kubectl(&label).await?.succeeded()?;
        for words in [
            "1 of 3 Deployments",
            "single: not enrolled: its strategy Recreate",
            "shop: enrolled",
        ] {
            ensure!(said.err.contains(words), "{words:?} is not in: {}", said.err);
        }
        Ok(Some(()))
    })
    .await?;
    ensure!(
        scene.objects().canary("shop").await?.is_none(),
        "a dry run enrols nobody"
    );
    scene.label().await?;
    scene.phase("shop", "Initialized", SOON).await?;
    for (name, word) in [("notes", "ReadWriteOnce"), ("single", "Recreate")] {
        left_as_it_is(scene, name, word).await?;
    }
    Ok(())
}
