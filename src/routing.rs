//! Pure: traffic to route objects, and back. One file per provider.
//!
//! Route objects are foreign kinds: they are JSON we own parts of. A provider says what its object should be for given
//! traffic ([`httproute::generated`]), how a live object changes to carry it ([`httproute::with_traffic`]) and which
//! traffic a live object carries ([`httproute::traffic`]); who writes it, and when, is decided elsewhere. What traffic of
//! the moment cannot say by itself (conditions of an A/B test, cookies) is the Canary's [`Exposure`].

pub mod exposure;
pub mod httproute;
mod traffic;

pub use exposure::{Affinity, Cookies, Exposure};
pub use traffic::{Traffic, Weights};

/// The three Services of a pair, by name. `apex` is the one users call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The Service users call; its selector points at the side that serves everyone.
    pub apex: String,
    /// `{apex}-primary`.
    pub primary: String,
    /// `{apex}-canary`.
    pub canary: String,
}

impl Names {
    /// The names Flagger derives from the apex Service's name.
    pub fn new(apex: &str) -> Self {
        Self {
            apex: apex.to_owned(),
            primary: format!("{apex}-primary"),
            canary: format!("{apex}-canary"),
        }
    }
}

/// How traffic is moved for a Canary (`spec.provider`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// `gatewayapi:v1`: an HTTPRoute with two weighted backends.
    GatewayApiV1,
    /// `kubernetes`: the apex Service's selector, all or nothing.
    Kubernetes,
}

impl Provider {
    /// Reads `spec.provider`; `None` for one that is not built yet.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gatewayapi:v1" => Some(Self::GatewayApiV1),
            "kubernetes" => Some(Self::Kubernetes),
            _ => None,
        }
    }

    /// The name as in `spec.provider`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GatewayApiV1 => "gatewayapi:v1",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Whether a share between none and all can be routed.
    pub fn has_weights(self) -> bool {
        matches!(self, Self::GatewayApiV1)
    }
}
