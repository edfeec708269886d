//! What may happen in a random history, and how often.

use crate::analysis::Commands;
use crate::analysis::tests::model::{GATES, Happening, Says};
use crate::api::canary::HookType;
use crate::routing::Traffic;
use proptest::prelude::*;

fn foreign() -> impl proptest::strategy::Strategy<Value = Traffic> {
    (0u8..=100, any::<bool>(), 0u8..=100, any::<bool>()).prop_map(|(canary, matched, mirror, sticky)| Traffic {
        matched,
        mirror,
        sticky,
        ..Traffic::share(canary)
    })
}

pub(super) fn happening() -> impl proptest::strategy::Strategy<Value = Happening> {
    prop_oneof![
        6 => (1u8..=3).prop_map(Happening::Apply),
        1 => (1u8..=3).prop_map(Happening::Bypass),
        3 => (1u8..=3).prop_map(Happening::Config),
        1 => any::<bool>().prop_map(Happening::ConfigGone),
        2 => (0u32..5).prop_map(Happening::Scale),
        8 => (0u8..15).prop_map(Happening::Wait),
        1 => (50u8..120).prop_map(Happening::Wait),
        1 => Just(Happening::LosePods),
        2 => (any::<bool>(), 1u8..4).prop_map(|(primary, n)| Happening::LoseSome(primary, n)),
        1 => Just(Happening::EditPrimary),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(primary, pods)| Happening::Refuse(primary, pods)),
        1 => Just(Happening::DeletePrimary),
        2 => prop_oneof![(1u32..7), Just(100u32)].prop_map(Happening::Room),
        1 => any::<bool>().prop_map(Happening::Webhook),
        1 => any::<bool>().prop_map(Happening::Weights),
        1 => (thresholds(), thresholds()).prop_map(|(canary, primary)| Happening::Thresholds(canary, primary)),
        2 => any::<bool>().prop_map(Happening::Pods),
        3 => (0u8..4).prop_map(Happening::Answer),
        6 => (0u8..5).prop_map(Happening::Crash),
        1 => foreign().prop_map(Happening::ForeignRoute),
        1 => Just(Happening::Delete),
        5 => (hook_type(), says()).prop_map(|(kind, says)| Happening::Hook(kind, says)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(skip, reset)| Happening::Annotate(Commands { skip, reset })),
        1 => (1u32..5).prop_map(Happening::Edit),
        1 => any::<bool>().prop_map(Happening::Suspend),
        1 => any::<bool>().prop_map(Happening::DryRun),
        1 => (0u8..30).prop_map(Happening::ClockBack),
    ]
}

fn thresholds() -> impl proptest::strategy::Strategy<Value = u32> {
    proptest::sample::select(&[0u32, 50, 80, 100][..])
}

fn hook_type() -> impl proptest::strategy::Strategy<Value = HookType> {
    proptest::sample::select(&GATES[..])
}

fn says() -> impl proptest::strategy::Strategy<Value = Says> {
    prop_oneof![4 => Just(Says::Yes), 3 => Just(Says::No), 1 => Just(Says::Nothing)]
}

pub(super) fn history() -> impl proptest::strategy::Strategy<Value = Vec<(Happening, u8)>> {
    proptest::collection::vec((happening(), 0u8..4), 1..40)
}
