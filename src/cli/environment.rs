//! Every flag can be set by the environment too: `--mesh-provider` by `COALMINE_MESH_PROVIDER`.

use clap::{Arg, Command};

/// Kubernetes gives every pod `COALMINE_PORT=tcp://...` and `COALMINE_SERVICE_PORT=...` where a Service is called
/// `coalmine`; taking those for our flags would keep the program from starting.
const SET_BY_KUBERNETES: [&str; 2] = ["port", "service-port"];

/// Lets the flags of all subcommands be read from the environment, unless they name a variable of their own.
pub fn read_by(command: Command) -> Command {
    command.mut_subcommands(|subcommand| subcommand.mut_args(with_variable))
}

fn with_variable(arg: Arg) -> Arg {
    let long = arg.get_long().filter(|long| !SET_BY_KUBERNETES.contains(long));
    match (long, arg.get_env()) {
        (Some(long), None) => {
            let name = format!("COALMINE_{}", long.replace('-', "_").to_uppercase());
            // clap wants a name that lives as long as the program; there are a few dozen, made once.
            let name: &'static str = name.leak();
            arg.env(name)
        }
        _ => arg,
    }
}
