//! The engine room: watches, observes, steps, and writes the difference.

mod live;
mod observe;
mod readiness;
