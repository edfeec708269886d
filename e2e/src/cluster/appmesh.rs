//! Definitions of App Mesh's kinds, made of the Go types of their makers: no module that can be had here has those of v1beta2.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Cluster;
use super::golang::Module;
use super::places::Places;

/// The folder of the program that prints them.
const MODULE: &str = "appmesh";
const PROGRAM: Module = Module {
    name: MODULE,
    packages: &["."],
    tags: "",
    ldflags: "-s -w",
    minutes: 1,
};
const KINDS: [&str; 3] = [
    "virtualnodes.appmesh.k8s.aws",
    "virtualrouters.appmesh.k8s.aws",
    "virtualservices.appmesh.k8s.aws",
];

/// Builds it, so that no scene waits for a compiler.
pub(super) fn prepare() -> Result<()> {
    PROGRAM.ensure(&Places::find()?).map(drop)
}

impl Cluster {
    /// Installs the definitions of the kinds that providers appmesh write, in both versions.
    pub fn appmesh_crds(&self) -> Result<()> {
        let places = Places::find()?;
        let program = PROGRAM.ensure(&places)?.join(MODULE);
        // It reads the types' source, which it finds by the module that it is made from.
        let said = Command::new(&program)
            .current_dir(Places::parts().join(MODULE))
            .envs([("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !said.status.success() {
            bail!(
                "{} failed: {}",
                program.display(),
                String::from_utf8_lossy(&said.stderr)
            );
        }
        let file = places.run.join("appmesh.yaml");
        fs::write(&file, said.stdout)?;
        self.define(MODULE, &file, &KINDS)
    }
}
