//! Apps at rest that people apply again and again.

use anyhow::Result;
use serde_json::{Value, json};

use crate::scene::policy::PATIENCE;
use crate::scene::quick::{SOON, apply};
use crate::scene::{App, Applies, Scene};

/// How much people do.
#[derive(Clone, Copy, Debug)]
pub struct Strength {
    /// Apps that they apply in turns, one of each at once.
    pub apps: usize,
    /// Applies a second of all of them together, where they keep up.
    pub rate: u32,
}

impl Strength {
    /// The apps.
    pub fn apps(self) -> Vec<App> {
        (0..self.apps).map(|number| one(&format!("app-{number}"))).collect()
    }

    /// Begins to apply them.
    pub fn applies(self, scene: &Scene, apps: &[App]) -> Applies {
        scene.applies(apps, self.rate)
    }
}

/// A small app; its manifest names its replicas.
pub fn one(name: &str) -> App {
    App::new(name, "v1").replicas(1)
}

/// Enrols these apps, with one step and nothing that could fail it, and waits until they rest.
pub async fn at_rest(scene: &Scene, apps: impl Iterator<Item = &App> + Clone) -> Result<()> {
    scene.policy(&policy()).await?;
    scene.label().await?;
    let items: Vec<Value> = apps.clone().map(App::deployment).collect();
    apply(scene, &items).await?;
    for app in apps {
        scene.phase(app.name(), "Initialized", PATIENCE).await?;
        scene.rests(app.name(), SOON).await?;
    }
    Ok(())
}

fn policy() -> Value {
    json!({
        "provider": "gatewayapi:v1", "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}],
        "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com", "settleSeconds": 1, "drainSeconds": 1,
        "analysis": {"interval": "2s", "threshold": 1, "stepWeights": [50]},
    })
}
