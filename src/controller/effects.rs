//! All that a step does outside: it writes objects ([`apply`]), asks metrics servers and hooks ([`ask`]), and tells people and
//! listening programs what happened ([`notify`]).

pub mod apply;
pub mod ask;
pub mod notify;
