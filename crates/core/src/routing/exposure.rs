//! Whom a Canary shows its revision to, besides shares: the conditions of an A/B test and the cookies of sessions.

use super::{Model, ProviderDefaults};
use crate::api::canary::{AnalysisMatch, CanaryStatus, SessionAffinity, TrafficPolicy};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a route needs of the Canary to carry a [`super::Traffic`] that is more than shares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exposure {
    /// `analysis.match`: any entry suffices.
    pub matches: Vec<AnalysisMatch>,
    /// `analysis.sessionAffinity`.
    pub affinity: Option<Affinity>,
    /// The cookies of the run.
    pub cookies: Cookies,
    /// `spec.service.trafficPolicy`: how the endpoints of the halves are treated.
    pub policy: Option<TrafficPolicy>,
    /// Name of the revision under test, of a target whose revisions have names.
    pub revision: Option<String>,
    /// `spec.upstreamRef`: namespace and name of the object whose settings what stands beside a generated route takes over.
    pub model: Option<(String, String)>,
    /// Those of such objects that were found.
    pub models: BTreeMap<Model, Value>,
    /// What a mesh is told of the app that keeps books of its members.
    pub member: Member,
    /// What the command line says to providers.
    pub defaults: ProviderDefaults,
}

impl Exposure {
    /// The same for a route by which nobody can be kept on a side.
    pub(in crate::routing) fn without_sessions(&self) -> Self {
        Self {
            affinity: None,
            ..self.clone()
        }
    }
}

/// What such a mesh is told of an app, besides how its requests go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// `spec.service.backends`: what the app calls in the mesh.
    pub backends: Vec<String>,
    /// Whether its proxies log every request.
    pub logs: bool,
    /// How the pods of the halves are found; `None` where they are not the pair's to tell.
    pub pods: Option<Pods>,
}

/// The labels of the pods of both halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// Labels of primary's pods.
    pub primary: Map<String, Value>,
    /// Of the target's.
    pub canary: Map<String, Value>,
}

/// The cookies of one run as they stand in the status, `name=value` each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cookies {
    /// `status.sessionAffinityCookie`: keeps users on the canary.
    pub canary: Option<String>,
    /// `status.primarySessionAffinityCookie`: keeps users on primary until the next step.
    pub primary: Option<String>,
    /// `status.previousSessionAffinityCookie`: of a run that is over; browsers are told to forget it.
    pub previous: Option<String>,
}

impl Cookies {
    /// Those that a status records.
    pub fn recorded(status: &CanaryStatus) -> Self {
        Self {
            canary: status.session_affinity_cookie.clone(),
            primary: status.primary_session_affinity_cookie.clone(),
            previous: status.previous_session_affinity_cookie.clone(),
        }
    }

    /// The run is over, or traffic left its revision for good.
    pub fn retire(&mut self) {
        if let Some(cookie) = self.canary.take() {
            self.previous = Some(cookie);
        }
        self.primary = None;
    }
}

/// `analysis.sessionAffinity`, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affinity {
    /// Cookie of users on the canary.
    pub cookie_name: String,
    /// Cookie of users on primary; without it those users are drawn again at every request.
    pub primary_cookie_name: Option<String>,
    /// Max-Age of the canary's cookie, seconds.
    pub max_age: i32,
    /// Max-Age of primary's cookie: one interval, after which a user is drawn again.
    pub primary_max_age: u64,
    /// What follows Max-Age in Set-Cookie: "; Domain=…; HttpOnly…", in Flagger's order.
    pub attributes: String,
}

impl Affinity {
    /// Flagger's rendering of what the Canary says; `None` without a cookie name.
    pub fn new(of: &SessionAffinity, interval: Duration) -> Option<Self> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut attributes = String::new();
        let flag = |on: Option<bool>, name: &str| (on == Some(true)).then(|| format!("; {name}"));
        let named = |value: &Option<String>, name: &str| given(value).map(|value| format!("; {name}={value}"));
        for attribute in [
            named(&of.domain, "Domain"),
            flag(of.http_only, "HttpOnly"),
            flag(of.partitioned, "Partitioned"),
            named(&of.path, "Path"),
            named(&of.same_site, "SameSite"),
            flag(of.secure, "Secure"),
        ] {
            attributes.extend(attribute);
        }
        (!of.cookie_name.is_empty()).then(|| Self {
            cookie_name: of.cookie_name.clone(),
            primary_cookie_name: given(&of.primary_cookie_name),
            max_age: of.max_age(),
            primary_max_age: interval.as_secs().max(1),
            attributes,
        })
    }

    /// The Set-Cookie value that keeps a user on the canary.
    pub fn keep_canary(&self, cookie: &str) -> String {
        format!("{cookie}; Max-Age={}{}", self.max_age, self.attributes)
    }

    /// The Set-Cookie value that keeps a user on primary for one interval.
    pub fn keep_primary(&self, cookie: &str) -> String {
        format!("{cookie}; Max-Age={}{}", self.primary_max_age, self.attributes)
    }

    /// The Set-Cookie value that makes a browser forget `cookie`. A browser only does so when Domain and Path agree.
    pub fn forget(&self, cookie: &str) -> String {
        format!("{cookie}; Max-Age=-1{}", self.attributes)
    }
}

/// Ten letters that belong to `parts` alone: no randomness, so that a crash between two writes makes the same again.
pub fn cookie_value(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    digest
        .iter()
        .take(10)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_flaggers_order() {
        let affinity = SessionAffinity {
            cookie_name: "canary".into(),
            primary_cookie_name: Some("primary".into()),
            domain: Some("example.com".into()),
            path: Some("/app".into()),
            http_only: Some(true),
            partitioned: Some(true),
            secure: Some(true),
            same_site: Some("Strict".into()),
            max_age: None,
        };
        let affinity = Affinity::new(&affinity, Duration::from_secs(30)).unwrap();
        assert_eq!(
            affinity.keep_canary("canary=abc"),
            "canary=abc; Max-Age=86400; Domain=example.com; HttpOnly; Partitioned; Path=/app; SameSite=Strict; Secure"
        );
        assert!(
            affinity
                .keep_primary("primary=x")
                .starts_with("primary=x; Max-Age=30; Domain")
        );
        assert!(
            affinity
                .forget("canary=abc")
                .starts_with("canary=abc; Max-Age=-1; Domain")
        );
        assert_eq!(Affinity::new(&SessionAffinity::default(), Duration::ZERO), None);
    }

    #[test]
    fn a_cookie_value_is_ten_letters_and_repeats() {
        let value = cookie_value(&["u-1", "v1-abc", "10"]);
        assert_eq!(value.len(), 10);
        assert!(value.chars().all(|c| c.is_ascii_lowercase()));
        assert_eq!(value, cookie_value(&["u-1", "v1-abc", "10"]));
        assert_ne!(value, cookie_value(&["u-1", "v1-abd", "10"]));
    }
}
