//! Pure validation of our own kinds.
