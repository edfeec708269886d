//! Definitions of kinds on whose objects nothing acts unless a scene asks for it, as the source of their makers' modules has
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::golang;
use super::places::Places;
use super::{Cluster, appmesh, contour, mesh, ready};

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

/// Downloads those that a scene may ask for.
pub(super) fn prepare() -> Result<()> {
    appmesh::prepare()?;
    [ISTIO, CONTOUR, OSM, APISIX]
        .into_iter()
        .try_for_each(|module| source(module).map(drop))
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
        let (kubectl, file) = (self.as_admin(), file.display().to_string());
        kubectl.run(&["apply", "--server-side", "--field-manager=coalmine-e2e", "-f", &file])?;
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
