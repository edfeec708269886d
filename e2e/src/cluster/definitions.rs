//! Definitions of kinds on whose objects nothing acts unless a scene asks for it, as the source of their makers' modules has
//! them; where it cannot be had, what is used of them, written here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::golang::{self, Module};
use super::places::Places;
use super::{Cluster, appmesh, contour, knative, mesh, ready};

/// The module that has Istio's definitions, among the pilot's requirements.
const ISTIO: (&str, &str) = (mesh::MODULE, "istio.io/api");
const OF_ISTIO: [&str; 2] = [
    "destinationrules.networking.istio.io",
    "virtualservices.networking.istio.io",
];
/// By which Istio's own routes are served outside of the mesh.
const EDGE: [&str; 1] = ["gateways.networking.istio.io"];
const CONTOUR: (&str, &str) = (contour::MODULE, "github.com/projectcontour/contour");
const OF_CONTOUR: [&str; 1] = ["httpproxies.projectcontour.io"];
/// What Contour itself looks for besides when it runs.
const BESIDE_CONTOUR: [&str; 4] = [
    "contourconfigurations.projectcontour.io",
    "contourdeployments.projectcontour.io",
    "extensionservices.projectcontour.io",
    "tlscertificatedelegations.projectcontour.io",
];
/// It has v1alpha2 to v1alpha4, and converts nothing. No definition of v1alpha1 can be had here.
const OSM: (&str, &str) = ("osm", "github.com/openservicemesh/osm");
const OF_SMI: [&str; 1] = ["trafficsplits.split.smi-spec.io"];
const APISIX: (&str, &str) = ("apisix", "github.com/apache/apisix-ingress-controller");
const OF_APISIX: [&str; 1] = ["apisixroutes.apisix.apache.org"];
/// No module of Kuma's that has this kind can be had here.
const OF_KUMA: [&str; 1] = ["meshhttproutes.kuma.io"];
const KNATIVE: (&str, &str) = (knative::MODULE, knative::SERVING);
const OF_KNATIVE: [&str; 1] = ["services.serving.knative.dev"];

/// Gloo's own definitions are in no module that can be had; the messages of which they are made are in this one.
const GLOO: (&str, &str) = ("gloo", "github.com/solo-io/solo-apis");
const OF_GLOO: [&str; 3] = [
    "routetables.gateway.solo.io",
    "virtualservices.gateway.solo.io",
    "upstreams.gloo.solo.io",
];
/// What makes definitions of those messages.
const GLOO_DEFINITIONS: Module = Module {
    name: "gloo-definitions",
    packages: &["."],
    tags: "",
    ldflags: "",
    minutes: 1,
};

/// Downloads those that a scene may ask for.
pub(super) fn prepare() -> Result<()> {
    appmesh::prepare()?;
    [ISTIO, CONTOUR, OSM, APISIX, KNATIVE, GLOO]
        .into_iter()
        .try_for_each(|module| source(module).map(drop))?;
    GLOO_DEFINITIONS.ensure(&Places::find()?).map(drop)
}

fn source((part, module): (&str, &str)) -> Result<PathBuf> {
    golang::download(part, module)
}

impl Cluster {
    /// Installs the definitions of the kinds that provider istio writes, of the pilot's own version.
    pub fn istio_crds(&self) -> Result<()> {
        let file = source(ISTIO)?.join("kubernetes/customresourcedefinitions.gen.yaml");
        self.define("istio", &file, &OF_ISTIO)
    }

    /// Installs the definition of the kind that provider contour writes.
    pub fn contour_crds(&self) -> Result<()> {
        let file = source(CONTOUR)?.join("examples/contour/01-crds.yaml");
        self.define("contour", &file, &OF_CONTOUR)
    }

    /// Installs the definition of Istio's own Gateway.
    pub(super) fn edge_crds(&self) -> Result<()> {
        let file = source(ISTIO)?.join("kubernetes/customresourcedefinitions.gen.yaml");
        self.define("edge", &file, &EDGE)
    }

    /// Installs the other definitions that Contour does not start without.
    pub(super) fn beside_contour_crds(&self) -> Result<()> {
        let file = source(CONTOUR)?.join("examples/contour/01-crds.yaml");
        self.define("beside-contour", &file, &BESIDE_CONTOUR)
    }

    /// Installs the definition of the kind that providers smi and osm write. It serves v1alpha2 alone, so v1alpha3, which
    /// it has as well, is turned on.
    pub fn smi_crds(&self) -> Result<()> {
        let file = source(OSM)?.join("cmd/osm-bootstrap/crds/smi_traffic_split.yaml");
        let theirs = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let [off, on] = ["false", "true"].map(|served| format!("name: v1alpha3\n      served: {served}"));
        if !theirs.contains(&off) {
            bail!("{} does not have v1alpha3 turned off", file.display());
        }
        let ours = Places::find()?.run.join("trafficsplit.yaml");
        fs::write(&ours, theirs.replacen(&off, &on, 1))?;
        self.define("smi", &ours, &OF_SMI)
    }

    /// Installs the definition of the kind that provider apisix writes.
    pub fn apisix_crds(&self) -> Result<()> {
        let file = source(APISIX)?.join("samples/deploy/crd/v1/ApisixRoute.yaml");
        self.define("apisix", &file, &OF_APISIX)
    }

    /// Installs a definition of what is used of the kind that provider kuma writes.
    pub fn kuma_crds(&self) -> Result<()> {
        let file = Places::parts().join("kuma/meshhttproutes.yaml");
        self.define("kuma", &file, &OF_KUMA)
    }

    /// Installs the definition of the targets of provider knative, for a scene that plays Knative's part.
    pub fn knative_crds(&self) -> Result<()> {
        if self.has_knative() {
            bail!(
                "Knative itself runs in this cluster and would play its part, too; `e2e reset` starts one without it"
            );
        }
        let file = source(KNATIVE)?.join("config/core/300-resources/service.yaml");
        self.define("knative", &file, &OF_KNATIVE)
    }

    /// Installs definitions of the kinds that provider gloo writes, and of what leads to its routes.
    pub fn gloo_crds(&self) -> Result<()> {
        let places = Places::find()?;
        let program = GLOO_DEFINITIONS.ensure(&places)?.join(GLOO_DEFINITIONS.name);
        let made = Command::new(&program).arg(source(GLOO)?.join("api/gloo")).output();
        let made = made.with_context(|| format!("cannot run {}", program.display()))?;
        if !made.status.success() {
            bail!(
                "no definitions of Gloo's kinds: {}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        let file = places.run.join("gloo-definitions.json");
        fs::write(&file, made.stdout)?;
        self.install(&file, &OF_GLOO)
    }

    /// Installs those of that name among all of `source`.
    pub(super) fn define(&self, of: &str, source: &Path, names: &[&str]) -> Result<()> {
        let all = fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
        let is_wanted = |one: &&str| names.iter().any(|name| one.contains(&format!("\n  name: {name}\n")));
        let wanted: Vec<&str> = all.split("\n---\n").filter(is_wanted).collect();
        if wanted.len() != names.len() {
            bail!("{} has {} of the definitions {names:?}", source.display(), wanted.len());
        }
        let file = Places::find()?.run.join(format!("{of}-definitions.yaml"));
        fs::write(&file, wanted.join("\n---\n"))?;
        self.install(&file, names)
    }

    fn install(&self, file: &Path, names: &[&str]) -> Result<()> {
        self.as_admin().apply(file)?;
        self.served(names)
    }

    /// Waits until kubectl finds these kinds: a definition is established a moment before it can be discovered.
    pub(super) fn served(&self, names: &[&str]) -> Result<()> {
        let (places, kubectl) = (Places::find()?, self.as_admin());
        names.iter().try_for_each(|name| {
            let found = || kubectl.run(&["get", name, "--all-namespaces", "--output=name"]).is_ok();
            ready::wait(&places, &format!("kind {name}"), &[], 60, found)
        })
    }
}
