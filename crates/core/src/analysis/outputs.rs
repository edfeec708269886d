//! What a step answers (`decision`): the state to record, what is to be true in it (`desired_state`), what there is to tell
//! (`event`), and what to ask.

pub(super) mod decision;
pub(super) mod desired_state;
pub(super) mod event;
