//! What a step says about the next one.

use std::time::Duration;

/// How long a key whose step found nothing to do is left alone: one change in the cluster is often several events, of its
/// object, of what owns it and of what follows from it.
pub const REST: Duration = Duration::from_millis(50);

/// When a key is to be stepped again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Next {
    /// How long from now, if nothing happens before; `None` for only when something happens.
    pub wake: Option<Duration>,
    /// Whether there was nothing to do. What happens within [`REST`] is then looked at together at the end of it; what
    /// happens later at once.
    pub rests: bool,
}

impl From<Option<Duration>> for Next {
    /// After a step that did something, or that may not have done all.
    fn from(wake: Option<Duration>) -> Self {
        Self { wake, rests: false }
    }
}
