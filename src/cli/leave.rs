//! `coalmine leave`: gives apps back, so that nothing is lost when Coalmine goes.
//!
//! The controller does the work; this command orders it, waits, says how far it is and names what keeps an app. Helm runs it
//! before an uninstall.

mod report;
#[cfg(test)]
mod rescue_tests;
mod survey;

pub use report::rescue;

use crate::api::duration::GoDuration;
use crate::controller::lease;
use crate::orders::{self, Leave, Standing};
use crate::requests;
use anyhow::{Context as _, bail};
use kube::Client;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use survey::Survey;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// A controller that is away for so long, before or while apps are being given back, is not coming back.
const AWAY: Duration = Duration::from_secs(30);

/// Flags of `leave`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Give back the apps of this namespace only
    #[arg(long, short = 'n', env = "COALMINE_LEAVE_NAMESPACE")]
    namespace: Option<String>,
    /// Order nothing: say what would be given back, and what of an order is still to be done
    #[arg(long, conflicts_with = "cancel")]
    check: bool,
    /// Take the order back: apps are taken in again
    #[arg(long)]
    cancel: bool,
    /// How long to wait for the apps, such as 90s or 4m
    #[arg(long, default_value = "4m")]
    timeout: GoDuration,
    /// The namespace that Coalmine itself runs in
    #[arg(long, env = "POD_NAMESPACE", default_value = "coalmine-system")]
    system_namespace: String,
    /// kubeconfig file; default: the pod's account, else KUBECONFIG
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
}

/// Orders, waits, reports.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::try_from(super::cluster::config(args.kubeconfig.as_deref()).await?)?;
        let client = requests::bounded(&client);
        Leaving { client, args }.run().await
    })
}

struct Leaving<'a> {
    client: Client,
    args: &'a Args,
}

impl Leaving<'_> {
    async fn run(&self) -> anyhow::Result<()> {
        let standing = orders::write::read(&self.client, &self.args.system_namespace)
            .await
            .context("cannot read what was ordered before")?;
        if self.args.cancel {
            return self.cancel(&standing).await;
        }
        let survey = self.look().await?;
        if let Some(text) = report::definitions(&survey::definitions(&self.client).await) {
            println!("{text}");
        }
        if self.args.check {
            print!("{}", report::check(&survey, standing.leave()));
            return Ok(());
        }
        self.controller(survey).await?;
        let leave = standing.leave().clone().with(self.args.namespace.as_deref());
        orders::write::leave(&self.client, &self.args.system_namespace, &standing, &leave)
            .await
            .context("cannot order it")?;
        println!("ordered: {leave}");
        self.wait().await?;
        if self.args.namespace.is_none() {
            let left = survey::take_configurations(&self.client).await?;
            println!("{}", report::configurations(&left));
        }
        println!("{}", report::done(self.args.namespace.as_deref()));
        Ok(())
    }

    // One that has just been started leads only when the lease of the one before it is over.
    async fn controller(&self, mut survey: Survey) -> anyhow::Result<()> {
        let until = Instant::now() + AWAY;
        while !survey.is_clean() && !survey.controller {
            if Instant::now() >= until {
                bail!("{}", report::nobody_there(&survey, &self.args.system_namespace));
            }
            tokio::time::sleep(LOOK).await;
            survey = self.look().await?;
        }
        Ok(())
    }

    async fn cancel(&self, standing: &Standing) -> anyhow::Result<()> {
        let Some(leave) = standing.leave().clone().without(self.args.namespace.as_deref()) else {
            bail!("every app was ordered to be given back; take that back as a whole: coalmine leave --cancel");
        };
        orders::write::leave(&self.client, &self.args.system_namespace, standing, &leave).await?;
        match leave {
            Leave::Nobody => println!("taken back: nobody is given back, apps are taken in as before"),
            leave => println!("taken back; what stands: {leave}"),
        }
        Ok(())
    }

    async fn look(&self) -> anyhow::Result<Survey> {
        let lease = (self.args.system_namespace.as_str(), lease::NAME);
        survey::survey(&self.client, self.args.namespace.as_deref(), lease)
            .await
            .context("cannot look for what is to be given back")
    }

    // Errors of single looks are waited out: the API server may be busy with what is being given back.
    async fn wait(&self) -> anyhow::Result<()> {
        let until = Instant::now() + self.args.timeout.to_std();
        let mut said = BTreeMap::new();
        let mut seen = Instant::now();
        loop {
            let looked = self.look().await;
            match &looked {
                Ok(survey) => {
                    report::news(survey, &mut said)
                        .iter()
                        .for_each(|line| println!("{line}"));
                    if survey.is_clean() {
                        return Ok(());
                    }
                    if survey.controller {
                        seen = Instant::now();
                    }
                    if seen.elapsed() > AWAY {
                        bail!("{}", report::nobody_there(survey, &self.args.system_namespace));
                    }
                }
                Err(error) => println!("{error:#}; trying again"),
            }
            if Instant::now() >= until {
                let survey = looked?;
                let amiss = survey::definitions(&self.client).await;
                bail!("{}", report::late(&survey, &amiss, self.args.namespace.as_deref()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
