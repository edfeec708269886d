//! Knative Services: the target is the route as well, and what is released are its revisions.

use anyhow::{Result, ensure};
use e2e::scene::invariants::exits;
use e2e::scene::policy::PATIENCE;
use e2e::scene::quick::{self, SOON};
use e2e::scene::{App, Scene, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::Plane::{self, KnativeService};

/// The annotation that names the revision which serves everybody but for the share.
const PRIMARY: &str = "flagger.app/primary-revision";

/// One pod of each revision that anybody is sent to, and requests straight to it: Knative's activator, which holds them back
/// while there is none, steps aside once there is one.
const SCALED: [(&str, &str); 2] = [
    ("autoscaling.knative.dev/min-scale", "1"),
    ("autoscaling.knative.dev/target-burst-capacity", "0"),
];

impl Plane {
    /// Waits until a release is promoted, and the target rests.
    pub async fn promoted(self, scene: &Scene, app: &App) -> Result<()> {
        if self != KnativeService {
            return quick::promoted(scene, app).await;
        }
        // The phase may still be that of the release before.
        let (services, wanted) = (services(scene), revision(app));
        wait_for(&format!("{wanted} to serve"), PATIENCE, async || {
            let live = serde_json::to_value(services.get(app.name()).await?)?;
            let serves = &live["metadata"]["annotations"][PRIMARY];
            ensure!(*serves == wanted, "{serves}");
            Ok(Some(()))
        })
        .await?;
        scene.phase(app.name(), "Succeeded", PATIENCE).await?;
        exits(scene, app.name(), SOON).await
    }
}

/// The Knative Services of the scene.
pub fn services(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("serving.knative.dev", "v1", "Service", "services")
}

/// What the revision of a version is called.
fn revision(app: &App) -> String {
    format!("{}-{}", app.name(), app.version())
}

/// The app as a Knative Service. Knative lets one port speak, and calls ports as protocols.
pub fn service(app: &App) -> Value {
    let deployment = app.deployment();
    let plain = &deployment["spec"]["template"]["spec"]["containers"][0];
    let container = json!({
        "image": plain["image"], "env": plain["env"],
        "ports": [{"containerPort": plain["ports"][0]["containerPort"]}],
        "readinessProbe": {"httpGet": {"path": "/readyz"}, "periodSeconds": 1},
    });
    let scaled: Value = SCALED
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let template = json!({
        "metadata": {"name": revision(app), "annotations": scaled},
        "spec": {"containers": [container]},
    });
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": app.name()},
        "spec": {"template": template},
    })
}

/// Its Canary.
pub fn canary(app: &App, analysis: &Value) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": app.name()},
        "spec": {
            "provider": "knative", "progressDeadlineSeconds": 60, "analysis": analysis,
            "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": app.name()},
        },
    })
}

/// How many percent go past the revision that serves everybody else.
pub fn tested(service: &Value) -> u64 {
    let Some(primary) = service["metadata"]["annotations"][PRIMARY].as_str() else {
        return 0;
    };
    let entries = service["spec"]["traffic"].as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["revisionName"] != primary)
        .filter_map(|entry| entry["percent"].as_u64())
        .sum()
}
