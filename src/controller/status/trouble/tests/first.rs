//! Which of several troubles is said.

use super::canary;
use crate::{
    analysis::{Stage, State},
    controller::{
        context::memory::passing::Lasting,
        difference::{
            Conflict,
            tests::{seen, target},
        },
        status::trouble::{Evidence, first, missing},
    },
};
use jiff::Timestamp;

// All that is wrong with one that sleeps, from the gravest on; each time the gravest is mended.
#[test]
fn the_one_that_keeps_the_others_from_being_mended_is_said() {
    let canary = canary();
    let mut seen = seen(&target());
    seen.target.as_mut().unwrap().wanted = 0;
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    (state.stage, state.reason) = (Stage::Building, Some("unbuilt".to_owned()));
    let said = |state: &State, mended: usize| {
        let conflicts = [Conflict::Name("Service", "shop-primary".into())];
        let lasting = Lasting {
            since: Timestamp::UNIX_EPOCH,
            words: "etcd is ill".into(),
        };
        let evidence = Evidence {
            canary: &canary,
            state,
            seen: &seen,
            conflicts: &conflicts[..usize::from(mended < 1)],
            absence: (mended < 2).then(|| missing(&canary)),
            refusal: (mended < 4).then(|| "exceeded quota".to_owned()),
            lasting: (mended < 5).then_some(lasting),
            now: Timestamp::UNIX_EPOCH,
        };
        first(evidence, |_, _| None).map(|trouble| trouble.reason)
    };
    let reasons: Vec<_> = (0..3).map(|mended| said(&state, mended).unwrap()).collect();
    assert_eq!(reasons, ["NameConflict", "TargetMissing", "NotBuilt"]);
    (state.stage, state.reason) = (Stage::Waiting, None);
    let reasons: Vec<_> = (3..6).map(|mended| said(&state, mended).unwrap()).collect();
    assert_eq!(reasons, ["Refused", "ApiErrors", "Asleep"]);
    state.stage = Stage::Rest;
    assert_eq!(said(&state, 6), None);
}
