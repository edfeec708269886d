//! What the watches of the whole cluster tell the wiring.

use crate::controller::queue::{Key, tellings};

/// Tells the wiring.
pub type Teller = tellings::Teller<Told>;

/// What the wiring was told.
pub type Tellings = tellings::Tellings<Told>;

/// What a cluster-wide watch tells the wiring. Whoever hears it looks at everything of it anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Told {
    /// A Canary changed.
    Canary(Key),
    /// A namespace changed.
    Namespace(String),
    /// The policy of that name says something else.
    Policy(String),
    /// So does the MetricTemplate of that namespace and name.
    Template(Key),
    /// A claim that may keep apps of that namespace from being paired.
    Claim(String),
    /// A NetworkPolicy that may keep apps of that namespace from being paired; `None` for those of any.
    NetworkPolicy(Option<String>),
    /// Other kinds are served.
    Kinds,
    /// An admin ordered something.
    Orders,
    /// Routes lead into this namespace otherwise than before.
    Elsewhere(String),
}
