//! Objects of foreign kinds, judged by the definitions of their makers on a real API server.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::Scene;
use serde_json::{Value, json};

/// Where the whole objects are that the unit tests hold ours against, by provider.
const PROVIDERS: &str = "../crates/core/src/routing/providers";

/// The golden objects of `provider`, more than `least`, are accepted, and none of their fields is unknown.
pub async fn judged(scene: &Scene, provider: &str, least: usize) -> Result<()> {
    judged_but(scene, provider, least, "").await
}

/// The same, but for the objects of one `apiVersion`, which no definition that can be had here has.
pub async fn judged_but(scene: &Scene, provider: &str, least: usize, unknown: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROVIDERS);
    let mut judged = 0;
    for entry in fs::read_dir(folder.join(provider).join("tests/snapshots"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        // What comes before is about the snapshot.
        let (_, objects) = text.split_once("\n---\n").context("a snapshot has a head")?;
        let objects = match serde_json::from_str(objects)? {
            Value::Array(several) => several,
            one => vec![one],
        };
        let known = objects.into_iter().filter(|object| object["apiVersion"] != unknown);
        for mut object in known {
            object["metadata"]["namespace"] = json!(scene.namespace);
            // Beside those of that name which other cases bring.
            object["metadata"]["name"] = json!(format!("golden-{judged}"));
            let strictly = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
            let said = scene.kubectl_with(&strictly, &object.to_string()).await?.succeeded();
            let said = said.with_context(|| format!("{}: {object}", path.display()))?;
            ensure!(!said.err.contains("unknown field"), "{}: {}", path.display(), said.err);
            judged += 1;
        }
    }
    println!("{judged} golden objects of provider {provider} are as their definitions have them");
    ensure!(judged > least, "only {judged} objects were judged");
    Ok(())
}
