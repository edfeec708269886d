//! Where an alert goes, and what is sent there.

use super::{Alert, gchat, message, msteams, pagerduty, slack, webhook};
use crate::api::alert_provider::AlertProviderSpec;
use serde_json::Value;
use std::collections::BTreeMap;

/// Kind of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Slack, or whatever takes Slack's bodies.
    Slack,
    /// Microsoft Teams, by an incoming webhook.
    MsTeams,
    /// Discord, by its Slack endpoint.
    Discord,
    /// Rocket.Chat, by an incoming webhook.
    Rocket,
    /// Google Chat, by an incoming webhook.
    GoogleChat,
    /// PagerDuty, Events API v2.
    PagerDuty,
    /// Any program that takes JSON by POST.
    Webhook,
}

impl Kind {
    /// Reads `spec.type` of an AlertProvider.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "slack" => Self::Slack,
            "msteams" => Self::MsTeams,
            "discord" => Self::Discord,
            "rocket" => Self::Rocket,
            "gchat" => Self::GoogleChat,
            "pagerduty" => Self::PagerDuty,
            "webhook" => Self::Webhook,
            _ => return None,
        })
    }
}

/// A service that hears alerts, with everything needed to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Kind of the service.
    pub kind: Kind,
    /// Its URL. Mostly a secret: whoever knows it can write.
    pub address: String,
    /// A bearer token, or PagerDuty's routing key.
    pub token: Option<String>,
    /// Channel that is written to, where the service has channels.
    pub channel: String,
    /// Name written under.
    pub username: String,
    /// URL of an HTTP proxy.
    pub proxy: Option<String>,
    /// Go text/template of the text.
    pub template: Option<String>,
    /// `-cluster-name`: which cluster speaks; empty when nobody said.
    pub cluster: String,
}

/// One request to be posted.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRequest {
    /// URL that is posted to.
    pub url: String,
    /// `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// The JSON body.
    pub body: Value,
}

// Keys of its Secret.
const ADDRESS: &str = "address";
const TOKEN: &str = "token";

impl Receiver {
    /// What is read of the Secret that an AlertProvider names.
    pub const KEYS: [&str; 2] = [ADDRESS, TOKEN];

    /// The receiver of an AlertProvider; `secret` is the data of the Secret it names.
    ///
    /// # Errors
    /// What is missing.
    pub fn of(
        spec: &AlertProviderSpec,
        secret: Option<&BTreeMap<String, Vec<u8>>>,
        cluster: &str,
    ) -> Result<Self, String> {
        let kind = Kind::parse(&spec.kind).ok_or_else(|| format!("type {:?} is not known", spec.kind))?;
        let of_secret = |key: &str| {
            let text = String::from_utf8_lossy(secret?.get(key)?).trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let address = match secret {
            Some(_) => of_secret(ADDRESS).ok_or("the Secret lacks the key address")?,
            None => spec.address.clone().ok_or("neither address nor secretRef is set")?,
        };
        let token = of_secret(TOKEN);
        if kind == Kind::PagerDuty && token.is_none() {
            return Err("pagerduty needs its routing key as token in the Secret of secretRef".into());
        }
        Ok(Self {
            kind,
            address,
            token,
            channel: spec.channel().to_owned(),
            username: spec.username().to_owned(),
            proxy: spec.proxy.clone().filter(|proxy| !proxy.is_empty()),
            template: spec.message_template.clone().filter(|template| !template.is_empty()),
            cluster: cluster.to_owned(),
        })
    }

    /// What is posted for an alert. A message template that fails is said in the text instead of keeping the alert back.
    pub fn request(&self, alert: &Alert) -> AlertRequest {
        let mut alert = alert.clone();
        if !self.cluster.is_empty() {
            alert.fields.insert(0, ("Cluster".into(), self.cluster.clone()));
        }
        if let Some(template) = &self.template {
            alert.text = message::render(template, &alert, &self.cluster)
                .unwrap_or_else(|problem| format!("{} (messageTemplate: {problem})", alert.text));
        }
        let bearer = self.token.clone().filter(|_| self.kind != Kind::PagerDuty);
        let body = match self.kind {
            Kind::Slack | Kind::Discord => slack::body(&self.channel, &self.username, &alert, slack::COLOURS),
            Kind::Rocket => slack::body(&self.channel, &self.username, &alert, slack::ROCKETS),
            Kind::MsTeams => msteams::body(&alert),
            Kind::GoogleChat => gchat::body(&alert),
            Kind::PagerDuty => pagerduty::body(self.token.as_deref(), &self.cluster, &alert),
            Kind::Webhook => webhook::body(&alert, &self.cluster),
        };
        let url = match self.kind {
            Kind::Discord => slack::of_discord(&self.address),
            _ => self.address.clone(),
        };
        AlertRequest { url, bearer, body }
    }
}
