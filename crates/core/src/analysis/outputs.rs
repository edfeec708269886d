//! What a step answers (`outcome`): the state to record, what is to be true in it (`desired_state`), what there is to tell
//! (`event`), and what to ask.

pub(super) mod desired_state;
pub(super) mod event;
pub(super) mod outcome;
