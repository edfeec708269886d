//! What the watches of the whole cluster send to the wiring.

use crate::controller::queue::{Key, distinct};

/// Sends to the wiring.
pub type ChangeSender = distinct::Sender<ClusterChange>;

/// What was sent to the wiring.
pub type ChangeReceiver = distinct::Receiver<ClusterChange>;

/// A change that a watch of the whole cluster saw. The wiring looks at everything of it anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClusterChange {
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
