//! A cluster the user already has, named by `KUBECONFIG`, in place of one of our own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::image::Image;
use super::places::Places;
use super::programs::run;
use super::requirements::on_path;
use super::{Cluster, is_ours};

/// The variable with the command that makes an image known to the cluster; the archive's path is put behind it.
const LOAD: &str = "IMAGE_LOAD";

/// The cluster `KUBECONFIG` names; none when it is not set or names ours.
pub fn find(places: &Places) -> Result<Option<Cluster>> {
    let Some(file) = std::env::var_os("KUBECONFIG")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
    else {
        return Ok(None);
    };
    if is_ours(places, &file) {
        return Ok(None);
    }
    let address = |name: &str| {
        std::env::var(name)
            .with_context(|| format!("KUBECONFIG names a cluster of your own, so {name} must be set too"))
    };
    let program = |name: &str| {
        on_path(name).with_context(|| format!("KUBECONFIG names a cluster of your own, so {name} must be in PATH"))
    };
    Ok(Some(Cluster {
        kubeconfig: file,
        gateway: address("GATEWAY_ADDRESS")?,
        prometheus: address("PROMETHEUS_ADDRESS")?,
        audit_log: PathBuf::new(),
        host: std::env::var("HOST_ADDRESS")
            .ok()
            .map(|text| text.parse())
            .transpose()?,
        kubectl: program("kubectl")?,
        helm: program("helm")?,
        ctr: None,
    }))
}

/// Whether `KUBECONFIG` names one.
pub fn is_named(places: &Places) -> bool {
    std::env::var_os("KUBECONFIG").is_some_and(|file| !file.is_empty() && !is_ours(places, file.as_ref()))
}

/// Makes an image known to it by the user's own command.
pub fn load(image: &Image, places: &Places) -> Result<()> {
    let command = std::env::var(LOAD).with_context(|| {
        format!(
            "KUBECONFIG names a cluster of your own, so {LOAD} must say how the image {} comes to its nodes: a command \
             that takes the path of an archive, such as `kind load image-archive`",
            image.name
        )
    })?;
    load_by(&command, image, places)
}

fn load_by(command: &str, image: &Image, places: &Places) -> Result<()> {
    fs::create_dir_all(&places.run)?;
    let file = places.run.join("image-loaded.tar");
    fs::write(&file, image.archive()?)?;
    // The path is an argument of the shell's, so that whatever is in it stays one word.
    let loaded = run(Command::new("sh").arg("-c").arg(format!("{command} \"$0\"")).arg(&file));
    fs::remove_file(&file)?;
    loaded.with_context(|| format!("{LOAD} did not take {}", image.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_handed_to_the_users_own_command_as_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            cache: folder.path().into(),
            run: folder.path().join("a folder"),
        };
        let program = folder.path().join("program");
        fs::write(&program, "static").unwrap();
        let image = Image::of_binaries("localhost/coalmine/x:dev", &[program]).unwrap();
        let taken = folder.path().join("taken.tar");
        load_by(&format!("cp -t {}", folder.path().display()), &image, &places).unwrap();
        fs::rename(folder.path().join("image-loaded.tar"), &taken).unwrap();
        let archive = fs::read(&taken).unwrap();
        assert!(archive.windows(10).any(|part| part == b"oci-layout"));
        let config = format!("\"architecture\":\"{}\"", super::super::architecture());
        assert!(archive.windows(config.len()).any(|part| part == config.as_bytes()));
        assert!(
            fs::read_dir(&places.run).unwrap().next().is_none(),
            "the archive is left"
        );
        assert!(load_by("false", &image, &places).is_err());
    }
}
