//! Who is told what of a release: AlertProviders of several services, by their severity.

use std::time::Duration;

use anyhow::Result;
use e2e::scene::{Answer, App, Call, Hooks, Scene, play};
use serde_json::{Value, json};

use crate::gates::hook;
use crate::policy::PATIENCE;

const SOON: Duration = Duration::from_secs(90);
/// `progressDeadlineSeconds` of these canaries: pods that are well keep it on a busy machine too.
const DEADLINE: u32 = 30;

fn provider(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": name}, "spec": spec})
}

// Two channels, a pager whose address and key are in a Secret, one program that wants only errors in its own words, one that
// hangs and one that does not exist.
fn providers(hooks: &Hooks) -> Vec<Value> {
    let template = "{{ .Severity }} in {{ .Namespace }}: {{ .Message }}";
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pager"},
        "stringData": {"address": hooks.url("/pager"), "token": "k3y"}});
    vec![
        secret,
        provider("pager", &json!({"type": "pagerduty", "secretRef": {"name": "pager"}})),
        provider(
            "team",
            &json!({"type": "slack", "channel": "releases", "address": hooks.url("/team")}),
        ),
        provider("chat", &json!({"type": "msteams", "address": hooks.url("/chat")})),
        provider("hangs", &json!({"type": "rocket", "address": hooks.url("/hangs")})),
        provider(
            "program",
            &json!({"type": "webhook", "address": hooks.url("/program"), "messageTemplate": template}),
        ),
    ]
}

fn entries() -> Value {
    let entry = |name: &str, severity: &str| json!({"name": name, "severity": severity, "providerRef": {"name": name}});
    let unsaid = json!({"name": "chat", "providerRef": {"name": "chat"}});
    json!([
        entry("hangs", "info"),
        entry("nobody", "info"),
        entry("team", "info"),
        unsaid,
        entry("pager", "warn"),
        entry("program", "error"),
    ])
}

fn canary(scene: &Scene, app: &App, hooks: &Hooks) -> String {
    let analysis = json!({"interval": "2s", "threshold": 2, "stepWeights": [20, 50], "alerts": entries(),
        "webhooks": [hook(hooks, "confirm-rollout"), hook(hooks, "rollout")]});
    app.canary(&scene.host(app.name()), &analysis, DEADLINE).to_string()
}

fn slack(call: &Call) -> (String, String) {
    let attachment = &call.body["attachments"][0];
    let text = |member: &str| attachment[member].as_str().unwrap_or_default().to_owned();
    (text("color"), text("text"))
}

async fn texts(hooks: &Hooks, path: &str, times: usize) -> Result<Vec<(String, String)>> {
    let calls = hooks.called(path, times, SOON).await?;
    Ok(calls.iter().map(slack).collect())
}

fn good(text: &str) -> (String, String) {
    ("good".to_owned(), text.to_owned())
}

async fn released(scene: &Scene, app: &App, phase: &str) -> Result<()> {
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.phase("app", "Progressing", SOON).await?;
    scene.phase("app", phase, PATIENCE).await?;
    scene.rests("app", SOON).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_provider_hears_what_it_asked_for_of_good_bad_and_stuck_releases() {
    play("alerts", async |scene| {
        let hooks = scene.hooks().await?;
        hooks.answer("/hangs", Answer::approve().after(Duration::from_secs(600)));
        for object in providers(&hooks) {
            scene.apply(&object.to_string()).await?.succeeded()?;
        }
        let app = App::new("app", "v1");
        scene.label().await?;
        let applied = scene.apply(&canary(scene, &app, &hooks)).await?.succeeded()?;
        assert!(
            applied.err.contains("AlertProvider \"nobody\" not found yet"),
            "{}",
            applied.err
        );
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", SOON).await?;
        let load = scene.load("app")?.start()?;

        // A gate that is closed at first.
        hooks.once("/confirm-rollout", Answer::halt());
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene.rests("app", SOON).await?;
        let told = texts(&hooks, "/team", 4).await?;
        let expected = [
            good("New Deployment detected, initialization completed."),
            good("Canary is waiting for approval."),
            good("New revision detected, progressing canary analysis."),
            good("Canary analysis completed successfully, promotion finished."),
        ];
        assert_eq!(told, expected);
        let first = &hooks.calls("/team")[0].body;
        assert_eq!(first["channel"], "releases");
        let fields = first["attachments"][0]["fields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fields: Vec<&Value> = fields.iter().map(|field| &field["value"]).collect();
        let target = format!("Deployment/app.{}", scene.namespace);
        assert_eq!(fields, [target.as_str(), "2", "30s", "Weight steps: 20,50 max: 0"]);

        hooks.answer("/rollout", Answer::fail());
        released(scene, &app.at("v3"), "Failed").await?;
        hooks.answer("/rollout", Answer::approve());
        released(scene, &app.at("v4").image("localhost/coalmine/missing:none"), "Failed").await?;
        load.stop().await?.nothing_lost()?;

        let told = texts(&hooks, "/team", 8).await?;
        assert_eq!(told[5], ("danger".into(), "Failed checks threshold reached 2".into()));
        let (color, deadline) = &told[7];
        assert!(color == "danger" && deadline.contains("ImagePull"), "{deadline}");
        let chat = hooks.called("/chat", 8, SOON).await?;
        assert_eq!(chat.len(), 8, "an entry without a severity hears all");
        let pages = hooks.called("/pager", 3, SOON).await?;
        let page = |n: usize, member: &str| pages[n].body["payload"][member].clone();
        assert_eq!(
            [page(0, "severity"), page(1, "severity"), page(2, "severity")],
            ["warning", "error", "error"]
        );
        assert_eq!(pages[1].body["routing_key"], "k3y");
        assert_eq!(pages[1].body["dedup_key"], format!("app.{}", scene.namespace));
        let programs = hooks.called("/program", 2, SOON).await?;
        let expected = format!("error in {}: Failed checks threshold reached 2", scene.namespace);
        assert_eq!(programs[0].body["message"], expected);
        assert!(!hooks.calls("/hangs").is_empty(), "the one that hangs held up nobody");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deployment_that_never_starts_is_told() {
    play("alerts-first", async |scene| {
        let hooks = scene.hooks().await?;
        let team = provider("team", &json!({"type": "slack", "address": hooks.url("/team")}));
        scene.apply(&team.to_string()).await?.succeeded()?;
        let app = App::new("app", "v1").image("localhost/coalmine/missing:none");
        let analysis = json!({"interval": "2s", "threshold": 2, "stepWeights": [20],
            "alerts": [{"name": "team", "severity": "error", "providerRef": {"name": "team"}}]});
        scene.label().await?;
        let canary = app.canary(&scene.host("app"), &analysis, DEADLINE).to_string();
        scene.apply(&canary).await?.succeeded()?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        let calls = hooks.called("/team", 1, PATIENCE).await?;
        let (color, text) = slack(&calls[0]);
        let said = text.starts_with("Initialization failed, primary not ready: ");
        assert!(color == "danger" && said, "{text}");

        // Put right, it starts, and is told once and no more.
        scene.apply(&App::new("app", "v1").manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", PATIENCE).await?;
        assert_eq!(hooks.calls("/team").len(), 1);
        Ok(())
    })
    .await;
}
