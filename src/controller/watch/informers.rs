//! What watches keep of the cluster: each lists what there is, follows what changes, and has it at hand.
//!
//! [`cache`] has the objects of the namespaces we work in, [`network_policies`] what their name says, of all namespaces,
//! [`elsewhere`] the routes that lead from one namespace into another, and [`served`] the kinds that not every cluster has.
//! [`relist`] knows what a watch missed while it had no connection, and what it only says again.

pub mod cache;
pub mod elsewhere;
pub mod network_policies;
pub mod relist;
pub mod served;
