//! `coalmine crds`: the custom resource definitions as YAML.

use crate::api::crds;
use std::path::PathBuf;

/// Flags of `crds`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the committed copies below this folder (a checkout) instead of printing
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    write: Option<PathBuf>,
}

/// Prints or writes them.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.write {
        Some(root) => crds::write(root)?,
        None => print!("{}", crds::render()),
    }
    Ok(())
}
