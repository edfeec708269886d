//! What the configurations depend on.

use crate::admission::bootstrap::paths::Paths;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// What the API server does when the webhook does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FailurePolicy {
    /// Goes on without it.
    #[default]
    Ignore,
    /// Refuses the request.
    Fail,
}

impl FailurePolicy {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

/// Where API servers find the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Service of the cluster.
    Service {
        /// Namespace of the Service.
        namespace: String,
        /// Name of the Service.
        name: String,
        /// Port of the Service.
        port: u16,
    },
    /// `https://host:port`, for a program outside the cluster.
    Url(String),
}

/// Everything the configurations depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    /// Address of the webhook.
    pub address: Address,
    /// The secret paths of the entries.
    pub paths: Paths,
    /// CAs to trust, PEM.
    pub ca_bundle: String,
    /// The namespace the program itself runs in; never looked at.
    pub own_namespace: String,
    /// The only namespace that is looked at; nothing for every other.
    pub only_namespace: Option<String>,
    /// User names of our own service accounts.
    pub own_users: Vec<String>,
    /// Of every entry but `validate-canaries`, `follow-deployments`, `scale-deployments` and `opt-in`.
    pub failure_policy: FailurePolicy,
    /// Of `validate-canaries`; `Fail` once the self-probe was denied.
    pub canaries_failure_policy: FailurePolicy,
    /// The owner of both configurations, with which they are deleted; `None` keeps the owner that they have.
    pub owner: Option<OwnerReference>,
}
