//! The command line: one file per subcommand.

mod alerts;
mod argv;
mod cluster;
mod cluster_domain;
mod crds;
mod definitions;
mod environment;
mod files;
mod flagger;
mod leave;
mod serve;

pub use leave::rescue;

use crate::outbound;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::{ffi::OsString, process::ExitCode};

/// Progressive delivery for Kubernetes: every change of a plain Deployment in an opted-in namespace becomes a canary.
#[derive(Debug, Parser)]
#[command(name = "coalmine", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The admission webhook
    Webhook(serve::WebhookArgs),
    /// The controller that runs the releases
    Controller(serve::ControllerArgs),
    /// Webhook and controller in one process, for development
    Run(serve::RunArgs),
    /// Give apps back, all or those of a namespace: before an uninstall
    Leave(leave::Args),
    /// Print the custom resource definitions, or apply them
    Crds(crds::Args),
    /// Print the version
    Version,
}

/// Parses and runs. Without a subcommand, or with one of Flagger's single-dash flags first, it is `run`.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    outbound::install_tls_provider();
    let matches = environment::read_by(Cli::command()).get_matches_from(argv::normalised(args));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Command::Crds(args) => crds::run(&args),
        Command::Leave(args) => leave::run(&args),
        Command::Version => {
            println!(env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Webhook(args) => serve::run(args.common, Some(args.webhook), None),
        Command::Controller(args) => serve::run(args.common, None, Some(args.controller)),
        Command::Run(args) => serve::run(args.common, Some(args.webhook), Some(args.controller)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            eprintln!("coalmine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
