//! The tools of the scenes themselves, without a release: what other scenes rely on.

use std::time::Duration;

use e2e::scene::{Answer, App, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

/// Applies a Deployment and its Service, and waits until a pod of it is ready.
async fn served(scene: &Scene, app: &App, deployment: Value) -> anyhow::Result<()> {
    let items = [app.service(), deployment];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await?.succeeded()?;
    let objects = scene.objects();
    let what = format!("all pods of {} to be ready", app.name());
    wait_for(&what, Duration::from_secs(120), async || {
        let deployment = objects.deployments().get(app.name()).await?;
        let wanted = deployment.spec.and_then(|spec| spec.replicas);
        let ready = deployment.status.and_then(|status| status.ready_replicas);
        Ok((ready == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_tells_the_requests_it_got_and_the_configuration_it_has() {
    play("tools-pods", async |scene| {
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"},
            "data": {"color": "blue", "LEVEL": "debug"}});
        scene.apply(&config.to_string()).await?.succeeded()?;
        let app = App::new("app", "v1");
        let mut deployment = app.deployment();
        let pod = &mut deployment["spec"]["template"]["spec"];
        pod["volumes"] = json!([{"name": "config", "configMap": {"name": "config"}}]);
        pod["containers"][0]["volumeMounts"] = json!([{"name": "config", "mountPath": "/etc/app"}]);
        pod["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "config"}}]);
        served(scene, &app, deployment).await?;
        let host = scene.host("app");
        scene.apply(&app.route(&host).to_string()).await?.succeeded()?;
        scene.reachable("app", Duration::from_secs(60)).await?;

        let objects = scene.objects();
        let before = objects.received("app", &host, "/").await?;
        let load = scene.load("app")?.start()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let report = load.stop().await?;
        report.nothing_lost()?;
        let after = objects.received("app", &host, "/").await?;
        assert_eq!(after - before, report.requests() as u64, "each request is counted once");
        assert_eq!(objects.received("app", &host, "/version").await?, 0);
        assert_eq!(objects.received("app", "other.example.com", "/").await?, 0);

        let pods = objects.pods_at("app").await?;
        assert_eq!(pods.len(), 2);
        for pod in pods {
            assert_eq!(pod.file("color").await?.as_deref(), Some("blue"));
            assert_eq!(pod.env("LEVEL").await?.as_deref(), Some("debug"));
            assert_eq!((pod.env("NONE").await?, pod.file("none").await?), (None, None));
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loads_at_once_are_routed_by_their_headers_and_by_the_cookies_they_were_given() {
    play("tools-loads", async |scene| {
        let (old, new) = (App::new("old", "v1"), App::new("new", "v2"));
        served(scene, &old, old.deployment()).await?;
        served(scene, &new, new.deployment()).await?;
        let mut route = App::new("app", "").route(&scene.host("app"));
        let to = |name: &str| json!([{"name": name, "port": 9898}]);
        let matches =
            |kind: &str, name: &str, value: &str| json!([{"headers": [{"type": kind, "name": name, "value": value}]}]);
        let cookie = json!([{"name": "Set-Cookie", "value": "side=new; Max-Age=60; HttpOnly"}]);
        route["spec"]["rules"] = json!([
            {"matches": matches("Exact", "x-canary", "insider"), "backendRefs": to("new")},
            {"matches": matches("RegularExpression", "Cookie", ".*side.*new.*"), "backendRefs": to("new")},
            {"backendRefs": to("old"), "filters": [
                {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": cookie}}]},
        ]);
        scene.apply(&route.to_string()).await?.succeeded()?;
        scene.reachable("app", Duration::from_secs(60)).await?;

        let load = scene.load("app")?;
        let anyone = load.clone().start()?;
        let insiders = load.clone().header("x-canary", "insider").start()?;
        let users = load.users(10).start()?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (anyone, insiders, users) = (anyone.stop().await?, insiders.stop().await?, users.stop().await?);
        for report in [&anyone, &insiders, &users] {
            report.nothing_lost()?;
        }
        assert_eq!(anyone.versions().keys().collect::<Vec<_>>(), ["v1"]);
        assert_eq!(insiders.versions().keys().collect::<Vec<_>>(), ["v2"]);
        assert!(insiders.set_cookies().is_empty(), "{:?}", insiders.set_cookies());
        let given = users.set_cookies();
        assert_eq!(given.keys().collect::<Vec<_>>(), ["side=new; Max-Age=60; HttpOnly"]);
        let seen = users.by_user();
        assert_eq!(seen.len(), 10);
        for (user, versions) in seen {
            assert_eq!(versions, ["v1", "v2"], "user {user} is given the cookie and stays");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coalmine_in_its_pod_reaches_the_receiver_and_acts_on_what_it_answers() {
    play("tools-hooks", async |scene| {
        let hooks = scene.hooks().await?;
        let value = |value: &str| {
            let result = json!([{"metric": {}, "value": [0, value]}]);
            json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
        };
        let path = "/metrics/api/v1/query";
        hooks.answer(path, Answer::approve().body(value("100")));
        let template = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "told"},
            "spec": {"provider": {"type": "prometheus", "address": hooks.url("/metrics")}, "query": "told()"},
        });
        let analysis = json!({
            "interval": "1s", "threshold": 3, "stepWeights": [50],
            "metrics": [{"name": "told", "templateRef": {"name": "told"}, "thresholdRange": {"min": 99}}],
        });
        let app = App::new("app", "v1");
        scene.label().await?;
        for object in [
            template,
            app.canary(&scene.host("app"), &analysis, 60),
            app.deployment(),
        ] {
            scene.apply(&object.to_string()).await?.succeeded()?;
        }
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let calls = hooks.calls(path);
        assert!(!calls.is_empty(), "it asked for the metric: {:?}", hooks.all_calls());
        for call in &calls {
            assert_eq!(call.query, "query=told%28%29");
        }

        hooks.answer(path, Answer::approve().body(value("10")));
        scene.apply(&app.at("v3").manifest()).await?.succeeded()?;
        hooks.called(path, calls.len() + 1, PATIENCE).await?;
        scene.phase("app", "Failed", PATIENCE).await?;
        Ok(())
    })
    .await;
}
