//! Knative, on demand of a scene: installed by its makers' own manifests, with programs that are built from their module, and a
//! Traefik of its own on the host, which serves Knative's ingresses. No `up` starts or builds any of it; it stays until `down`.
//!
//! Other gateways are processes on the host throughout. Knative's programs are pods: some listen on ports that nobody can choose, and
//! they ask each other by names of the cluster's DNS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::golang::{self, Module};
use super::image::Image;
use super::places::{API_SERVER, KNATIVE_GATEWAY, KNATIVE_GATEWAY_ADMIN, Places};
use super::programs::Programs;
use super::ready::{http_ok, wait};
use super::{Cluster, credentials, gateway, process};

/// The folder of its module.
pub(super) const MODULE: &str = "knative";

/// The module with its programs, and with most of its manifests.
pub(super) const SERVING: &str = "knative.dev/serving";
/// Packages of that module, and of those that have the rest of the manifests.
const OF_SERVING: &str = "knative.dev/serving/pkg/apis/serving/v1";
const OF_NETWORKING: &str = "knative.dev/networking/pkg/apis/networking/v1alpha1";
const OF_CACHING: &str = "knative.dev/caching/pkg/apis/caching/v1alpha1";

/// The programs of its control plane, and the one that is beside each app.
pub(super) const PROGRAMS: Module = Module {
    name: MODULE,
    packages: &[
        "knative.dev/serving/cmd/activator",
        "knative.dev/serving/cmd/autoscaler",
        "knative.dev/serving/cmd/controller",
        "knative.dev/serving/cmd/queue",
        "knative.dev/serving/cmd/webhook",
    ],
    tags: "",
    ldflags: "-s -w",
    minutes: 3,
};

/// The process' name.
pub const TRAEFIK: &str = "knative-traefik";

/// Where its makers install it.
const NAMESPACE: &str = "knative-serving";
/// Its webhooks for its own kinds. Until its program has said in them whom to trust, nobody can write any.
const WEBHOOKS: [(&str, &str); 2] = [
    ("mutatingwebhookconfigurations", "webhook.serving.knative.dev"),
    (
        "validatingwebhookconfigurations",
        "validation.webhook.serving.knative.dev",
    ),
];
/// How a manifest names the program that an image is to be made of.
const TO_BUILD: &str = "ko://";
/// What is said in its settings, and in which of them. All else is as it comes.
const SETTINGS: [(&str, &str); 3] = [
    (
        "config-network",
        "ingress-class: traefik.ingress.networking.knative.dev",
    ),
    // The hosts of scenes: NAME.NAMESPACE.example.com.
    ("config-domain", r#"example.com: """#),
    // Images are on the node, and no registry could tell their digests. A name without a dot in its first part is Docker's.
    (
        "config-deployment",
        "registries-skipping-tag-resolving: index.docker.io",
    ),
];

/// Builds it, so that no scene waits for a compiler.
pub fn prepare() -> Result<()> {
    PROGRAMS.ensure(&Places::find()?)?;
    [OF_SERVING, OF_NETWORKING, OF_CACHING]
        .into_iter()
        .try_for_each(|package| golang::source_of(MODULE, package).map(drop))
}

impl Cluster {
    /// Answers when Knative works and its Traefik serves.
    pub fn knative_gateway(&self) -> Result<()> {
        let places = self.places_of_gateways()?;
        let _lock = super::Lock::take(&places)?;
        if !self.has_knative() {
            self.install_knative(&places)?;
        }
        self.wait_for_knative(&places)?;
        // It would look for Knative's kinds for ever if it were there before them.
        if process::recorded(&places, TRAEFIK).is_none() {
            start(&places)?;
        }
        wait(&places, "Knative's Traefik", &[TRAEFIK], 90, || {
            http_ok(KNATIVE_GATEWAY_ADMIN, "/ping")
        })
    }

    /// Whether it was installed: its webhooks are the last that is.
    pub(super) fn has_knative(&self) -> bool {
        WEBHOOKS
            .iter()
            .all(|(kind, name)| self.as_admin().run(&["get", kind, name]).is_ok())
    }

    fn install_knative(&self, places: &Places) -> Result<()> {
        let programs = PROGRAMS.ensure(places)?;
        for package in PROGRAMS.packages {
            self.import_image(&image(&programs, package)?)?;
        }
        let kubectl = self.as_admin();
        let kinds = places.run.join("knative-kinds.yaml");
        fs::write(&kinds, text(&kinds_of_knative()?)?)?;
        kubectl.apply(&kinds)?;
        let file = kinds.display().to_string();
        kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &file])?;
        let objects = places.run.join("knative.yaml");
        fs::write(&objects, with_settings(&with_images(&text(&objects_of_knative()?)?)?)?)?;
        kubectl.apply(&objects)
    }

    fn wait_for_knative(&self, places: &Places) -> Result<()> {
        let kubectl = self.as_admin();
        let available = [
            "wait",
            "--for=condition=Available",
            "--timeout=180s",
            "-n",
            NAMESPACE,
            "deployments",
            "--all",
        ];
        kubectl.run(&available).context("Knative does not start")?;
        let trust = "jsonpath={.webhooks[0].clientConfig.caBundle}";
        WEBHOOKS.iter().try_for_each(|(kind, name)| {
            let trusted = || {
                kubectl
                    .run(&["get", kind, name, "-o", trust])
                    .is_ok_and(|it| !it.is_empty())
            };
            wait(places, &format!("Knative's {kind}"), &[], 90, trusted)
        })
    }
}

/// An image of one of its programs. Its manifests have all of them run as somebody else than root, without saying as whom.
fn image(programs: &Path, package: &str) -> Result<Image> {
    let image = Image::of_binaries(&image_name(package), &[programs.join(program(package))])?;
    Ok(Image {
        user: "65532".to_owned(),
        ..image.with_ca_bundle()
    })
}

fn image_name(package: &str) -> String {
    format!("localhost/coalmine/knative-{}:dev", program(package))
}

fn program(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

/// The definitions of its kinds.
fn kinds_of_knative() -> Result<Vec<PathBuf>> {
    let serving = golang::source_of(MODULE, OF_SERVING)?.join("config/core");
    let networking = golang::source_of(MODULE, OF_NETWORKING)?.join("config");
    let caching = golang::source_of(MODULE, OF_CACHING)?.join("config");
    let of_networking = ["certificate", "domain-claim", "ingress", "serverlessservice"];
    let mut files = manifests(&serving.join("300-resources"))?;
    files.extend(of_networking.map(|kind| networking.join(format!("{kind}.yaml"))));
    files.push(caching.join("image.yaml"));
    Ok(files)
}

/// All else that its makers install, but for what scales its own programs; webhooks last.
fn objects_of_knative() -> Result<Vec<PathBuf>> {
    let serving = golang::source_of(MODULE, OF_SERVING)?.join("config/core");
    let networking = golang::source_of(MODULE, OF_NETWORKING)?.join("config");
    let mut files = vec![serving.join("100-namespace.yaml")];
    files.extend(manifests(&serving.join("200-roles"))?);
    files.push(serving.join("200-serviceaccount.yaml"));
    files.extend(manifests(&serving.join("configmaps"))?);
    files.push(networking.join("config-network.yaml"));
    files.extend(manifests(&serving.join("deployments"))?);
    files.extend(manifests(&serving.join("webhooks"))?);
    Ok(files)
}

/// The manifests of a folder, in a stable order.
fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.display().to_string();
        if name.ends_with(".yaml") && !name.ends_with("-hpa.yaml") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "{} has no manifests", folder.display());
    files.sort();
    Ok(files)
}

fn text(files: &[PathBuf]) -> Result<String> {
    let read = |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let all: Vec<String> = files.iter().map(read).collect::<Result<_>>()?;
    Ok(all.join("\n---\n"))
}

/// Its makers build images as they install it.
fn with_images(manifests: &str) -> Result<String> {
    let ours = PROGRAMS.packages.iter().fold(manifests.to_owned(), |text, package| {
        text.replace(&format!("{TO_BUILD}{package}\n"), &format!("{}\n", image_name(package)))
    });
    if let Some(line) = ours.lines().find(|line| line.contains(TO_BUILD)) {
        bail!("no image is made of what Knative's manifests name: {}", line.trim());
    }
    Ok(ours)
}

fn with_settings(manifests: &str) -> Result<String> {
    let mut left = SETTINGS.to_vec();
    let said = |one: &str| {
        let named = |(name, _): &(&str, &str)| one.contains(&format!("\n  name: {name}\n"));
        let Some(at) = left.iter().position(named) else {
            return one.to_owned();
        };
        let (_, setting) = left.remove(at);
        one.replacen("\ndata:\n", &format!("\ndata:\n  {setting}\n"), 1)
    };
    let all: Vec<String> = manifests.split("\n---\n").map(said).collect();
    ensure!(left.is_empty(), "Knative's manifests lack the settings {left:?}");
    Ok(all.join("\n---\n"))
}

/// Retries and keep-alive stay at their defaults, as those of the cluster's gateway do. It asks as the same user.
fn start(places: &Places) -> Result<()> {
    let token = fs::read_to_string(credentials::token_of(places, "traefik"))?;
    // Knative wants to know by which Services its ingresses are reached; nobody asks them.
    let reached = ["publicservice", "privateservice"].into_iter().flat_map(|service| {
        let said = format!("--providers.knative.{service}");
        [
            format!("{said}.name=traefik"),
            format!("{said}.namespace=gateway-system"),
        ]
    });
    let mut args = vec![
        "--global.checknewversion=false".to_owned(),
        "--global.sendanonymoususage=false".to_owned(),
        format!("--entrypoints.web.address={KNATIVE_GATEWAY}"),
        format!("--entrypoints.traefik.address={KNATIVE_GATEWAY_ADMIN}"),
        "--ping=true".to_owned(),
        "--experimental.knative=true".to_owned(),
        "--providers.knative=true".to_owned(),
        format!("--providers.knative.endpoint={API_SERVER}"),
        format!("--providers.knative.token={token}"),
        format!(
            "--providers.knative.certauthfilepath={}",
            credentials::ca(places).display()
        ),
        "--providers.knative.publicentrypoints=web".to_owned(),
        format!("--providers.file.filename={}", gateway::certificates(places).display()),
        "--providers.providersthrottleduration=100ms".to_owned(),
        "--log.level=INFO".to_owned(),
    ];
    args.extend(reached);
    let program = Programs::noted(places)?.traefik;
    process::start(places, TRAEFIK, &program, &args, &[]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "kind: ConfigMap
metadata:
  name: config-deployment
data:
  # What is beside each app.
  queue-sidecar-image: ko://knative.dev/serving/cmd/queue
---
kind: ConfigMap
metadata:
  name: config-network
data:
  _example: |
    ---
    ingress-class: other
---
kind: ConfigMap
metadata:
  name: config-domain
data:
  _example: none
";

    #[test]
    fn programs_and_settings_are_said_in_its_makers_manifests() {
        let ours = with_settings(&with_images(TWO).unwrap()).unwrap();
        for line in [
            "  queue-sidecar-image: localhost/coalmine/knative-queue:dev\n",
            "\ndata:\n  registries-skipping-tag-resolving: index.docker.io\n",
            "\ndata:\n  ingress-class: traefik.ingress.networking.knative.dev\n",
            "\ndata:\n  example.com: \"\"\n",
        ] {
            assert_eq!(ours.matches(line).count(), 1, "{line}");
        }
        assert!(ours.contains("    ingress-class: other\n"));
    }

    #[test]
    fn what_they_have_no_longer_is_no_surprise_later() {
        assert!(with_images("image: ko://knative.dev/serving/cmd/other\n").is_err());
        assert!(with_settings("kind: ConfigMap\nmetadata:\n  name: config-network\ndata:\n").is_err());
    }
}
