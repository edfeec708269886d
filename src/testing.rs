//! What tests have instead of a cluster: an API server in memory, behind the client that everybody uses.
//!
//! It can: create (also by `generateName` and as a dry run), get, list by pages and field selectors, watch from a version on,
//! replace, JSON patch, merge patch, server-side apply, the `status` part, deletion with preconditions and finalizers, and
//! reviews of rights. Versions, uids, generations and conflicts are as the real one has them; what is built in has no type
//! in lists. On demand it is slow, refuses, breaks its watches or has forgotten what happened ([`ApiServer::expire`]). Time
//! is tokio's, so a test that pauses it waits for nothing.
//!
//! It cannot: label selectors (answered 501), several versions of one kind, schemas and their defaults, strategic merge,
//! conflicts between appliers (whoever applies has forced it, and lists are replaced whole), collection of what lost its
//! owner, and bookmarks. A list is no snapshot. A Deployment gets a ReplicaSet with ready pods, and Services their endpoints,
//! only when a test says so ([`ApiServer::run`]).
//!
//! Tests of one special answer (pages that are checked one by one, a lease that fails) keep their own few lines.

mod address;
mod lists;
mod patch;
mod pods;
mod server;
mod store;

pub use server::ApiServer;

#[cfg(test)]
mod tests;
