//! What a pair is found to be in the caches: its live objects ([`live`]), its configs ([`configs`]), the Services that point at
//! its pods ([`pointing`]), and whose all that is ([`owners`], [`rivals`]).

pub mod authored;
pub mod configs;
pub mod live;
pub mod owners;
pub mod pointing;
pub mod rivals;
