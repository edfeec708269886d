//! What is built and downloaded beforehand, so that nothing that is measured or bounded in time waits for a compiler.

use std::time::Instant;

use anyhow::Result;

use super::lock::Lock;
use super::places::Places;
use super::programs::{self, Programs};
use super::{ITS_OWN_GATEWAYS, autoscaling, contour, definitions, existing, knative, mesh, requirements, skipper};

/// Builds everything a cluster needs, without starting it.
pub fn prepare() -> Result<()> {
    let places = Places::find()?;
    let _lock = Lock::take(&places)?;
    build(&places).map(drop)
}

/// Makes everything that scenes of the suite ask for on demand.
pub fn prepare_on_demand() -> Result<()> {
    if existing::is_named(&Places::find()?) {
        return Ok(()); // what a scene there lacks, it says
    }
    let began = Instant::now();
    programs::kwok()?;
    programs::kwok_source()?;
    programs::flagger()?;
    autoscaling::prepare()?;
    mesh::prepare()?;
    definitions::prepare()?;
    println!(
        "what scenes ask for is there after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Makes what `make test-gateways` asks for besides.
pub fn prepare_gateways() -> Result<()> {
    if existing::is_named(&Places::find()?) {
        return Ok(());
    }
    mesh::prepare()?;
    contour::prepare()?;
    skipper::prepare()?;
    knative::prepare()?;
    definitions::prepare()
}

/// Why a scene that asks for the gateway of that name, which is its module's, could not be played at once; nothing where it can,
/// or where the gateway comes with every cluster.
pub fn gateway_is_missing(name: &str) -> Result<Option<String>> {
    let places = Places::find()?;
    let on_demand = [
        &mesh::PILOT_MODULE,
        &contour::PROGRAM,
        &skipper::PROGRAM,
        &knative::PROGRAMS,
    ];
    let Some(program) = on_demand.into_iter().find(|program| program.name == name) else {
        return Ok(None);
    };
    if existing::is_named(&places) {
        return Ok(Some(ITS_OWN_GATEWAYS.to_owned()));
    }
    let why = || format!("{name} is not built here, which takes about {} min", program.minutes);
    Ok((!program.is_built(&places)?).then(why))
}

/// Makes the programs of every cluster, and says how long it took.
pub(super) fn build(places: &Places) -> Result<Programs> {
    println!("building the cluster's programs (kept in {})", places.cache.display());
    let began = Instant::now();
    requirements::ensure()?;
    let programs = Programs::ensure(places)?;
    println!("all programs are there after {:.1} s", began.elapsed().as_secs_f64());
    Ok(programs)
}
