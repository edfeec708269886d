//! What a connection to a port of ours may cost, whoever opens it: how many there are and of whom ([`Guests`]), how long
//! the head of a request may be on its way ([`Head`]), and when a connection ends ([`attend`]).

mod activity;
mod attend;
mod guests;
mod head;

pub(crate) use activity::Activity;
pub(crate) use attend::{accept, attend, rested};
pub use guests::Room;
pub(crate) use guests::{Guest, Guests, Place};
pub(crate) use head::{Head, Heard};
