//! Flagger's flags have one dash (Go's `flag`): `-log-level=info`, `-mesh-provider istio`. Charts and scripts that pass
//! them go on working.

use std::ffi::OsString;

const SUBCOMMANDS: [&str; 7] = ["webhook", "controller", "run", "leave", "crds", "version", "help"];
/// Flags that mean something else with one dash, that is to Flagger: its `-port` serves metrics and its `-namespace` is
/// the one it watches.
const RENAMED: [(&str, &str); 2] = [("port", "metrics-port"), ("namespace", "watch-namespace")];

/// The arguments in this program's own form: two dashes, and a subcommand in front.
pub fn normalised(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let mut out: Vec<OsString> = args.next().into_iter().collect();
    let rest: Vec<OsString> = args.map(two_dashes).collect();
    if rest.iter().any(|arg| arg == "--version") {
        out.push(OsString::from("version"));
        return out;
    }
    let first = rest.first().and_then(|arg| arg.to_str()).unwrap_or_default();
    let about_itself = ["-V", "--help", "-h"].contains(&first);
    if !SUBCOMMANDS.contains(&first) && !about_itself {
        out.push(OsString::from("run"));
    }
    out.extend(rest);
    out
}

fn two_dashes(arg: OsString) -> OsString {
    let Some(text) = arg.to_str() else { return arg };
    match text.strip_prefix('-') {
        // One letter is a short flag, a digit a negative number.
        Some(name) if name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            let (name, value) = name.split_at(name.find('=').unwrap_or(name.len()));
            let renamed = RENAMED.iter().find(|(flaggers, _)| *flaggers == name);
            OsString::from(format!("--{}{value}", renamed.map_or(name, |(_, ours)| ours)))
        }
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Vec<String> {
        let args = std::iter::once(&"coalmine").chain(args).map(OsString::from);
        normalised(args)
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn flaggers_flags_are_taken() {
        assert_eq!(
            of(&["-log-level=info", "-mesh-provider", "istio"]),
            ["coalmine", "run", "--log-level=info", "--mesh-provider", "istio"]
        );
        assert_eq!(of(&["webhook", "--port=1"]), ["coalmine", "webhook", "--port=1"]);
        assert_eq!(
            of(&["-port=8081", "-namespace", "test"]),
            ["coalmine", "run", "--metrics-port=8081", "--watch-namespace", "test"]
        );
        assert_eq!(of(&["-version"]), ["coalmine", "version"]);
        assert_eq!(of(&["-h"]), ["coalmine", "-h"]);
        assert_eq!(of(&[]), ["coalmine", "run"]);
    }
}
