//! What is due, and when: a pure decision. All times are seconds since 1970.

/// After a new CA is in the Secret: time until leaves are signed by it. By then it is in every webhook configuration
/// and every API server has seen that (five minutes would be generous; a leaf has days left).
pub const CA_SETTLE: i64 = 600;

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// The first second of it, since 1970.
    pub not_before: i64,
    /// The last second of it, since 1970.
    pub not_after: i64,
}

impl Validity {
    /// The instant at which two thirds of the lifetime are over.
    pub fn renew_at(self) -> i64 {
        self.not_after - self.not_after.saturating_sub(self.not_before) / 3
    }
}

/// What the Secret holds, as far as time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Of the CA that signs from now on.
    pub ca: Validity,
    /// Of the leaf that is served.
    pub leaf: Validity,
    /// The leaf is signed by `ca`, not by the one before it.
    pub leaf_of_ca: bool,
    /// Until when the CA before it is still trusted.
    pub previous_until: Option<i64>,
}

/// The one thing to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing before this instant.
    Wait(i64),
    /// Sign a new leaf with the CA.
    RenewLeaf,
    /// Make a new CA next to the one in use; the leaf stays.
    RenewCa,
    /// Stop trusting the CA before.
    DropPrevious,
    /// Even the CA is over (the machine slept for a year): begin anew.
    StartOver,
}

/// Decides. Doing what it says and asking again always ends in `Wait` for an instant in the future.
pub fn rotate(now: i64, state: &State) -> Action {
    if now >= state.ca.not_after {
        return Action::StartOver;
    }
    if now >= state.leaf.renew_at() {
        return Action::RenewLeaf;
    }
    if !state.leaf_of_ca && now >= state.ca.not_before.saturating_add(CA_SETTLE) {
        return Action::RenewLeaf;
    }
    if state.leaf_of_ca && now >= state.ca.renew_at() {
        return Action::RenewCa;
    }
    // Only once nobody can serve a leaf of it any more.
    if state.leaf_of_ca && state.previous_until.is_some_and(|until| now >= until) {
        return Action::DropPrevious;
    }
    let settle = (!state.leaf_of_ca).then_some(state.ca.not_before.saturating_add(CA_SETTLE));
    let previous = state.previous_until.filter(|_| state.leaf_of_ca);
    let ca = state.leaf_of_ca.then_some(state.ca.renew_at());
    let next = [settle, previous, ca]
        .into_iter()
        .flatten()
        .fold(state.leaf.renew_at(), i64::min);
    Action::Wait(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn fresh(now: i64) -> State {
        State {
            ca: Validity {
                not_before: now,
                not_after: now + 365 * DAY,
            },
            leaf: Validity {
                not_before: now,
                not_after: now + 7 * DAY,
            },
            leaf_of_ca: true,
            previous_until: None,
        }
    }

    /// What the keeper does for an action.
    fn act(now: i64, state: State, action: Action) -> State {
        let leaf = Validity {
            not_before: now,
            not_after: now + 7 * DAY,
        };
        match action {
            Action::Wait(_) => state,
            Action::RenewLeaf => State {
                leaf,
                leaf_of_ca: true,
                ..state
            },
            Action::RenewCa => State {
                ca: Validity {
                    not_before: now,
                    not_after: now + 365 * DAY,
                },
                leaf_of_ca: false,
                previous_until: Some(now + CA_SETTLE + 7 * DAY),
                ..state
            },
            Action::DropPrevious => State {
                previous_until: None,
                ..state
            },
            Action::StartOver => fresh(now),
        }
    }

    #[test]
    fn a_leaf_is_renewed_after_two_thirds_of_its_life() {
        let state = fresh(0);
        let due = 7 * DAY - 7 * DAY / 3;
        assert_eq!(rotate(0, &state), Action::Wait(due));
        assert_eq!(rotate(due - 1, &state), Action::Wait(due));
        assert_eq!(rotate(due, &state), Action::RenewLeaf);
    }

    #[test]
    fn a_new_ca_settles_before_it_signs_and_the_old_one_goes_after_a_leafs_life() {
        let due = 365 * DAY - 365 * DAY / 3;
        let mut state = fresh(0);
        state.leaf = Validity {
            not_before: due,
            not_after: due + 7 * DAY,
        };
        assert_eq!(rotate(due, &state), Action::RenewCa);
        let state = act(due, state, Action::RenewCa);
        assert_eq!(rotate(due, &state), Action::Wait(due + CA_SETTLE));
        assert_eq!(rotate(due + CA_SETTLE, &state), Action::RenewLeaf);
        let state = act(due + CA_SETTLE, state, Action::RenewLeaf);
        let until = state.previous_until.unwrap();
        let state = act(until - 1, state, Action::RenewLeaf);
        assert_eq!(rotate(until, &state), Action::DropPrevious);
    }

    #[test]
    fn a_leaf_that_expired_during_a_suspend_is_renewed_at_once() {
        assert_eq!(rotate(8 * DAY, &fresh(0)), Action::RenewLeaf);
        assert_eq!(rotate(400 * DAY, &fresh(0)), Action::StartOver);
    }

    proptest! {
        #[test]
        fn doing_what_is_due_ends_in_waiting_for_the_future(jumps in prop::collection::vec(1..40 * DAY, 1..80)) {
            let (mut now, mut state) = (0, fresh(0));
            for jump in jumps {
                now += jump;
                for _ in 0..5 {
                    state = act(now, state, rotate(now, &state));
                }
                match rotate(now, &state) {
                    Action::Wait(until) => prop_assert!(until > now),
                    other => prop_assert!(false, "still {other:?} at {now} with {state:?}"),
                }
                prop_assert!(state.leaf.not_after > now);
                prop_assert!(state.leaf_of_ca || state.previous_until.is_some());
            }
        }
    }
}
