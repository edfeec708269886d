//! A revision under analysis: scaled up, settled, given its share, checked, and given up or passed on.

mod analysing;
mod changed;
mod checks;
mod ends;
mod scaling;
mod settling;
