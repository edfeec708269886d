//! What the value of a field has to look like, whichever kind it stands in. Nothing here knows a Canary.

pub(super) mod cron;
pub(super) mod distinct;
pub(super) mod durations;
pub(super) mod names;
pub(super) mod regexes;
pub(super) mod size;
pub(super) mod templates;
pub(super) mod urls;
