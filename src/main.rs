//! The `coalmine` program.

fn main() {}
