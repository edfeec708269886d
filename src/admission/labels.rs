//! The labels of T that the door keeps, and who may set which.

/// Prefix of every label and annotation of ours.
pub const PREFIX: &str = "coalmine.dev/";
/// T is one half of a pair.
pub const MANAGED: &str = "coalmine.dev/managed";
/// The number of replicas the user wants.
pub const DESIRED_REPLICAS: &str = "coalmine.dev/desired-replicas";
/// One of `cold`, `hot`, `serving`, `rest`.
pub const STATE: &str = "coalmine.dev/state";
/// We paused T, not the user.
pub const HELD: &str = "coalmine.dev/held";
/// Hash of the template the door last admitted.
pub const REVISION: &str = "coalmine.dev/revision";
/// Namespace opt-in, and a Deployment's own opt-out.
pub const ENABLED: &str = "coalmine.dev/enabled";
/// Made by us, and nobody else's yet.
pub const GENERATED: &str = "coalmine.dev/generated";
/// The policy to use.
pub const POLICY: &str = "coalmine.dev/policy";
/// Our field manager.
pub const FIELD_MANAGER: &str = "coalmine";
