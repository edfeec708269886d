//! Flags of Flagger's that change nothing here. A Deployment that passes them must start; what a flag would have done is
//! said in the log and never silently left out.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};

/// Why a flag has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// What it tunes does not exist here.
    Needless(&'static str),
    /// It will have one.
    NotBuilt,
}

const POLLING: Why = Why::Needless("nothing polls");
const CLIENT: Why = Why::Needless("the client has no limit of its own");
const LEASE: Why = Why::Needless("the controller always holds a lease, in its own namespace");
const FLAGS: [(&str, Why); 8] = [
    ("control-loop-interval", POLLING),
    ("threadiness", POLLING),
    ("kubeconfig-qps", CLIENT),
    ("kubeconfig-burst", CLIENT),
    ("zap-replace-globals", Why::Needless("there is one logger")),
    ("enable-leader-election", LEASE),
    ("leader-election-namespace", LEASE),
    ("kubeconfig-service-mesh", Why::NotBuilt),
];
/// Boolean flags of Go need no value.
const SWITCHES: [&str; 2] = ["zap-replace-globals", "enable-leader-election"];

/// The flags that were given and have no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlaggerArgs(Vec<(&'static str, Why)>);

impl FlaggerArgs {
    /// Says in the log which flags have no effect. Values are not shown: some are secrets.
    pub fn explain(&self) {
        for (name, why) in &self.0 {
            match why {
                Why::Needless(reason) => tracing::info!("-{name} is not needed: {reason}"),
                Why::NotBuilt => tracing::warn!("-{name} has no effect yet"),
            }
        }
    }
}

impl FromArgMatches for FlaggerArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &str| match matches.value_source(name) {
            None | Some(ValueSource::DefaultValue) => false,
            Some(_) => matches
                .get_one::<String>(name)
                .is_some_and(|value| !value.is_empty() && value != "false"),
        };
        Ok(Self(FLAGS.into_iter().filter(|(name, _)| given(name)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for FlaggerArgs {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.map(|(name, _)| {
            let arg = Arg::new(name).long(name).hide(true).action(ArgAction::Set);
            if SWITCHES.contains(&name) {
                arg.num_args(0..=1).require_equals(true).default_missing_value("true")
            } else {
                arg
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args as _;

    fn given(args: &[&str]) -> FlaggerArgs {
        let command = FlaggerArgs::augment_args(Command::new("coalmine"));
        let matches = command.get_matches_from(std::iter::once("coalmine").chain(args.iter().copied()));
        FlaggerArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn what_was_given_in_vain_is_known_and_what_was_left_empty_is_not() {
        let args = [
            "--kubeconfig-service-mesh=/mesh",
            "--threadiness=2",
            "--enable-leader-election",
        ];
        let mut names: Vec<&str> = given(&args).0.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["enable-leader-election", "kubeconfig-service-mesh", "threadiness"]
        );
        assert_eq!(
            given(&["--enable-leader-election=false", "--kubeconfig-service-mesh="]),
            FlaggerArgs::default()
        );
        assert_eq!(given(&[]), FlaggerArgs::default());
    }
}
