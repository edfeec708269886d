//! Coalmine: progressive delivery for Kubernetes at admission time.
