//! What traffic of a pair does at one instant, whatever carries it.

use super::Capabilities;
use crate::api::canary::Intent;

/// Shares of traffic in percent. They sum to 100 by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    canary: u8,
}

impl Weights {
    /// Everything to primary.
    pub const PRIMARY: Self = Self { canary: 0 };
    /// Everything to the canary.
    pub const CANARY: Self = Self { canary: 100 };

    /// `canary` percent to the canary, at most 100, the rest to primary.
    pub fn canary_share(canary: u8) -> Self {
        Self {
            canary: canary.min(100),
        }
    }

    /// The canary's share, 0 to 100.
    pub fn canary(self) -> u8 {
        self.canary
    }

    /// Primary's share, 0 to 100.
    pub fn primary(self) -> u8 {
        100 - self.canary
    }
}

/// Everything a stage asks of the routing of a pair. Values that only rendering needs (conditions of an A/B test, cookies)
/// belong to the Canary and are added there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// The shares of requests that nothing else decides about.
    pub weights: Weights,
    /// Requests that match `analysis.match` go to the canary, all of them (A/B).
    pub matched: bool,
    /// Percent of primary's requests copied to the canary; answers to copies are thrown away. 0 is no mirror.
    pub mirror: u8,
    /// Cookies keep users on the side they were sent to (`analysis.sessionAffinity`).
    pub sticky: bool,
}

impl Traffic {
    /// Everything to primary, nothing else.
    pub const PRIMARY: Self = Self::plain(Weights::PRIMARY);
    /// Everything to the canary, nothing else.
    pub const CANARY: Self = Self::plain(Weights::CANARY);

    /// Shares and nothing else.
    pub const fn plain(weights: Weights) -> Self {
        Self {
            weights,
            matched: false,
            mirror: 0,
            sticky: false,
        }
    }

    /// `canary` percent to the canary, the rest to primary, nothing else.
    pub fn share(canary: u8) -> Self {
        Self::plain(Weights::canary_share(canary))
    }

    /// What is `expected`, where this is all of it that a provider `can` do: what it never does, it does not do otherwise
    /// than it is asked.
    pub fn as_able(self, can: Capabilities, expected: Option<Self>) -> Self {
        let able = |asked: Self| Self {
            matched: asked.matched && can.matches,
            mirror: if can.mirror { asked.mirror } else { 0 },
            sticky: asked.sticky && can.affinity,
            ..asked
        };
        expected.filter(|expected| able(*expected) == self).unwrap_or(self)
    }

    /// What a list of weighted Services does: it divides the pair's users by a `share`; or it `names` the pair and gives it
    /// nothing, so that nobody comes by it and it does what is asked of it; or it leads to the apex, which selects the side that
    /// serves.
    pub(super) fn of_list(share: Option<u8>, names: bool, can: Capabilities, expected: Option<Self>) -> Self {
        match share {
            Some(share) => Self::share(share).as_able(can, expected),
            None if names => expected.unwrap_or(Self::PRIMARY),
            None => Self::PRIMARY.as_able(can, expected),
        }
    }

    /// The canary's share, 0 to 100.
    pub fn canary(self) -> u8 {
        self.weights.canary()
    }

    /// Primary's share, 0 to 100.
    pub fn primary(self) -> u8 {
        self.weights.primary()
    }

    /// Whether any request, or a copy of one, may reach the canary.
    pub fn reaches_canary(self) -> bool {
        self.canary() > 0 || self.matched || self.mirror > 0
    }
}

impl From<Intent> for Traffic {
    fn from(of: Intent) -> Self {
        let percent = |n: i32| u8::try_from(n.clamp(0, 100)).unwrap_or(0);
        Self {
            weights: Weights::canary_share(percent(of.canary)),
            matched: of.matched,
            mirror: percent(of.mirror),
            sticky: of.sticky,
        }
    }
}

impl From<Traffic> for Intent {
    fn from(of: Traffic) -> Self {
        Self {
            primary: i32::from(of.primary()),
            canary: i32::from(of.canary()),
            mirror: i32::from(of.mirror),
            matched: of.matched,
            sticky: of.sticky,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::routing::{Exposure, Names, RouteKind};
    use proptest::prelude::*;
    use serde_json::Value;

    /// What a run may ask of a route that can do everything.
    pub fn some_traffic() -> impl Strategy<Value = Traffic> {
        let weight = prop_oneof![Just(0u8), Just(100u8), 1u8..100];
        let mirror = prop_oneof![3 => Just(0u8), 1 => 1u8..=100];
        (weight, any::<bool>(), mirror, any::<bool>()).prop_map(|(weight, matched, mirror, sticky)| Traffic {
            matched,
            mirror,
            sticky,
            ..Traffic::share(weight)
        })
    }

    /// What a run asks of a user's `route`, first this and then that, can be read off it whichever way it came there, and
    /// folding leaves no trace. `leads` says whether the route sends anything to the pair.
    ///
    /// # Errors
    /// What is not so.
    pub fn leaves_no_trace(
        kind: &dyn RouteKind,
        names: &Names,
        exposure: &Exposure,
        (route, leads): (&Value, bool),
        (first, second): (Traffic, Traffic),
    ) -> Result<(), TestCaseError> {
        let shown = |route: &Value, traffic: Traffic| {
            kind.carrying(std::slice::from_ref(route), names, traffic, exposure)
                .swap_remove(0)
        };
        let once = shown(route, first);
        if leads {
            prop_assert!(kind.is_split(&once, names));
            prop_assert_eq!(kind.traffic(&once, &[], names, exposure, Some(first)), Some(first));
        } else {
            prop_assert_eq!(&once, route);
        }
        prop_assert_eq!(shown(&once, first), once.clone(), "twice is once");
        let moved = shown(&once, second);
        prop_assert_eq!(&moved, &shown(route, second), "the way there does not matter");
        // A manifest from Git, applied on top, is brought to the same.
        prop_assert_eq!(&kind.folded(&moved, names), route, "nothing of ours is left");
        Ok(())
    }
}
