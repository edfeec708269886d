//! Flagger's flags for the one service that hears about every Canary without AlertProviders of its own.

use crate::controller::AlertSettings;
use crate::outbound::alerts::{Kind, Receiver};

/// Who is told, and which cluster speaks.
#[derive(Debug, Default, clap::Args)]
pub struct AlertArgs {
    /// Name of the cluster, told in alerts
    #[arg(long, default_value = "")]
    cluster_name: String,
    /// Slack hook URL; with a token, the URL of chat.postMessage
    #[arg(long, env = "SLACK_URL", hide_env_values = true, default_value = "")]
    slack_url: String,
    /// Slack bot token
    #[arg(long, env = "SLACK_TOKEN", hide_env_values = true, default_value = "")]
    slack_token: String,
    /// Slack user name
    #[arg(long, default_value = "flagger")]
    slack_user: String,
    /// Slack channel; needed with a Slack URL
    #[arg(long, default_value = "")]
    slack_channel: String,
    /// HTTP proxy to Slack
    #[arg(long, env = "SLACK_PROXY_URL", hide_env_values = true, default_value = "")]
    slack_proxy_url: String,
    /// Microsoft Teams hook URL; takes the place of Slack
    #[arg(long, env = "MSTEAMS_URL", hide_env_values = true, default_value = "")]
    msteams_url: String,
    /// HTTP proxy to Microsoft Teams
    #[arg(long, env = "MSTEAMS_PROXY_URL", hide_env_values = true, default_value = "")]
    msteams_proxy_url: String,
}

impl AlertArgs {
    /// What the controller needs to know of them.
    pub fn settings(&self) -> AlertSettings {
        AlertSettings {
            global: self.global(),
            cluster: self.cluster_name.clone(),
        }
    }

    fn global(&self) -> Option<Receiver> {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let receiver = |kind, address: &String, proxy: &String| Receiver {
            kind,
            address: address.clone(),
            token: None,
            channel: self.slack_channel.clone(),
            username: self.slack_user.clone(),
            proxy: some(proxy),
            template: None,
            cluster: self.cluster_name.clone(),
        };
        if !self.msteams_url.is_empty() {
            return Some(receiver(Kind::MsTeams, &self.msteams_url, &self.msteams_proxy_url));
        }
        if self.slack_url.is_empty() {
            return None;
        }
        if self.slack_channel.is_empty() || self.slack_user.is_empty() {
            tracing::error!("-slack-url has no effect without -slack-channel and -slack-user: no alerts");
            return None;
        }
        Some(Receiver {
            token: some(&self.slack_token),
            ..receiver(Kind::Slack, &self.slack_url, &self.slack_proxy_url)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        alerts: AlertArgs,
    }

    fn settings(args: &[&str]) -> AlertSettings {
        let args = std::iter::once("coalmine").chain(args.iter().copied());
        Program::parse_from(args).alerts.settings()
    }

    #[test]
    fn slack_needs_a_channel_and_teams_takes_its_place() {
        assert_eq!(settings(&[]).global, None);
        assert_eq!(settings(&["--slack-token=t", "--slack-channel=ops"]).global, None);
        assert_eq!(settings(&["--slack-url=http://s"]).global, None);
        let slack = [
            "--slack-url=http://s",
            "--slack-token=t",
            "--slack-channel=ops",
            "--cluster-name=eu",
        ];
        let told = settings(&slack).global.unwrap();
        assert_eq!(
            (told.kind, told.address.as_str(), told.token.as_deref()),
            (Kind::Slack, "http://s", Some("t"))
        );
        assert_eq!((told.channel.as_str(), told.username.as_str()), ("ops", "flagger"));
        assert_eq!(told.cluster, "eu");
        let both = [&slack[..], &["--msteams-url=http://t"]].concat();
        let told = settings(&both).global.unwrap();
        assert_eq!(
            (told.kind, told.address.as_str(), told.token),
            (Kind::MsTeams, "http://t", None)
        );
    }
}
