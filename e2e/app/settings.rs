//! What the environment tells the workload to be.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The workload's behaviour, fixed at start.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// First word of `/` and `/version`, and the header `x-app-version`.
    pub version: String,
    /// Second word of `/`: which pod answered.
    pub hostname: String,
    /// Share of `/` and `/version` answered 500, and of calls that fail, 0 to 1.
    pub error_rate: f64,
    /// Wait before each answer of `/`, `/version` and a call.
    pub latency: Duration,
    /// Exit by itself one second after the start.
    pub crash: bool,
    /// `/readyz` never says yes.
    pub never_ready: bool,
    /// The folder whose files `/file/PATH` shows.
    pub files_root: PathBuf,
    /// Where to listen.
    pub port: u16,
}

impl Settings {
    /// Reads the settings through `get`; what is not set has a default, what is set wrongly is an error.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let error_rate: f64 = number(&get, "ERROR_RATE", 0.0)?;
        if !(0.0..=1.0).contains(&error_rate) {
            return Err(format!("ERROR_RATE must be from 0 to 1, not {error_rate}"));
        }
        let on = |name: &str| matches!(get(name).as_deref(), Some("1" | "true"));
        Ok(Self {
            version: get("VERSION").unwrap_or_else(|| "v0".to_owned()),
            hostname: get("HOSTNAME").unwrap_or_else(|| "local".to_owned()),
            error_rate,
            latency: Duration::from_millis(number(&get, "LATENCY_MS", 0)?),
            crash: on("CRASH"),
            never_ready: on("NEVER_READY"),
            files_root: get("FILES_ROOT").map_or_else(|| PathBuf::from("/etc/app"), PathBuf::from),
            port: number(&get, "PORT", 9898)?,
        })
    }
}

fn number<T: FromStr>(get: impl Fn(&str) -> Option<String>, name: &str, default: T) -> Result<T, String> {
    match get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("{name} is not a number: {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_environment_is_a_healthy_app() {
        let settings = Settings::from_env(|_| None).expect("defaults");
        assert_eq!(settings.port, 9898);
        assert_eq!(settings.error_rate, 0.0);
        assert!(!settings.crash && !settings.never_ready);
    }

    #[test]
    fn a_rate_above_one_is_refused_by_name() {
        let refused = Settings::from_env(|name| (name == "ERROR_RATE").then(|| "1.5".to_owned()));
        assert_eq!(refused, Err("ERROR_RATE must be from 0 to 1, not 1.5".to_owned()));
    }
}
