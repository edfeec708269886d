//! The parts of the cluster that only some scenes need: autoscalers' figures, a second node.

use std::time::Duration;

use e2e::cluster::second_node;
use e2e::load::Load;
use e2e::scene::{App, http_client, play, play_alone, wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_scales_on_the_cpu_that_metrics_server_measures() {
    play("tools-hpa", async |scene| {
        scene.autoscaling_ready().await?;
        let app = App::new("app", "v1").replicas(1);
        let mut deployment = app.deployment();
        deployment["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}});
        let autoscaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "app"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "minReplicas": 1, "maxReplicas": 2,
                "metrics": [{"type": "Resource", "resource": cpu}],
            },
        });
        for object in [app.service(), app.route(&scene.host("app")), deployment, autoscaler] {
            scene.apply(&object.to_string()).await?.succeeded()?;
        }
        scene.reachable("app", Duration::from_secs(60)).await?;
        let load = Load {
            path: "/spin/20".to_owned(),
            rate: 10, // a fifth of a core, twice what the pod requests
            ..scene.load("app")?
        };
        let running = load.start()?;
        let objects = scene.objects();
        wait_for("the autoscaler to scale up", Duration::from_secs(240), async || {
            let scaled = objects.deployments().get("app").await?;
            Ok((scaled.spec.and_then(|spec| spec.replicas) == Some(2)).then_some(()))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        // The pods that were just made have no figures yet.
        wait_for("figures of the pods", Duration::from_secs(90), async || {
            let top = scene.kubectl(&["top", "pods"]).await?.succeeded()?;
            println!("{}", top.out);
            let told = scene.kubectl(&["get", "hpa", "app"]).await?.succeeded()?;
            anyhow::ensure!(!told.out.contains("<unknown>"), "{}", told.out);
            Ok(Some(()))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keda_scaled_objects_can_be_stored() {
    play("tools-keda", async |scene| {
        scene.keda_crds().await?;
        let scaled = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "app"},
            "spec": {
                "scaleTargetRef": {"name": "app"},
                "triggers": [{"type": "prometheus", "metadata": {
                    "serverAddress": "http://prometheus.monitoring:9090", "query": "vector(1)", "threshold": "1"}}],
            },
        });
        scene.apply(&scaled.to_string()).await?.succeeded()?;
        let stored = scene
            .kubectl(&["get", "scaledobjects", "app", "-o", "name"])
            .await?
            .succeeded()?;
        assert_eq!(stored.out.trim(), "scaledobject.keda.sh/app");
        let wrong = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "wrong"},
            "spec": {"triggers": []}});
        scene.apply(&wrong.to_string()).await?.refused()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_run_on_the_second_node_and_are_reached_from_the_gateway_and_by_their_service() {
    // A node that joins changes the network under everybody's feet.
    play_alone("tools-node", async |scene| {
        scene.second_node().await?;
        let (here, there) = (App::new("here", "v1"), App::new("there", "v2"));
        let mut deployment = there.deployment();
        let pod = &mut deployment["spec"]["template"]["spec"];
        pod["nodeSelector"] = second_node::node_selector();
        pod["tolerations"] = second_node::tolerations();
        for object in [
            here.deployment(),
            deployment,
            there.service(),
            there.route(&scene.host("there")),
        ] {
            scene.apply(&object.to_string()).await?.succeeded()?;
        }
        let version = scene.reachable("there", Duration::from_secs(60)).await?;
        assert_eq!(version, "v2");
        let objects = scene.objects();
        let both = wait_for("all four pods", Duration::from_secs(120), async || {
            let (here, there) = (objects.pods_at("here").await?, objects.pods_at("there").await?);
            let ready = here.iter().chain(&there).filter(|pod| pod.ready).count();
            Ok((ready == 4).then_some((here, there)))
        })
        .await?;
        for pod in &both.1 {
            assert_eq!(pod.node, second_node::NAME);
            assert_eq!(pod.get("/version").await?.status, 200);
        }
        for pod in &both.0 {
            assert_ne!(pod.node, second_node::NAME, "nobody gets there who does not ask for it");
        }
        let service = objects.services().get("there").await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
        // kube-proxy follows the endpoints in its own time; the gateway asks the pods themselves.
        let answer = wait_for("the Service to answer", Duration::from_secs(120), async || {
            let answer = http_client().get(format!("http://{address}:9898/")).send().await;
            Ok(answer.ok())
        })
        .await?;
        let answer = answer.text().await?;
        assert!(answer.starts_with("v2 there-"), "{answer}");
        let logs = scene.kubectl(&["logs", "deployment/there"]).await?.succeeded()?;
        assert!(
            logs.out.contains("app v2 listens"),
            "the API server reaches its kubelet: {}",
            logs.out
        );
        Ok(())
    })
    .await;
}
